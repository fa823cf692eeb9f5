"""What the project relies on that Pulumi does not promise: each fact is shown on the engine and SDK in use."""

from .engine import Stack


def test_up_again_and_destroy(bare_stack: Stack) -> None:
    bare_stack.program("""
import pulumi

pulumi.ComponentResource("rekey:test:Component", "part")
pulumi.export("word", pulumi.Output.secret("sesame"))
""")
    assert bare_stack.up().steps == ["create part"]
    assert bare_stack.up("--expect-no-changes").steps == []
    assert bare_stack.outputs() == {"word": "sesame"}
    assert bare_stack.outputs(show_secrets=False) == {"word": "[secret]"}
    assert bare_stack.destroy().steps == ["delete part"]
    assert bare_stack.export()["deployment"].get("resources", []) == []
