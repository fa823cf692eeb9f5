"""The case of every resource, found by the name of its module."""

from importlib import import_module
from typing import Final

from pulumi_rekey.resources import MODULES

from .case import Case


def case_of(module: str) -> type[Case]:
    """The one case in the file that is named like the module of its resource."""
    name = f"{__package__}.{module}"
    found = vars(import_module(name)).values()
    (case,) = (cls for cls in found if isinstance(cls, type) and issubclass(cls, Case) and cls.__module__ == name)
    return case


CASES: Final = tuple(map(case_of, MODULES))
#: Those whose credential a vendor keeps.
AT_A_VENDOR: Final = tuple(case for case in CASES if case.at_a_vendor)
