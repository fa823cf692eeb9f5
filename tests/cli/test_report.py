"""`rekey report`: Markdown, JSON, and a page that a real browser shows."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pulumi_rekey.cli.report import Report, report
from pulumi_rekey.cli.report_html import page
from pulumi_rekey.cli.report_markdown import markdown
from pulumi_rekey.cli.stack_state import printable, read_stack

from tests.browser import CONTRAST, Browser

from .conftest import REASON, Exports, Rekey

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAB, ENTER = "\ue004", "\ue007"


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
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
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
    assert printable(reason) in shown.text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", written)


@settings(max_examples=60, deadline=None)
@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_report_markdown_escapes_any_text(name: str, reason: str) -> None:
    rendering = MarkdownIt("commonmark", {"html": True}).enable("table")
    plain = Structure(rendering.render(markdown(of(export("shop", reason="why", errors=("why",))))))
    shown = Structure(rendering.render(markdown(of(export(name, reason=reason, endpoint=name, errors=(reason,))))))
    assert shown.tags == plain.tags
    assert printable(name) in shown.text
    assert printable(reason) in shown.text


def test_report_is_markdown_by_default(rekey: Rekey, exports: Exports, tmp_path: Path) -> None:
    ended = rekey("report", "--file", exports.rotated, "--file", exports.foreign)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("## Credentials\n\n5 credentials in 2 stacks: 1 failing, 1 paused, 3 ok. As of 20")
    assert "| ❌ | failing | <code>signing</code> <code>OpenIdProviderKey</code> | <code>vcd</code> | " in ended.out
    assert "- **failing** <code>signing</code>: <code>" in ended.out
    assert "No credentials managed by Rekey." in ended.out


@pytest.mark.parametrize("name", ["report.md", "report.json", "report.html", "report.txt"])
def test_report_format_follows_the_suffix(rekey: Rekey, exports: Exports, tmp_path: Path, name: str) -> None:
    ended = rekey("report", "--file", exports.rotated, "--output", tmp_path / name)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    begins = {"report.json": "{", "report.html": "<!doctype html>"}.get(name, "## Credentials")
    assert (tmp_path / name).read_text().startswith(begins)


def test_report_to_a_missing_folder_fails_in_one_line(rekey: Rekey, exports: Exports, tmp_path: Path) -> None:
    ended = rekey("report", "--file", exports.fresh, "--output", tmp_path / "none" / "report.md")
    assert ended.code == 1
    assert ended.err.endswith("No such file or directory\n")


# -- the page, in a browser --------------------------------------------------------------------------------------------


def shifted(content: dict[str, Any], *, project: str, policy: dict[str, Any]) -> bytes:
    """The same export of another project, its OAuth app with another policy."""
    text = json.dumps(content).replace("pulumi:dev::probe", f"pulumi:prod::{project}")
    other = json.loads(text)
    for resource in other["deployment"]["resources"]:
        if resource["urn"].endswith("::billing"):
            resource["inputs"]["rotation"] = policy
    return json.dumps(other).encode()


@pytest.fixture(scope="session")
def estate(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two stacks, with everything that a timeline can show."""
    content = json.loads(exports.rotated.read_text())
    policy = {
        "max_age": "60d",
        "windows": [{"cron": "0 2 * * *", "duration": "4h"}],
        "freeze": [f"{NOW + timedelta(days=20):%Y-%m-%d}/{NOW + timedelta(days=40):%Y-%m-%d}"],
    }
    rotated = next(r for r in content["deployment"]["resources"] if r["urn"].endswith("::billing"))
    minted = datetime.fromisoformat(rotated["outputs"]["rotated_at"])
    policy["freeze"] = [f"{minted + timedelta(days=40):%Y-%m-%d}/{minted + timedelta(days=50):%Y-%m-%d}"]
    stacks = [
        read_stack(exports.rotated.read_bytes(), "-"),
        read_stack(shifted(content, project="identity", policy=policy), "-"),
    ]
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page(report(stacks, minted + timedelta(days=34))))
    return file


SCREENS = {
    "light": {"width": 1200},
    "dark": {"width": 1200, "dark": True},
    "narrow": {"width": 360, "height": 800, "phone": True},
    "narrow-dark": {"width": 360, "height": 800, "phone": True, "dark": True},
}


@pytest.mark.parametrize("screen", SCREENS)
def test_report_page_is_readable(chromium: Browser, estate: Path, tmp_path: Path, screen: str) -> None:
    chromium.emulate(**SCREENS[screen])  # type: ignore[arg-type]  # a size or a taste
    chromium.open(estate)
    assert chromium.complaints() == []
    assert chromium.run("return getComputedStyle(document.querySelector('h1')).margin") == "0px", "the style applies"
    # Not innerWidth: a telephone shrinks a page that is too wide, and then has that much room.
    wide = chromium.run("return document.documentElement.scrollWidth")
    assert wide <= SCREENS[screen]["width"], "nothing must be scrolled sideways"
    assert chromium.run(CONTRAST) == []
    chromium.picture(Path(os.environ.get("REKEY_PICTURES", tmp_path)) / f"rekey-report-{screen}.png")


def test_report_timeline_shows_every_shape(chromium: Browser, estate: Path) -> None:
    chromium.emulate(width=1200)
    chromium.open(estate)
    count = "return document.querySelectorAll(arguments[0]).length"
    for shape in ("life", "future", "late", "overlap", "window", "freeze", "due", "end"):
        assert chromium.run(count, f"figure .{shape}"), shape
    assert chromium.run(count, "figure .row") == 10
    red = "return getComputedStyle(document.querySelector('.overdue .late, .failing .late')).fill"
    assert chromium.run(red) == "rgb(198, 40, 40)"
    inside = "const f = document.querySelector('figure').getBoundingClientRect();" + (
        "return [...document.querySelectorAll('figure rect, figure line')].filter(s => {"
        " const r = s.getBoundingClientRect(); return r.left < f.left - 1 || r.right > f.right + 1 }).length"
    )
    assert chromium.run(inside) == 0


def test_report_page_works_by_keyboard(chromium: Browser, estate: Path) -> None:
    chromium.emulate(width=1200)
    chromium.open(estate)
    where = "return document.activeElement.getAttribute('href')"
    seen = []
    for _ in range(40):
        chromium.press(TAB)
        if (link := chromium.run(where)) is None:
            break
        seen.append(link)
    assert seen[0] == "#credentials"
    rows = [link for link in seen if link.startswith("#credential-")]
    assert len(rows) == len(set(rows)) == 10
    chromium.open(estate)
    for _ in range(seen.index(rows[0]) + 1):
        chromium.press(TAB)
    spoken = chromium.run("return document.activeElement.getAttribute('aria-label')")
    assert spoken.startswith("signing: failing")
    chromium.press(ENTER)
    assert chromium.run("return location.hash") == rows[0]
    assert chromium.run("return document.querySelector(':target th').firstChild.data") == "signing"


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
