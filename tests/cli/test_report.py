"""`rekey report`: Markdown, JSON, metrics, and a page that a real browser shows."""

import json
import os
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as of_openmetrics
from prometheus_client.parser import text_string_to_metric_families as of_older_text
from pulumi_rekey.cli.choices import Health
from pulumi_rekey.cli.report import Report, remarks, report, spans
from pulumi_rekey.cli.report_html import page
from pulumi_rekey.cli.report_markdown import markdown
from pulumi_rekey.cli.report_openmetrics import openmetrics
from pulumi_rekey.cli.stack_state import printable, read_stack

from tests.browser import CONTRAST, Browser

from .conftest import REASON, Exports, Rekey
from .estate import NOW, OUTAGE, estate, exports_by_hand

TAB, ENTER = "\ue004", "\ue007"


def shown_code(text: str) -> str:
    """A text without the backticks around code, as a page shows it."""
    return re.sub("`([^`]+)`", r"\1", printable(text))


def export(name: str, *, reason: str = "created", endpoint: str = "roma", errors: tuple[str, ...] = ()) -> bytes:
    """What the engine writes, for one credential with this text in all its places."""
    kind = "pulumi-python:dynamic/rekey:AppSecret"
    outputs = {
        "generation": 1,
        "rotated_at": "2026-11-01T00:00:00Z",
        "rotation_reason": reason,
        "instance_id": "i",
        "app_id": "a",
        "endpoint": endpoint,
        "address": reason,
        "step": reason,
    }
    resource = {"urn": f"urn:pulumi:{name}::{name}::{kind}::{name}", "type": kind, "outputs": outputs}
    return json.dumps({"version": 3, "deployment": {"resources": [resource | {"initErrors": list(errors)}]}}).encode()


def of(content: bytes, at: datetime = NOW) -> Report:
    return report([read_stack(content, "-")], at)


class Structure(HTMLParser):
    """The tags and attributes of a page, without its text, and the text by itself."""

    def __init__(self, text: str) -> None:
        """Of a reason, what stood between backticks is ``code`` or bold, which is left out here."""
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"code", "b"}:
            self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


ANYTHING = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda text: "::" not in text)
NASTY = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</code></td></tr></table><img src=x onerror=alert(1)>",
        "'\" onmouseover=alert(1) x='",
        "a | b\n| c |",
        "`x` **y** [z](https://evil.example) ![i](x) @everyone #1 :tada: www.evil.example",
        "\x1b]0;title\x07\x1b[31mred",
        "::error::stolen",
        "\u202egnp.exe",
        "&amp;&#60;b&#62;",
        "-->",
        "]]>",
    ]
)


@settings(max_examples=60, deadline=None)
@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_report_html_escapes_any_text(name: str, reason: str) -> None:
    plain = Structure(page(of(export("shop", reason="why", endpoint="roma", errors=("why",)))))
    written = page(of(export(name, reason=reason, endpoint=name, errors=(reason,))))
    shown = Structure(written)
    assert shown.tags == plain.tags
    assert printable(name) in shown.text
    assert shown_code(reason) in shown.text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", written)


@settings(max_examples=60, deadline=None)
@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_report_markdown_escapes_any_text(name: str, reason: str) -> None:
    rendering = MarkdownIt("commonmark", {"html": True}).enable("table")
    plain = Structure(rendering.render(markdown(of(export("shop", reason="why", errors=("why",))))))
    shown = Structure(rendering.render(markdown(of(export(name, reason=reason, endpoint=name, errors=(reason,))))))
    assert shown.tags == plain.tags
    assert printable(name) in shown.text
    assert shown_code(reason) in shown.text


def test_report_is_markdown_by_default(rekey: Rekey, exports: Exports, tmp_path: Path) -> None:
    ended = rekey("report", "--file", exports.rotated, "--file", exports.foreign)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("## Credentials\n\n5 credentials in 2 stacks: 1 failing, 1 paused, 3 ok. As of 20")
    row = "| ❌&nbsp;failing | **<code>signing</code>**<br><code>OpenIdProviderKey &#40;vcd&#41;</code> | "
    assert row in ended.out
    assert "- **failing** <code>signing</code>: <code>" in ended.out
    assert "No credentials managed by Rekey." in ended.out


@pytest.mark.parametrize("name", ["report.md", "report.json", "report.html", "report.txt", "report.prom"])
def test_report_format_follows_the_suffix(rekey: Rekey, exports: Exports, tmp_path: Path, name: str) -> None:
    ended = rekey("report", "--file", exports.rotated, "--output", tmp_path / name)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    begins = {"report.json": "{", "report.html": "<!doctype html>", "report.prom": "# HELP "}
    assert (tmp_path / name).read_text().startswith(begins.get(name, "## Credentials"))


def test_report_to_a_missing_folder_fails_in_one_line(rekey: Rekey, exports: Exports, tmp_path: Path) -> None:
    ended = rekey("report", "--file", exports.fresh, "--output", tmp_path / "none" / "report.md")
    assert ended.code == 1
    assert ended.err.endswith("No such file or directory: correct the path\n")


# -- reasons -----------------------------------------------------------------------------------------------------------


def test_estate_has_every_health() -> None:
    assert {health for health, _ in estate().counts()} == set(Health)


def test_remarks_say_equal_reasons_once_and_the_worst_first() -> None:
    found = remarks(estate().rows)
    outage = found[0]
    assert (outage.health, outage.why) == (Health.FAILING, OUTAGE)
    assert [(section.title, row.credential.name) for section, row in outage.rows] == [
        ("identity/prod", "portal"),
        ("identity/prod", "signing"),
        ("identity/prod", "admin"),
        ("identity/dev", "portal"),
    ]
    order = [list(Health).index(remark.health) for remark in found]
    assert order == sorted(order)
    # Once, and where a credential's own text says more, beside it.
    assert page(estate()).count("vcd: PUT …: 503: ") == 1
    assert page(estate()).count(">PUT /cloudapi/1.0.0/relyingParties/72 (request 8c21)<") == 1
    assert page(of(export("shop", errors=("no connection",)))).count("no connection") == 1
    assert markdown(estate()).count("503&#58; ") == 2, "once for each stack"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", [("plain", False)]),
        ("run `pulumi up` again", [("run ", False), ("pulumi up", True), (" again", False)]),
        ("`a``b`", [("a", True), ("b", True)]),
        ("one ` alone", [("one ` alone", False)]),
        ("`` nothing", [("`` nothing", False)]),
    ],
)
def test_spans_are_code_between_backticks(text: str, expected: list[tuple[str, bool]]) -> None:
    assert list(spans(text)) == expected


def test_report_renders_backticks_as_code() -> None:
    assert "run <code>pulumi up</code> again when the vendor has recovered" in page(estate())
    assert " run <b>pulumi up</b> again when the vendor has recovered</code>" in markdown(estate())


# -- metrics -----------------------------------------------------------------------------------------------------------


def parsed(text: str) -> dict[str, Metric]:
    """The metrics in a text by name, as the parser of OpenMetrics reads them."""
    return {family.name: family for family in of_openmetrics(text)}  # type: ignore[no-untyped-call]  # has no types


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The values of each metric by stack, name and health."""
    return {
        name: {
            tuple(sample.labels[key] for key in ("stack", "name", "health") if key in sample.labels): sample.value
            for sample in family.samples
        }
        for name, family in parsed(text).items()
    }


def test_report_openmetrics_is_read_by_its_own_parser() -> None:
    text = openmetrics(estate())
    families = parsed(text)
    assert {(family.type, family.unit) for family in families.values()} == {("gauge", "seconds"), ("gauge", "")}
    assert all(family.documentation.endswith(".") for family in families.values())
    assert all((family.unit == "seconds") == name.endswith("_seconds") for name, family in families.items())
    assert families["rekey_credential_age_seconds"].samples[0].labels == {
        "urn": "urn:pulumi:prod::identity::rekey:index:OidcRelyingParty::portal",
        "project": "identity",
        "stack": "prod",
        "type": "OidcRelyingParty",
        "name": "portal",
        "rekey_endpoint": "vcd",
    }
    # A collector that knows only the older format reads the same.
    older = {family.name: family.samples for family in of_older_text(text)}
    assert older == {name: family.samples for name, family in families.items()}


def test_report_openmetrics_has_the_values_of_the_report() -> None:
    day = 86400
    found = samples(openmetrics(estate()))
    at = dict.fromkeys([("prod",), ("dev",), ("identity/none",)], NOW.timestamp())
    assert found["rekey_report_timestamp_seconds"] == at
    assert found["rekey_credential_age_seconds"]["prod", "orders"] == 97 * day
    assert found["rekey_credential_until_due_seconds"]["prod", "orders"] == -7 * day
    assert found["rekey_credential_until_expiry_seconds"] == {
        ("prod", "scim-legacy"): -3 * day,
        ("prod", "scim"): 355 * day,
        ("dev", "scim"): 265 * day,
    }
    assert ("prod", "break-glass-for-the-night-shift-in-sofia") not in found["rekey_credential_until_due_seconds"]
    assert found["rekey_credential_generation"]["prod", "telemetry"] == 31
    health = found["rekey_credential_health"]
    for section, row in estate().rows:
        name = section.stack.name, row.credential.name
        assert [state for state in Health if health[*name, state]] == [row.verdict.health]


def test_report_openmetrics_counts_two_objects_of_one_urn_as_the_worse_one() -> None:
    """A replaced object that is not deleted yet; Prometheus refuses a file that has a sample twice."""
    content = json.loads(exports_by_hand()[1])
    resources = content["deployment"]["resources"]
    resources.append(next(each for each in resources if each["urn"].endswith("::orders")) | {"delete": True})
    health = samples(openmetrics(of(json.dumps(content).encode())))["rekey_credential_health"]
    assert health["dev", "orders", "failing"] == 1
    assert health["dev", "orders", "ok"] == 0


@settings(max_examples=60, deadline=None)
@given(ANYTHING | NASTY)
def test_report_openmetrics_escapes_any_text(endpoint: str) -> None:
    found = parsed(openmetrics(of(export("shop", endpoint=endpoint))))
    assert found["rekey_credential_generation"].samples[0].labels["rekey_endpoint"] == printable(endpoint)


# -- the page, in a browser --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def estate_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of three stacks, with everything that a timeline can show."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page(estate()))
    return file


SCREENS = {
    "light": {"width": 1280},
    "dark": {"width": 1280, "dark": True},
    "tablet": {"width": 800},
    "narrow": {"width": 390, "height": 844, "phone": True},
    "narrow-dark": {"width": 390, "height": 844, "phone": True, "dark": True},
}


@pytest.mark.parametrize("screen", SCREENS)
def test_report_page_is_readable(chromium: Browser, estate_page: Path, tmp_path: Path, screen: str) -> None:
    chromium.emulate(**SCREENS[screen])  # type: ignore[arg-type]  # a size or a taste
    chromium.open(estate_page)
    assert chromium.complaints() == []
    assert chromium.run("return getComputedStyle(document.querySelector('h1')).margin") == "0px", "the style applies"
    # Not innerWidth: a telephone shrinks a page that is too wide, and then has that much room.
    wide = chromium.run("return document.documentElement.scrollWidth")
    assert wide <= SCREENS[screen]["width"], "nothing must be scrolled sideways"
    assert chromium.run(CONTRAST) == []
    chromium.picture(Path(os.environ.get("REKEY_PICTURES", tmp_path)) / f"rekey-report-{screen}.png")


def test_report_timeline_shows_every_shape(chromium: Browser, estate_page: Path) -> None:
    chromium.emulate(width=1280)
    chromium.open(estate_page)
    count = "return document.querySelectorAll(arguments[0]).length"
    for shape in ("life", "future", "late", "overlap", "window", "often", "freeze", "due", "end"):
        assert chromium.run(count, f"tbody .{shape}"), shape
        assert chromium.run(count, f".legend .{shape}"), shape
    assert chromium.run(count, "tbody svg[role=img][aria-label]") == 20
    red = "return getComputedStyle(document.querySelector('tbody .late')).fill"
    assert chromium.run(red) == "rgb(198, 40, 40)"
    outside = "return [...document.querySelectorAll('tbody rect, tbody line')].filter(s => {" + (
        " const r = s.getBoundingClientRect(), c = s.closest('td').getBoundingClientRect();"
        " return r.left < c.left - 1 || r.right > c.right + 1 }).length"
    )
    assert chromium.run(outside) == 0
    # Narrow or wide, only one axis is shown at a time, and the columns have labels.
    shown = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).length"
    assert chromium.run(shown, "thead .axis") == 2
    assert chromium.run(shown, "tbody .axis") == 0
    chromium.emulate(width=390, height=844, phone=True)
    assert chromium.run(shown, "tbody .axis") == 20
    label = "return getComputedStyle(document.querySelector('td[data-label]'), '::before').content"
    assert chromium.run(label) == '"Next due"'


def test_report_page_works_by_keyboard(chromium: Browser, estate_page: Path) -> None:
    chromium.emulate(width=1280)
    chromium.open(estate_page)
    where = "return document.activeElement.getAttribute('href')"
    seen = []
    for _ in range(40):
        chromium.press(TAB)
        if (link := chromium.run(where)) is None:
            break
        seen.append(link)
    assert seen[:4] == ["#credentials", "#stack-0", "#stack-1", "#stack-2"]
    assert len(seen[4:]) == len(set(seen[4:])) == 8, "whatever a person has to look at"
    chromium.open(estate_page)
    for _ in range(5):
        chromium.press(TAB)
    chromium.press(ENTER)
    assert chromium.run("return location.hash") == seen[4]
    assert chromium.run("return document.querySelector(':target th').firstChild.data") == "portal"


#: What GitHub's own style sheet says of a table and of code, and the width of a comment on a pull request.
GITHUB = """
body { font: 14px/1.5 sans-serif; width: 780px; }
table { border-collapse: collapse; display: block; width: max-content; max-width: 100%; overflow: auto; }
td, th { padding: 6px 13px; border: 1px solid; }
code { padding: .2em .4em; font-size: 85%; white-space: break-spaces; }
"""


def test_report_markdown_fits_a_comment_on_github(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "comment.html"
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown(estate()))
    file.write_text(f"<!doctype html><meta charset='utf-8'><style>{GITHUB}</style>{rendered}")
    chromium.emulate(width=1280)
    chromium.open(file)
    wide = "return [...document.querySelectorAll('table')].filter(t => t.scrollWidth > t.clientWidth).length"
    assert chromium.run(wide) == 0, "nothing must be scrolled sideways"
    # One line for each date: none is broken at a hyphen.
    high = "return Math.max(...[...document.querySelectorAll('td')].map(cell => cell.clientHeight))"
    assert chromium.run(high) <= 4 * 21 + 12


def test_report_page_policy_blocks_injection(chromium: Browser, tmp_path: Path) -> None:
    """The policy refuses what escaping should have kept out already."""
    file = tmp_path / "report.html"
    attack = (
        "<script>document.title = 'owned'</script><style>h1 { margin: 9px }</style><img src='https://evil.example/x'>"
    )
    file.write_text(page(of(export("shop"))).replace("</header>", f"{attack}</header>"))
    chromium.open(file)
    assert chromium.run("return document.title") != "owned"
    assert chromium.run("return getComputedStyle(document.querySelector('h1')).margin") == "0px"
    refused = chromium.complaints()
    assert len([line for line in refused if "Content Security Policy" in line]) >= 3
    assert all("Content Security Policy" in line for line in refused)


def test_report_page_shows_a_reason_literally(chromium: Browser, exports: Exports, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(of(exports.rotated.read_bytes())))
    chromium.open(file)
    assert f"rotate_now: {REASON}" in chromium.run("return document.body.innerText")
