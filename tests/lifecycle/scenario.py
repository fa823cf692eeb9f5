"""A scenario: one resource on one stack, the calls that its runs make, and every secret that ever existed.

A test says what changes in the program, and judges what the run did. For example::

    from tests.engine import Stack
    from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
    from tests.lifecycle.scenario import Scenario
    from tools.vendors import Sandbox

    def test_rotation_ends_the_old_secret(stack: Stack, sandbox: Sandbox) -> None:
        scenario = Scenario(OidcRelyingPartyCase(sandbox), stack, sandbox)
        case = scenario.case
        assert scenario.up(rotation={"triggers": {"release": 1}}).steps == ["create it"]
        first = scenario.outputs()
        preview = scenario.preview(rotation={"triggers": {"release": 2}})
        assert preview.said.startswith("rotates: trigger changed: release; ")
        assert preview.calls == ()
        assert sorted(scenario.up().calls) == sorted(case.calls.rotate)
        second = scenario.outputs()
        assert case.accepts(second)
        assert not case.accepts(first)
        scenario.destroy()
        assert not case.accepts(second)
        assert scenario.leaks() == []
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.engine import Run, Stack
from tools.vendors import Sandbox

from .case import BESIDE, Case, Outputs, ProgramSpec

# How Pulumi keeps what is marked secret.
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_MARK: Final = "1b47061264138c4ac30d75fd1eb44270"
# Tokens of a login, and private keys, are secrets that no output names.
_TOKEN: Final = re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.")
_PRIVATE_KEY: Final = b"PRIVATE KEY-----"
_ID: Final = re.compile(
    r"urn:vcloud:\w+:[0-9a-f-]{36}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}|rekey-[0-9a-f]{24}|shop-[0-9a-f]{8}"
)


@dataclass(frozen=True)
class Step:
    """What one run of the engine did, and the calls to vendors in it."""

    run: Run
    calls: tuple[str, ...]
    #: What stands under the resource in the run's diagnostics: severity and text.
    diagnostics: list[tuple[str, str]]

    @property
    def steps(self) -> list[str]:
        """The engine's steps, without those of a resource that the case declares beside its own."""
        return [step for step in self.run.steps if not step.endswith(BESIDE)]

    @property
    def said(self) -> str:
        """What is said under the resource without being an error."""
        return "\n".join(text for severity, text in self.diagnostics if severity != "error")

    @property
    def error(self) -> str:
        """The one line in which a failed run says what is wrong with the resource."""
        (error,) = {text for severity, text in self.diagnostics if severity == "error"}
        assert "\n" not in error, error
        return error


def noted(stack: Stack, sandbox: Sandbox, operate: Callable[[], Run]) -> tuple[Run, tuple[str, ...], str]:
    """A run of the engine, the calls to vendors in it, and its log of events."""
    sandbox.forget_calls()
    run = operate()
    calls = tuple(f"{call['method']} {shape(call['path'])}" for call in sandbox.calls())
    return run, calls, stack.events.read_text()


class Scenario:
    """One resource's stack, its program as it reads now, and what has been seen."""

    def __init__(self, case: Case, stack: Stack, sandbox: Sandbox, name: str = "it") -> None:
        self.case, self.stack, self.sandbox = case, stack, sandbox
        self.spec = ProgramSpec(name)
        self.printed: list[str] = []
        self.credentials: list[Outputs] = []
        self._advanced = 0
        self._secrets = of_the_sandbox(sandbox)

    # -- the engine ------------------------------------------------------------------------------------------------

    def write(self, **changes: Any) -> None:
        """Write the program with these changes to the one before."""
        self.spec = replace(self.spec, **changes)
        self.stack.program(self.case.program(self.spec))

    def up(self, *arguments: str, fails: bool | None = False, **changes: Any) -> Step:
        """`pulumi up` of the program with these changes."""
        self.write(**changes)
        return self._noted(lambda: self.stack.up(*arguments, fails=fails))

    def preview(self, *arguments: str, fails: bool | None = False, **changes: Any) -> Step:
        """`pulumi preview` of the program with these changes."""
        self.write(**changes)
        return self._noted(lambda: self.stack.preview(*arguments, fails=fails))

    def refresh(self, *, fails: bool | None = False) -> Step:
        """`pulumi refresh`."""
        return self._noted(lambda: self.stack.refresh("--diff", fails=fails))

    def destroy(self, *, fails: bool | None = False) -> Step:
        """`pulumi destroy`."""
        return self._noted(lambda: self.stack.destroy(fails=fails))

    def advance(self, minutes: int) -> None:
        """Let time pass, at the vendors and for rekey."""
        self._advanced += minutes
        self.sandbox.advance(f"{minutes}m")
        self.stack.environment["REKEY_CLOCK_ADVANCE"] = f"{self._advanced}m"

    def end_overlap(self) -> None:
        """Let the time pass after which a rotation is over, with the ups that it needs."""
        for minutes in self.case.overlap_steps:
            self.advance(minutes)
            assert self.up().steps == [f"update {self.spec.name}"]

    def outputs(self) -> Outputs:
        """The resource's outputs, decrypted; each secret among them is marked, and remembered."""
        return self.outputs_in(self.stack.export(show_secrets=True))

    def outputs_in(self, export: dict[str, Any]) -> Outputs:
        """Its outputs in an export that shows secrets."""
        resources = export["deployment"]["resources"]
        (kept,) = [found["outputs"] for found in resources if found["urn"].endswith(f"::{self.spec.name}")]
        marked = {name for name, value in kept.items() if isinstance(value, dict) and value.get(_SIGNATURE) == _MARK}
        assert marked == kept.keys() & set(self.case.secrets)
        found = {name: json.loads(value["plaintext"]) if name in marked else value for name, value in kept.items()}
        # The pickled provider, on the dynamic front end.
        found.pop("__provider", None)
        return self.remember(found)

    def _noted(self, operate: Callable[[], Run]) -> Step:
        return self.step(*noted(self.stack, self.sandbox, operate))

    def step(self, run: Run, calls: tuple[str, ...], events: str) -> Step:
        """What a run of the engine was for it; what was printed is kept."""
        self.printed += [run.text, events]
        found = (json.loads(line).get("diagnosticEvent", {}) for line in events.splitlines())
        about = [event for event in found if event.get("urn", "").endswith(f"::{self.spec.name}")]
        said = ((event["severity"], said_in(event["message"]).removeprefix(f"{self.spec.name}: ")) for event in about)
        return Step(run, calls, [*said])

    # -- secrets ---------------------------------------------------------------------------------------------------

    def remember(self, credential: Outputs) -> Outputs:
        """Keep a credential among those that ever existed."""
        self.credentials.append(credential)
        self._secrets |= {value for name in self.case.secrets if (value := credential.get(name))}
        return credential

    def leaks(self) -> list[str]:
        """Where a secret, a token or a private key stands in plain text: the files, and what was printed."""
        # A program holds what the test itself has written into it.
        files = [path for path in self.stack.folder.rglob("*") if path.is_file() and path.name != "__main__.py"]
        texts = {str(path.relative_to(self.stack.folder)): path.read_bytes() for path in files}
        texts["stack export"] = json.dumps(self.stack.export()).encode()
        texts |= {f"printed text {number}": text.encode() for number, text in enumerate(self.printed)}
        assert any("/stacks/" in name for name in texts)
        assert any("/history/" in name for name in texts)
        assert any("/backups/" in name for name in texts)
        assert self._secrets
        return [name for name, text in texts.items() if holds_secret(text, self._secrets)]


def of_the_sandbox(sandbox: Sandbox) -> set[str]:
    """The secrets that the vendors have from the start."""
    return {
        value
        for vendor in sandbox.credentials.values()
        for name, value in vendor.items()
        if re.search("secret|password|token", name)
    }


def said_in(message: str) -> str:
    """What rekey said, without what the engine puts before it."""
    return message.removeprefix("error: ").strip().removeprefix("1 error occurred:\n\t* ").strip()


def shape(path: str) -> str:
    """A path without the ids in it."""
    return _ID.sub("{id}", path)


def holds_secret(text: bytes, secrets: set[str]) -> bool:
    """Whether a text holds one of the secrets, a token or a private key, as it is or encoded."""
    if _TOKEN.search(text) or _PRIVATE_KEY in text:
        return True
    return any(form in text for secret in secrets for form in _forms(secret))


def _forms(secret: str) -> Iterator[bytes]:
    # A long one would be found by any of its lines.
    for line in secret.splitlines():
        if len(line) >= 8:
            yield line.encode()
            yield json.dumps(line)[1:-1].encode()
            yield base64.b64encode(line.encode())[:-4]
