"""The sandbox's fixtures are those of all tests."""

from ..vendors import Sandbox

__all__ = ["Sandbox"]
