"""The two pages that Pulumi's registry shows of a package."""

import re
from typing import Any

import pytest
import yaml
from pulumi_rekey.native.schema import package_schema

from tools.engine.install import ROOT


def front_matter(name: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?\n)---\n\n", (ROOT / "docs" / name).read_text(), re.DOTALL)
    assert found
    described: dict[str, Any] = yaml.safe_load(found[1])
    return described


@pytest.mark.parametrize(
    ("name", "title"),
    [("_index.md", "Rekey"), ("installation-configuration.md", "Rekey Installation & Configuration")],
)
def test_registry_page_has_its_front_matter(name: str, title: str) -> None:
    found = front_matter(name)
    assert found.keys() == {"title", "meta_desc", "layout"}
    assert (found["title"], found["layout"]) == (title, "package")
    assert package_schema()["displayName"] in found["meta_desc"]


def test_registry_page_names_every_setting() -> None:
    text = (ROOT / "docs" / "installation-configuration.md").read_text()
    rows = set(re.findall(r"^\| `rekey:(\w+)` \|", text, re.MULTILINE))
    assert rows == package_schema()["config"]["variables"].keys()
