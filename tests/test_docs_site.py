"""The documentation as a site: built strictly, whole, without another host, and readable in a real browser."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser import CONTRAST, Browser
from tests.pages import PAGES, ROOT, blocks_of

#: Pages that are not on the site: the repository's first, whose words index.md has, and those of Pulumi's registry.
ELSEWHERE = (ROOT / "README.md", *(ROOT / "docs" / name for name in ("_index.md", "installation-configuration.md")))
SOURCES = ("docs", "examples", "schemas", "tools/site.py", "properdocs.yml", *(page.name for page in ROOT.glob("*.md")))
SCREENS = {
    "wide": {"width": 1280},
    "dark": {"width": 1280, "dark": True},
    "narrow": {"width": 360, "height": 800, "phone": True},
    "narrow-dark": {"width": 360, "height": 800, "phone": True, "dark": True},
}
#: With tables, code and long words.
SHOWN = ("index", "tutorial", "rotation", "comparison", "resources/oidc_relying_party", "examples/gitops/index")


def build(root: Path, into: Path) -> subprocess.CompletedProcess[str]:
    """What `make docs` does."""
    # Not with --quiet: it silences what --strict counts.
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "-f", str(root / "properdocs.yml")]
    return subprocess.run(
        [*command, "-d", str(into)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout
    return folder


def place(page: Path) -> str:
    """Where the site has a page."""
    path = page.relative_to(ROOT / "docs" if page.is_relative_to(ROOT / "docs") else ROOT)
    return path.with_name("index.html" if path.stem == "README" else f"{path.stem}.html").as_posix()


class Content(HTMLParser):
    """What a page makes a browser load, the texts of its blocks of code, and all other text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.code: list[str] = []
        self.prose = ""
        self._within = False
        self.feed(page.read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name == ("href" if tag == "link" else "src")]
        if tag == "pre":
            self._within = True
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._within:
            self.code[-1] += data
        else:
            self.prose += data


def programs(page: Path) -> list[Path]:
    """The programs of the example that a page is the README of."""
    if ROOT / "examples" not in page.parents:
        return []
    found = (*page.parent.rglob("*.py"), *page.parent.rglob("*.ts"))
    return [path for path in found if next(it for it in path.parents if (it / "README.md").exists()) == page.parent]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page not in ELSEWHERE], ids=lambda page: str(page.relative_to(ROOT))
)
def test_site_has_every_page_with_its_code(site: Path, page: Path) -> None:
    content = Content(site / place(page))
    shown = content.code
    written = [block.text for block in blocks_of(page)]
    assert shown[: len(written)] == written
    # Marks that the site's Markdown, which is not that of git hosts, has not understood.
    assert [mark for mark in ("```", "\\|", "](", "<!--") if mark in content.prose] == []
    for program in programs(page):
        assert program.read_text() in shown[len(written) :], f"{program} is shown below its example's README"


def test_site_loads_nothing_from_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = Content(page).loaded
        assert loaded
        assert [address for address in loaded if re.match(r"(?:[a-z]+:)?//", address)] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text()), style


def appended(page: str, text: str) -> Callable[[Path], None]:
    """A change of a page."""

    def change(root: Path) -> None:
        with (root / page).open("a") as file:
            file.write(text)

    return change


def unlisted(root: Path) -> None:
    """A page that nothing leads to."""
    (root / "docs" / "forgotten.md").write_text("# Forgotten\n")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (appended("docs/errors.md", "\n[x](nowhere.md)\n"), "nowhere.md"),
        (appended("docs/errors.md", "\n[x](cli.md#nowhere)\n"), "#nowhere"),
        (appended("docs/errors.md", "\n[x](../examples/nowhere)\n"), "../examples/nowhere"),
        (appended("SECURITY.md", "\n[x](docs/cli.md#nowhere)\n"), "#nowhere"),
        (appended("examples/quickstart/README.md", "\n[x](../nowhere/README.md)\n"), "../nowhere/README.md"),
        (unlisted, "forgotten.md"),
    ],
)
def test_site_build_fails_at_a_dead_link(tmp_path: Path, change: Callable[[Path], None], complaint: str) -> None:
    root = tmp_path / "root"
    for source in SOURCES:
        (root / source).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, root / source)
    change(root)
    done = build(root, tmp_path / "site")
    assert done.returncode == 1
    assert complaint in done.stdout


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        pass


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """The address of the site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("screen", SCREENS)
def test_site_is_readable(chromium: Browser, served: str, screen: str) -> None:
    chromium.emulate(**SCREENS[screen])  # type: ignore[arg-type]  # a size or a taste
    for name in SHOWN:
        chromium.open(f"{served}/{name}.html")
        assert chromium.complaints() == [], name
        # Not innerWidth: a telephone shrinks a page that is too wide, and then has that much room.
        wide = chromium.run("return document.documentElement.scrollWidth")
        assert wide <= SCREENS[screen]["width"], f"{name}: nothing must be scrolled sideways"
        assert chromium.run(CONTRAST) == [], name
        if "REKEY_PICTURES" in os.environ:
            picture = f"docs-{name.replace('/', '-')}-{screen}.png"
            chromium.picture(Path(os.environ["REKEY_PICTURES"]) / picture)


@pytest.mark.parametrize("opened", ["served", "as a file"])
@pytest.mark.parametrize("page", ["index.html", "resources/app_secret.html"])
def test_site_can_be_searched(chromium: Browser, site: Path, served: str, opened: str, page: str) -> None:
    """Also for what stands in an example, which is not in docs/."""
    address = served if opened == "served" else site.as_uri()
    chromium.complaints()
    chromium.open(f"{address}/{page}?q=SecretFile")
    found = "return [...document.querySelectorAll('#properdocs-search-results a')].map(link => link.href)"
    give_up = time.monotonic() + 20
    while not (links := chromium.run(found)) and time.monotonic() < give_up:
        time.sleep(0.05)  # another thread of the browser searches, and tells nobody when it is done
    assert any(link.startswith(f"{address}/examples/consumers/file/") for link in links)
    assert chromium.complaints() == []
