"""What the documentation site has beside docs/: a hook of ProperDocs, named in properdocs.yml.

Pages in docs/ link to examples and to pages at the repository's top, by their places in the repository, so that the
links work wherever the files are read. The site has all of these too, each example with its files below its README, and
this hook leads the links there. What it cannot lead anywhere is left as it is; the strict build then refuses it.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from properdocs.config.defaults import ProperDocsConfig
from properdocs.structure.files import File, Files
from properdocs.structure.pages import Page
from pulumi_rekey.resources import MODULES, load
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]  # it has no types

ROOT = Path(__file__).parent.parent
#: Pages and files from outside of docs/; on the site they have the places that they have in the repository.
PAGES = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/**/README.md")
FILES = ("schemas/*.json",)
#: Of an example's folder, what is not made by running it.
OF_EXAMPLES = (
    "Pulumi.yaml",
    "*.py",
    "*.ts",
    "package.json",
    "tsconfig.json",
    "requirements.txt",
    "stack.yaml",
    ".gitignore",
    ".gitlab-ci.yml",
    ".github/workflows/*.yml",
    "credentials/**/*.yaml",
    "credentials/*.py",
    "shop/*",
    "ci/*",
)
LANGUAGES = {
    ".py": "python",
    ".ts": "typescript",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".txt": "text",
    "": "sh",
}
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\|.*$", re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"(?P<text>\[[^\]]*\])\((?P<path>[^)\s#:]+)(?P<heading>#[^)\s]*)?\)")
STYLES = "highlight.css"
#: The folders that have a page of each resource, and how it is called there.
OF_EACH_RESOURCE = {"resources": ".md", "examples": "/README.md"}


def on_config(config: ProperDocsConfig) -> ProperDocsConfig:
    """Let every page have the colours of code, and the menus every resource."""
    config.extra_css.append(STYLES)
    places = {f"{folder}/*": f"{folder}/{{}}{page}" for folder, page in OF_EACH_RESOURCE.items()}
    for menu in config.nav or []:
        for title, entries in menu.items():
            if isinstance(entries, list):
                menu[title] = [found for entry in entries for found in _entries(entry, places)]
    return config


def _entries(entry: dict[str, str] | str, places: Mapping[str, str]) -> list[dict[str, str] | str]:
    """An entry of a menu, or one for each resource in its place."""
    if not isinstance(entry, str) or entry not in places:
        return [entry]
    return [{load(module).name: places[entry].format(module)} for module in MODULES]


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    """Add what is not in docs/."""
    for pattern in (*PAGES, *FILES):
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            text = path.read_text()
            if place.startswith("examples/"):
                text += "".join(_listed(path.parent))
            files.append(File.generated(config, place, content=text))
    files.append(File.generated(config, STYLES, content=_styles()))
    return files


def on_page_markdown(
    markdown: str,
    page: Page,
    config: ProperDocsConfig,  # noqa: ARG001 - it is called by names
    files: Files,
) -> str:
    """Lead links to where the site has what they name, and write tables as the site's Markdown takes them."""
    here = page.file.src_uri

    def led(found: re.Match[str]) -> str:
        target = _on_the_site(posixpath.normpath(posixpath.join(_in_the_repository(here), "..", found["path"])))
        if files.get_file_from_path(target) is None:
            return found[0]
        return f"{found['text']}({posixpath.relpath(target, posixpath.dirname(here) or '.')}{found['heading'] or ''})"

    parts, at = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(led, _rows(markdown[at : fence.start()])), fence[0]]
        at = fence.end()
    return "".join([*parts, LINK.sub(led, _rows(markdown[at:]))])


def on_post_build(config: ProperDocsConfig) -> None:
    """Write the index of the search as a script, too: a page that is opened as a file can load no other form."""
    index = Path(config.site_dir, "search", "search_index.json")
    index.with_suffix(".js").write_text(f"var searchIndex = {index.read_text()};\n")


def _rows(text: str) -> str:
    """The text with code in tables as it is: a bar in it is escaped for git hosts; here the backslash would show."""
    return ROW.sub(lambda row: CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), text)


def _in_the_repository(place: str) -> str:
    """Where the source of a page of the site is."""
    return place if place.startswith("examples/") or place in PAGES else f"docs/{place}"


def _on_the_site(source: str) -> str:
    """Where the site has a file of the repository; a folder stands for its README."""
    if (ROOT / source / "README.md").is_file():
        source = f"{source}/README.md"
    return source.removeprefix("docs/")


def _listed(folder: Path) -> Iterator[str]:
    """The files of an example, as its folder shows them wherever the repository is read."""
    for pattern in OF_EXAMPLES:
        for path in sorted(folder.glob(pattern)):
            if path.is_file():
                yield f"\n## `{path.relative_to(folder).as_posix()}`\n\n"
                yield f"```{LANGUAGES[path.suffix]}\n{path.read_text()}```\n"


def _styles() -> str:
    """The colours of code by day and by night; these two styles are dark and pale enough to be read."""
    themes = {"light": "xcode", "dark": "zenburn"}
    return "\n".join(
        HtmlFormatter(style=style, nobackground=True).get_style_defs(f'[data-bs-theme="{theme}"] .codehilite')
        for theme, style in themes.items()
    )
