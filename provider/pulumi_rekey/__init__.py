"""Declare, reconcile and rotate identity credentials with Pulumi."""

from .manifest import load
from .programs import constructors
from .programs.constructors import *  # noqa: F403 - every resource of the registry, and no list of them here
from .programs.pair import Pair
from .programs.rotation import Rotation, Window

__all__ = ["Pair", "Rotation", "Window", "load"]
__all__ += constructors.__all__
