"""Durations: three spellings, one meaning, one canonical text."""

import re
from datetime import timedelta
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.policy.durations import as_text, in_words, parse
from pulumi_rekey.policy.fields import Duration, within
from pydantic import TypeAdapter, ValidationError

ADAPTER: TypeAdapter[timedelta] = TypeAdapter(Duration)
SCHEMA = ADAPTER.json_schema()


def fits_the_schema(text: str) -> bool:
    return SCHEMA["type"] == "string" and re.search(SCHEMA["pattern"], text) is not None


GOOD = {
    "90d": timedelta(days=90),
    "P90D": timedelta(days=90),
    "720h30m": timedelta(hours=720, minutes=30),
    "PT720H30M": timedelta(hours=720, minutes=30),
    "2w": timedelta(weeks=2),
    "P2W": timedelta(weeks=2),
    "1w2d3h4m5s": timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5),
    "P1W2DT3H4M5S": timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5),
    "P1DT12H": timedelta(days=1, hours=12),
    "PT5M": timedelta(minutes=5),
    "0s": timedelta(),
    "PT0S": timedelta(),
    "007d": timedelta(days=7),
    "99999999w99999999d99999999h": timedelta(weeks=99999999, days=99999999, hours=99999999),
}
MALFORMED = [
    "", "90", "d", "P", "PT", "P1DT", "PT1D", "P90", "-1d", "+1d", "1.5h", "1h1d", "1d1d", "90D", "p90d", "1 d", " 1d",
    "1d ", "1d\n", "1ms", "P1.5D", "P1H", "T1H", "PT1HT1M", "1d,2h", "\u0661d", "999999999d", "forever",
]  # fmt: skip
VAGUE = ["P1M", "P1Y", "P1Y2M", "P3M10D", "P1Y2M3DT4H", "P1W1M", "1y", "6mo", "1M", "P0.5Y"]


@pytest.mark.parametrize("text", GOOD)
def test_parse_each_spelling(text: str) -> None:
    assert parse(text) == GOOD[text]
    assert ADAPTER.validate_python(text) == GOOD[text]
    assert fits_the_schema(text)


@pytest.mark.parametrize("text", MALFORMED)
def test_parse_refuses_other_texts(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write it like 90d, 720h30m or P90D"):
        parse(text)
    # In a JSON Schema `$` is the end; Python's regex, which checks it here, also takes a newline before it.
    assert text.endswith("\n") or not fits_the_schema(text)


@pytest.mark.parametrize("text", VAGUE)
def test_parse_refuses_months_and_years_and_says_why(text: str) -> None:
    with pytest.raises(ValueError, match="months or years, which have no fixed length: write weeks or days"):
        parse(text)
    assert not fits_the_schema(text)


@pytest.mark.parametrize("value", [90, 90.0, True, None, ["90d"], {}])
def test_parse_refuses_numbers_without_unit(value: object) -> None:
    with pytest.raises(ValidationError, match="must be a text with a unit, like 90d"):
        ADAPTER.validate_python(value)


def test_parse_includes_the_bounds() -> None:
    bounded: TypeAdapter[timedelta] = TypeAdapter(Annotated[Duration, within("1h", "P2D")])
    assert bounded.validate_python("60m") == timedelta(hours=1)
    assert bounded.validate_python(timedelta(days=2)) == timedelta(days=2)
    for text in ("59m59s", "2d1s"):
        with pytest.raises(ValidationError, match="must be from 1h to P2D"):
            bounded.validate_python(text)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=99999999)))
def test_canonical_text_is_read_back(span: timedelta) -> None:
    span = timedelta(days=span.days, seconds=span.seconds)
    text = as_text(span)
    assert parse(text) == span
    assert as_text(parse(text)) == text
    assert fits_the_schema(text)
    assert ADAPTER.validate_json(ADAPTER.dump_json(span)) == span
    assert ADAPTER.dump_python(span, mode="json") == text
    assert ADAPTER.dump_python(span) == span


COUNTS = st.lists(st.none() | st.integers(0, 99999999), min_size=5, max_size=5).filter(
    lambda counts: any(count is not None for count in counts)
)


@given(COUNTS)
def test_parse_both_notations_alike(counts: list[int | None]) -> None:
    parts = [f"{count}{unit}" if count is not None else "" for count, unit in zip(counts, "wdhms", strict=True)]
    short = "".join(parts)
    time = "".join(parts[2:]).upper()
    iso = "P" + "".join(parts[:2]).upper() + (f"T{time}" if time else "")
    names = ("weeks", "days", "hours", "minutes", "seconds")
    span = timedelta(**{name: count or 0 for name, count in zip(names, counts, strict=True)})
    assert parse(short) == parse(iso) == span
    assert fits_the_schema(short)
    assert fits_the_schema(iso)


@given(st.text(alphabet="0123456789wdhmsWDHMSYPT.", max_size=12))
def test_schema_accepts_what_parse_accepts(text: str) -> None:
    try:
        parse(text)
    except ValueError:
        assert not fits_the_schema(text)
    else:
        assert fits_the_schema(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0s", "0 s"), ("59s", "59 s"), ("1m", "1 min"), ("90s", "90 s"), ("2m30s", "2 min"), ("1h", "1 h"),
        ("119m", "119 min"), ("2h", "2 h"), ("1d", "1 d"), ("30h", "30 h"), ("47h59m", "47 h"), ("2d", "2 d"),
        ("90d23h", "90 d"), ("52w", "364 d"), ("1d1s", "24 h"),
    ],
)  # fmt: skip
def test_words_of_a_duration(text: str, words: str) -> None:
    assert in_words(parse(text)) == words


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=5000)))
def test_words_never_exaggerate(span: timedelta) -> None:
    found = re.fullmatch(r"(\d+) (d|h|min|s)", in_words(span))
    assert found is not None
    said = parse(found[1] + found[2][0])
    assert said <= span < said * 1.5 + timedelta(seconds=1)
