"""A resource's life: one stack that goes through it, who was called meanwhile, and every secret that ever existed."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.engine import Run, Stack
from tools.vendors import Sandbox

from .case import Case, Outputs, Said

#: How Pulumi keeps what is marked secret.
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_MARK: Final = "1b47061264138c4ac30d75fd1eb44270"
# Tokens of a login, and private keys, are secrets that no output names.
_TOKEN: Final = re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.")
_PRIVATE_KEY: Final = b"PRIVATE KEY-----"
_ID: Final = re.compile(r"urn:vcloud:\w+:[0-9a-f-]{36}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}")


@dataclass(frozen=True)
class Step:
    """What one run of the engine did, and the calls to vendors in it."""

    run: Run
    calls: list[str]

    @property
    def steps(self) -> list[str]:
        """The engine's steps."""
        return self.run.steps

    @property
    def text(self) -> str:
        """All that was printed."""
        return self.run.text

    @property
    def error(self) -> str:
        """The one line in which a failed run says what is wrong."""
        lines = {line.strip() for line in self.text.splitlines() if line.strip().startswith("error: ")}
        (line,) = {line for line in lines if not re.fullmatch(r"error: (update|preview) failed.*", line)}
        assert "Traceback" not in self.text, self.text
        return line.removeprefix("error: ")


class Life:
    """The stack, the program as it reads now, and what has been seen."""

    def __init__(self, case: Case, stack: Stack, sandbox: Sandbox) -> None:
        self.case, self.stack, self.sandbox = case, stack, sandbox
        self.said = Said()
        self.printed: list[str] = []
        self.credentials: list[Outputs] = []
        self._advanced = 0
        self._secrets = {
            value
            for vendor in sandbox.credentials.values()
            for name, value in vendor.items()
            if re.search("secret|password|token", name)
        }

    # -- the engine ------------------------------------------------------------------------------------------------

    def say(self, **changes: Any) -> None:
        """Write the program with these changes against what it said before."""
        self.said = replace(self.said, **changes)
        self.stack.program(self.case.program(self.said))

    def up(self, *arguments: str, fails: bool = False, **changes: Any) -> Step:
        """`pulumi up` of the program with these changes."""
        self.say(**changes)
        return self._noted(lambda: self.stack.up(*arguments, fails=fails))

    def preview(self, *arguments: str, fails: bool = False, **changes: Any) -> Step:
        """`pulumi preview` of the program with these changes."""
        self.say(**changes)
        return self._noted(lambda: self.stack.preview(*arguments, fails=fails))

    def refresh(self, *, fails: bool = False) -> Step:
        """`pulumi refresh`."""
        return self._noted(lambda: self.stack.refresh("--diff", fails=fails))

    def destroy(self, *, fails: bool = False) -> Step:
        """`pulumi destroy`."""
        return self._noted(lambda: self.stack.destroy(fails=fails))

    def advance(self, minutes: int) -> None:
        """Let time pass, at the vendors and for rekey."""
        self._advanced += minutes
        self.sandbox.advance(f"{minutes}m")
        self.stack.environment["REKEY_CLOCK_ADVANCE"] = f"{self._advanced}m"

    def settle(self) -> None:
        """Let the time pass after which a rotation is over, with the ups that it needs."""
        for minutes in self.case.settling:
            self.advance(minutes)
            assert self.up().steps == [f"update {self.said.name}"]

    def outputs(self) -> Outputs:
        """The resource's outputs, decrypted; they are kept among the credentials that ever existed."""
        outputs: Outputs = self.stack.resource(self.said.name)["outputs"]
        found = {name: value for name, value in outputs.items() if name != "__provider"}
        if found not in self.credentials:
            self.credentials.append(found)
        self._secrets |= {value for name in self.case.secrets if (value := found.get(name))}
        return found

    def reason(self, **changes: Any) -> str:
        """What a preview says about the resource, the same in its text and in its JSON."""
        text = self.preview(**changes).text
        preview = json.loads(self.preview("--json", **changes).text)
        said = [
            found["message"].strip()
            for found in preview.get("diagnostics", ())
            if found.get("urn", "").endswith(f"::{self.said.name}")
        ]
        assert said, "the preview says nothing about the resource"
        assert all(line in text for line in said), text
        return " | ".join(said)

    def _noted(self, run: Any) -> Step:
        self.sandbox.forget_calls()
        done: Run = run()
        calls = [f"{call['method']} {self.shape(call['path'])}" for call in self.sandbox.calls()]
        events = self.stack.folder / "events.json"
        self.printed += [done.text, events.read_text() if events.exists() else ""]
        return Step(done, calls)

    def shape(self, path: str) -> str:
        """A path without its ids."""
        own = {str(found[self.case.id_output]) for found in self.credentials if found.get(self.case.id_output)}
        for known in own:
            path = path.replace(known, "{id}")
        return _ID.sub("{id}", path)

    # -- secrets ---------------------------------------------------------------------------------------------------

    def remember(self, credential: Outputs) -> Outputs:
        """Keep a credential that was made by hand among those that ever existed."""
        self.credentials.append(credential)
        self._secrets |= {value for name in self.case.secrets if (value := credential.get(name))}
        return credential

    def marked(self) -> set[str]:
        """The names of the outputs that are kept encrypted."""
        outputs: Outputs = self.stack.resource(self.said.name, show_secrets=False)["outputs"]
        return {
            name
            for name, value in outputs.items()
            if isinstance(value, dict) and value.get(SIGNATURE) == SECRET_MARK and "ciphertext" in value
        }

    def traces(self) -> list[str]:
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
