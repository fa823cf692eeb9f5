"""No file of the user's stands in for a module that rekey needs; their own programs and providers import as ever."""

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from pulumi_rekey.frontend.import_order import FOR_MANIFESTS, INSTALLED

from tests.engine import Stack

#: What rekey imports when it is used, and pulumi does not before it.
STAND_INS = ("secrets", "hmac", "decimal", "netrc", "httpx", "pydantic", "cryptography", "cronsim")
MANIFEST = '{"kind": "GeneratedSecret", "name": "NAME", "spec": {"vendor": "roma"}}'
PROGRAM = """\
import secrets

import pulumi
import pulumi_rekey as rekey
from probe import Thing

assert secrets.THEIRS
rekey.load("first.yaml")
import hmac

assert hmac.THEIRS
import secrets as again

assert again is secrets
rekey.load("second.yaml")
Thing("whole")
rekey.OidcRelyingParty("party", client_name="portal", redirect_uris=["https://portal.example.com/"])
"""


def write_stand_ins(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}.py").write_text("THEIRS = True\n")


def test_stand_ins_beside_the_program_are_not_imported(stack: Stack) -> None:
    """The host, and `load` in the program, have the real ones; the program and its own provider have theirs."""
    write_stand_ins(stack.folder, *STAND_INS, "neighbour")
    probe = (Path(__file__).parents[1] / "fixtures" / "probe.py").read_text()
    (stack.folder / "probe.py").write_text(f"import neighbour\n{probe}")
    for name in ("first", "second"):
        (stack.folder / f"{name}.yaml").write_text(MANIFEST.replace("NAME", name))
    stack.program(PROGRAM)
    assert sorted(stack.up().steps) == ["create first", "create party", "create second", "create whole"]
    assert len(stack.destroy().steps) == 4


def test_stand_in_that_is_loaded_already_is_named(stack: Stack) -> None:
    """Pulumi has imported it before rekey, so whoever needed the real one has the other."""
    write_stand_ins(stack.folder, "calendar")
    stack.program('import pulumi_rekey as rekey\nrekey.GeneratedSecret("it", vendor="roma")\n')
    run = stack.up(fails=True)
    assert (
        f"error: Rekey needs modules in whose place files of this project are loaded ({stack.folder}/calendar.py):"
        " nothing was changed; rename each" in run.text
    )
    assert run.tracebacks == 0


def python(program: str, folder: Path, *, path: str = "") -> str:
    """What a program prints that `python -c` runs in a folder, which precedes all others then."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("where", ["beside", "PYTHONPATH"])
def test_stand_ins_are_behind_what_is_installed(tmp_path: Path, where: str) -> None:
    library = tmp_path / "library"
    library.mkdir()
    write_stand_ins(tmp_path if where == "beside" else library, "secrets", "httpx", "neighbour")
    # A folder is a package only with an `__init__.py`.
    (tmp_path / "cronsim").mkdir()
    program = """
from pulumi_rekey.frontend.import_order import put_own_first
assert put_own_first() == []
import secrets, httpx, cronsim, neighbour
print(hasattr(secrets, "THEIRS"), hasattr(httpx, "THEIRS"), cronsim.__file__ is None, neighbour.THEIRS)
"""
    assert python(program, tmp_path, path=str(library)) == "False False False True"


def test_stand_ins_are_no_installed_modules_within_the_programs_folder(tmp_path: Path) -> None:
    """A virtual environment, or a folder of packages on PYTHONPATH, inside the project."""
    packages = tmp_path / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    # Python's own on another system only, so that nothing is stood in for here.
    elsewhere = "winreg" if os.name == "posix" else "pwd"
    write_stand_ins(packages, "tzdata", "only_here", elsewhere)
    program = f"""
import sys
sys.path.append({str(packages)!r})
import only_here
from pulumi_rekey.frontend.import_order import own_first, put_own_first
with own_first():
    assert "" in sys.path[-2:]
assert sys.path[0] == ""
print(put_own_first())
"""
    assert python(program, tmp_path) == "[]"
    program = f"""
import only_here, tzdata, {elsewhere}
from pulumi_rekey.frontend.import_order import put_own_first
print(put_own_first())
"""
    # tzdata is installed elsewhere too, and that one does not count here.
    assert python(program, tmp_path, path=str(packages)) == f"['{packages}/tzdata.py']"


def test_own_modules_are_rekeys_in_every_turn(tmp_path: Path) -> None:
    write_stand_ins(tmp_path, "secrets", "cronsim")
    # A folder of manifests, and no package.
    (tmp_path / "yaml").mkdir()
    program = """
import secrets as theirs
from pulumi_rekey.frontend.import_order import own_first
def own():
    with own_first():
        import cronsim, secrets, yaml
        return cronsim, secrets, yaml
first, second = own(), own()
import cronsim, secrets, yaml
print(first == second, cronsim.THEIRS, secrets is theirs, yaml is first[2])
print([hasattr(module, "THEIRS") for module in first])
"""
    assert python(program, tmp_path) == "True True True True\n[False, False, False]"


def test_stand_ins_are_not_imported_by_what_a_program_uses(tmp_path: Path) -> None:
    """Beside what Pulumi has loaded, which is what it is, the public names need modules of Rekey's own only."""
    write_stand_ins(tmp_path, "difflib")
    program = """
import sys, pulumi
before = set(sys.modules)
import pulumi_rekey as rekey
for name in rekey.__all__:
    getattr(rekey, name)
print({name.partition(".")[0] for name in set(sys.modules) - before})
try:
    rekey.AppSecret("app", instance_id="i", app_id="a", rotation={"max_aeg": "90d"})
except pulumi.RunError as refused:
    print(str(refused).rpartition(": ")[2])
import difflib
print(difflib.THEIRS)
"""
    assert python(program, tmp_path).splitlines() == ["{'pulumi_rekey'}", "did you mean max_age?", "True"]


def test_installed_modules_are_all_known() -> None:
    """The list in import_order.py is what pulumi-rekey requires, and what that requires, without pulumi."""
    wanted, seen = ["pulumi-rekey"], set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen or name == "pulumi":
            continue
        seen.add(name)
        needed = [line for line in requires(name) or () if not re.search("extra ==|python_version", line)]
        wanted += [re.split(r"[ ;<>=!~\[(]", line, maxsplit=1)[0].lower().replace("_", "-") for line in needed]
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if seen & {distribution.lower().replace("_", "-") for distribution in distributions}
    }
    assert modules - INSTALLED - FOR_MANIFESTS <= {"pulumi_rekey", "60d19ce3d8a8d67c8ca3__mypyc"}
