"""A sixth resource is its own files and one line: nothing else is edited by hand."""

import pytest

from .sixth_resource import LINE, OWN_FILES, QUICK, REGISTRY, Copy, changed

#: What the generators write.
GENERATED = {
    "README.md",
    "docs/index.md",
    "docs/manifests.md",
    "docs/speed.md",
    "provider/pulumi_rekey/programs/constructors.py",
    "schemas/SixthSecret.json",
    "schemas/manifest.json",
    "schemas/pulumi.json",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy.made_in(tmp_path_factory.mktemp("sixth"))


def test_sixth_resource_is_its_own_files_and_one_line(copy: Copy) -> None:
    before = copy.files()
    copy.add_the_sixth()
    found = changed(before, copy.files())
    own = {path.relative_to(OWN_FILES).as_posix() for path in OWN_FILES.rglob("*") if path.is_file()}
    own -= {place for place in own if "__pycache__" in place}
    assert found.keys() == own | GENERATED | {REGISTRY}
    assert found[REGISTRY] == [f"+{LINE.rstrip()}"]
    for command in QUICK:
        copy.run(*command)
