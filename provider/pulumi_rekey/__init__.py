"""Declare, reconcile and rotate identity credentials with Pulumi."""

from .dynamic.app_secret import AppSecret
from .dynamic.policy import Rotation

__all__ = ["AppSecret", "Rotation"]
