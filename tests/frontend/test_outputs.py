"""What the engine is handed as outputs."""

import pytest

from tests.lifecycle.case import ProgramSpec
from tests.lifecycle.open_id_provider_key import OpenIdProviderKeyCase
from tools.vendors import Sandbox

from .test_delete import run


@pytest.mark.parametrize("activate", [True, False])
def test_output_that_says_no_is_there(sandbox: Sandbox, *, activate: bool) -> None:
    inputs = OpenIdProviderKeyCase(sandbox).arguments(ProgramSpec())
    with run(sandbox) as begun:
        found = begun.create("OpenIdProviderKey", "it", {**inputs, "activate": activate})
    assert found.outputs["active"] is activate
    assert "unconfirmed" not in found.outputs
