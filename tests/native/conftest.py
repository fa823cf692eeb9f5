"""A stack whose resources are the native plugin's."""

import sys
from pathlib import Path

import pytest

from tests.engine import PROJECT, Stack

#: Where the environment has the plugin's script: the engine does not look there by itself.
BIN = Path(sys.executable).parent


def make_native(stack: Stack) -> Stack:
    """Let the plugin manage a stack's resources, by two entries in its Pulumi.yaml."""
    (stack.folder / "Pulumi.yaml").write_text(f"""\
name: {PROJECT}
runtime: python
config:
  rekey:frontend: native
plugins:
  providers:
    - name: rekey
      path: {BIN}
""")
    return stack


@pytest.fixture
def native(stack: Stack) -> Stack:
    return make_native(stack)
