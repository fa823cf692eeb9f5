"""A made-up sixth resource, added to a copy of the repository by CONTRIBUTING's steps alone.

`python -m tests.sixth_resource` goes on to run what any resource is judged by: its lifecycle on the real engine, what
all resources go through in one stack, a sample of the fault matrix, its example, documentation and lint.
"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
#: What its author writes, in the places that CONTRIBUTING says.
OWN_FILES: Final = ROOT / "tests" / "fixtures" / "sixth_resource"
REGISTRY: Final = "provider/pulumi_rekey/resources/__init__.py"
#: In the order of the registry, before the resource that comes next.
LINE, NEXT = '    "sixth_secret",\n', '    "sync_client_credentials",\n'
GENERATORS: Final = ("tools.constructors", "tools.schemas", "tools.reference")
#: What is left out of the copy: none of it is in the repository.
NOT_COPIED: Final = (".*", "__pycache__", "dist", "site", "*.egg-info")
#: What judges a resource within seconds.
QUICK: Final = (
    (
        "pytest",
        "-q",
        *("tests/test_constructors.py", "tests/test_schemas.py", "tests/test_imports.py", "tests/test_model.py"),
        *("tests/test_files.py", "tests/manifest/test_entries.py"),
    ),
    ("pytest", "-q", "tests/test_docs.py", "-k", "links or tables or pages"),
    ("ruff", "check"),
)
#: The rest, mostly on the engine.
THOROUGH: Final = (
    ("mypy",),
    ("pytest", "-q", "tests/test_docs.py", "-k", "type_check"),
    ("pytest", "-q", "tests/test_docs_site.py", "-k", "sixth_secret or other_hosts"),
    ("pytest", "-q", "tests/lifecycle/test_lifecycle.py", "-k", "SixthSecret"),
    ("pytest", "-q", "tests/lifecycle/test_all_resources.py"),
    ("pytest", "-q", "tests/examples/test_examples.py", "-k", "sixth_secret"),
    ("pytest", "-q", "tests/chaos/test_matrices.py", "-k", "fault_matrix"),
    ("tests.chaos", "--matrix", "faults", "--only", "SixthSecret |", "--by", "after the change", "--instances", "32"),
)


@dataclass(frozen=True)
class Copy:
    """A copy of the repository, with an environment in which that is what is installed."""

    root: Path

    @classmethod
    def made_in(cls, folder: Path) -> "Copy":
        """Copy the repository; its dependencies and its engine are those that are at hand."""
        root = folder / "repository"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*NOT_COPIED))
        # An example's pipelines are in the repository, although their names begin with a point.
        shutil.copytree(ROOT / "examples", root / "examples", dirs_exist_ok=True)
        (root / ".build").symlink_to(ROOT / ".build")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
        (here,) = (root / ".venv").glob("lib/python*/site-packages")
        (here / "copy.pth").write_text(f"{root / 'provider'}\n{sysconfig.get_path('purelib')}\n")
        # The native plugin's script, as an installation would write it.
        plugin = Path(sys.executable).with_name("pulumi-resource-rekey")
        copied = root / ".venv" / "bin" / plugin.name
        shutil.copy(plugin, copied)
        copied.write_text(plugin.read_text().replace(sys.executable, str(copied.with_name("python"))))
        return cls(root)

    def add_the_sixth(self) -> None:
        """Take CONTRIBUTING's steps."""
        shutil.copytree(OWN_FILES, self.root, dirs_exist_ok=True)
        registry = self.root / REGISTRY
        registry.write_text(registry.read_text().replace(NEXT, LINE + NEXT))
        for generator in GENERATORS:
            self.run(generator)

    def run(self, module: str, *arguments: str, to: int | None = subprocess.PIPE) -> str:
        """Run a module there, which must succeed, and return what it printed."""
        command = [str(self.root / ".venv" / "bin" / "python"), "-m", module, *arguments]
        done = subprocess.run(command, cwd=self.root, stdout=to, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{module} {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout or ''}")
        return done.stdout or ""

    def files(self) -> dict[str, str]:
        """Every text file of the copy, by its place."""
        return dict(self._files())

    def _files(self) -> Iterator[tuple[str, str]]:
        for path in self.root.rglob("*"):
            place = path.relative_to(self.root)
            beside = place.parts[0] in {".venv", ".build"} or "__pycache__" in place.parts
            if path.is_file() and not beside and "_cache" not in place.parts[0]:
                yield place.as_posix(), path.read_text(errors="replace")


def changed(before: dict[str, str], after: dict[str, str]) -> dict[str, list[str]]:
    """What `diff` says of each file, by its place: the lines that are gone and those that are new, with their signs."""
    found = {}
    for place in sorted(before.keys() | after.keys()):
        old, new = (files.get(place, "").splitlines() for files in (before, after))
        if old != new:
            said = list(unified_diff(old, new, lineterm="", n=0))[2:]
            found[place] = [line for line in said if not line.startswith("@@")]
    return found


def main() -> int:
    """Add it, say which files that changed, and run what judges a resource."""
    with tempfile.TemporaryDirectory(prefix="sixth-") as folder:
        copy = Copy.made_in(Path(folder))
        before = copy.files()
        copy.add_the_sixth()
        for place, lines in changed(before, copy.files()).items():
            how = "changed" if place in before else "new"
            more = sum(line.startswith("+") for line in lines)
            say(f"{how:<8}{place}: {more} lines more, {len(lines) - more} lines fewer")
        for command in (*QUICK, *THOROUGH):
            say(f"\n$ python -m {' '.join(command)}")
            copy.run(*command, to=None)
    return 0


def say(text: str) -> None:
    """One line of the transcript."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
