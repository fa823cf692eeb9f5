"""No file of the user's stands in for a module that rekey needs, of Python's own or installed.

The program's folder and ``PYTHONPATH`` precede both in ``sys.path``, so that a ``secrets.py`` beside ``__main__.py``
is what everybody imports as ``secrets``. In the host, and where Rekey is the program itself, those folders go to the
end. In the user's program their order stays, and only what Rekey imports is looked for in the other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

#: The top-level modules of what is installed with rekey and used by the provider.
INSTALLED: Final = frozenset(
    {
        "_cffi_backend",
        "annotated_types",
        "anyio",
        "cachebox",
        "certifi",
        "cffi",
        "cronsim",
        "cryptography",
        "deepdiff",
        "h11",
        "httpcore",
        "httpx",
        "idna",
        "orderly_set",
        "pycparser",
        "pydantic",
        "pydantic_core",
        "typing_extensions",
        "typing_inspection",
        "tzdata",
    }
)
#: The same of what manifests need besides.
FOR_MANIFESTS: Final = frozenset({"_yaml", "yaml"})


#: What was loaded for rekey in spite of files of the user's.
_OWN: Final[dict[str, ModuleType]] = {}


def put_own_first() -> list[str]:
    """Look for modules among Python's own and installed ones first, in this whole process.

    :returns: The files of the user's that are loaded already as modules which rekey needs.
    """
    users = _users_folders()
    _move_to_the_end(users)
    return sorted(str(module.__file__) for module in _stand_ins(users, INSTALLED).values())


@contextmanager
def own_first() -> Iterator[None]:
    """Do the same for a while; afterwards the user's program finds its own modules again, and rekey keeps its."""
    users, before = _users_folders(), list(sys.path)
    theirs = _with_members(_stand_ins(users, INSTALLED | FOR_MANIFESTS)) if users else {}
    known = sys.modules.keys() - theirs.keys()
    for name in theirs:
        del sys.modules[name]
    sys.modules.update(_OWN)
    _move_to_the_end(users)
    try:
        yield
    finally:
        sys.path[:] = before
        new = sys.modules.keys() - known
        # What the user has a file for, and may import later, is that file.
        shared = {top for top in {name.partition(".")[0] for name in new} if _is_found(top, users)}
        _OWN.update({name: sys.modules.pop(name) for name in new if name.partition(".")[0] in shared})
        sys.modules.update(theirs)


def _users_folders() -> list[str]:
    """Return what precedes the standard library in the search path: the program's folder and ``PYTHONPATH``."""
    standard = str(Path(os.__file__).parent)
    return sys.path[: sys.path.index(standard)] if standard in sys.path else []


def _move_to_the_end(folders: list[str]) -> None:
    sys.path[:] = [*sys.path[len(folders) :], *folders]


def _stand_ins(users: list[str], installed: frozenset[str]) -> dict[str, ModuleType]:
    """Return what was loaded from the user's folders, although it is Python's own or installed, too."""
    places = {Path(folder).absolute() for folder in users}
    others = [folder for folder in sys.path if Path(folder).absolute() not in places]
    return {
        name: module
        for name in (sys.stdlib_module_names | installed) & sys.modules.keys()
        if _folder_of(module := sys.modules[name]) in places and _is_found(name, others)
    }


def _is_found(name: str, folders: list[str]) -> bool:
    """Tell whether the folders hold a top-level module, which a folder without an ``__init__.py`` is not."""
    spec = PathFinder.find_spec(name, folders)
    return spec is not None and spec.origin is not None


def _folder_of(module: ModuleType) -> Path | None:
    """Return the folder in which a top-level module, or a package, was found."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    folder = Path(file).absolute().parent
    return folder.parent if hasattr(module, "__path__") else folder


def _with_members(modules: dict[str, ModuleType]) -> dict[str, ModuleType]:
    """Return packages with the modules in them."""
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in modules}
