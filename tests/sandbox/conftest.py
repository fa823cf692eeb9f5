"""The sandbox's fixtures are those of all tests."""

from tools.vendors import Sandbox

__all__ = ["Sandbox"]
