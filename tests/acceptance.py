"""`make acceptance`: each resource goes through its life at the live systems that the environment names.

Made, left alone, refreshed, rotated, destroyed, on the real engine with a stack of its own. No administrator and no
consumer of the vendor's takes part: what is asserted is what Rekey promises, and what the vendor then says of each
secret. Without `REKEY_ACCEPTANCE=yes` it only says what it would do.
"""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pulumi_rekey.endpoints import Endpoints, session_class
from pulumi_rekey.endpoints.config import environment_names
from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.errors import Error
from pulumi_rekey.resources import load

from tests.engine import Engine, Stack
from tests.network import PROXIES

BEGIN: Final = "REKEY_ACCEPTANCE"
CA_BUNDLE: Final = "REKEY_ACCEPTANCE_CA_BUNDLE"
DIRECTORY, ORG, INSTANCE, APP = (f"REKEY_ACCEPTANCE_{name}" for name in ("DIRECTORY", "ORG", "INSTANCE", "APP"))
#: The rest of what a run needs of the user's environment.
_TLS: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Subject:
    """One resource of the program."""

    #: Its module in the package, and its name in the program.
    name: str
    kind: str
    #: The arguments, as Python, without the policy.
    arguments: str
    #: More of the policy.
    policy: str = ""
    #: What it does to the system, and what stays.
    costs: str = ""
    #: Whether a rotation ends what was before, at once.
    ends_the_old_one: bool = True

    def declaration(self, release: int) -> str:
        """The call that declares it."""
        words = ", ".join(filter(None, (f'triggers={{"release": {release}}}', self.policy)))
        return f'rekey.{load(self.name).name}("{self.name}", {self.arguments}, rotation=rekey.Rotation({words}))'


def subjects(environment: Mapping[str, str]) -> list[Subject]:
    """What the environment names, with names that nobody else has."""
    mark = f"rekey-acceptance-{secrets.token_hex(4)}"
    found = []
    if environment.get("VCD_URL"):
        uris = '["https://rekey-acceptance.invalid/callback"]'
        found += [
            Subject(
                "oidc_relying_party",
                "vcd",
                f'client_name="{mark}", redirect_uris={uris}',
                costs="registers a relying party, regenerates its secret, deletes it",
            ),
            Subject(
                "open_id_provider_key",
                "vcd",
                f'description="{mark}", algorithm="EC", activate=False',
                costs="publishes two keys, of which none signs, and deletes them",
                ends_the_old_one=False,
            ),
        ]
    if environment.get("BROKER_URL") and (directory := environment.get(DIRECTORY)):
        found.append(
            Subject(
                "sync_client_credentials",
                "broker",
                f'directory_id="{directory}"',
                'on_adopt="rotate"',
                f"ENDS THE CREDENTIALS of the sync client of the directory in {DIRECTORY}, three times",
            )
        )
    if environment.get("CPN_URL") and (org := environment.get(ORG)):
        found.append(
            Subject(
                "org_oauth_app",
                "navigator",
                f'org_id="{org}", display_name="{mark}"',
                costs=f"makes an OAuth app in the organization in {ORG}, WHICH REMAINS without a known secret",
            )
        )
    instance, app = environment.get(INSTANCE), environment.get(APP)
    if (environment.get("ROMA_ENDPOINT") or environment.get("HW_REGION_NAME")) and instance and app:
        found.append(
            Subject(
                "app_secret",
                "roma",
                f'instance_id="{instance}", app_id="{app}"',
                costs=f"REPLACES THE SECRET of the application in {APP}, twice: by one that nobody knows in the end",
            )
        )
    return found


class Failure(AssertionError):
    """What an acceptance has found wrong, in one line."""


@dataclass
class Acceptance:
    """One run."""

    stack: Stack
    subjects: list[Subject]
    endpoints: Endpoints
    say: Callable[[str], None]

    def run(self) -> None:
        """Go through the life of all resources at once.

        :raises Failure: at the first thing that is wrong.
        """
        self._write(1)
        self._expect(self.stack.up().steps, "create")
        first = self._states()
        self._say_of(first, "made, and accepted", good=True)
        self._none("up --expect-no-changes", self.stack.up("--expect-no-changes").steps)
        self._none("up after a refresh", (self.stack.refresh(), self.stack.up("--skip-preview"))[1].steps)
        self.say("left alone: a second up and a refresh change nothing")
        self._write(2)
        self._expect(self.stack.up().steps, "update")
        second = self._states()
        self._say_of(second, "rotated, and accepted", good=True)
        ended = {subject: first[subject] for subject in self.subjects if subject.ends_the_old_one}
        self._say_of(ended, "the secret before is refused", good=False)
        self._expect(self.stack.destroy().steps, "delete")
        self._say_of(second, "destroyed, and its secret is refused", good=False)

    def _write(self, release: int) -> None:
        lines = ["import pulumi_rekey as rekey", *(subject.declaration(release) for subject in self.subjects)]
        self.stack.program("\n".join([*lines, ""]))

    def _expect(self, steps: list[str], what: str) -> None:
        wanted = {f"{what} {subject.name}" for subject in self.subjects}
        if {*steps} != wanted:
            raise Failure(f"wanted {sorted(wanted)}, and the engine did {sorted(steps)}")

    @staticmethod
    def _none(what: str, steps: list[str]) -> None:
        if steps:
            raise Failure(f"{what}: {sorted(steps)}")

    def _states(self) -> dict[Subject, Any]:
        resources = self.stack.resources()
        states = {}
        for subject in self.subjects:
            outputs = {
                name: value for name, value in resources[subject.name]["outputs"].items() if name != "__provider"
            }
            states[subject] = load(subject.name).state.model_validate(outputs)
        return states

    def _say_of(self, states: Mapping[Subject, Any], what: str, *, good: bool) -> None:
        """Ask the vendor about each credential; that it cannot tell is said, and is no failure."""
        for subject, state in states.items():
            verdict = self._accepted(subject, state)
            if verdict is (not good):
                raise Failure(f"{subject.name}: not {what}: the vendor says otherwise")
            self.say(f"{subject.name}: {what}{'' if verdict is good else ', as far as that can be told'}")

    def _accepted(self, subject: Subject, state: Any) -> bool | None:
        api = self.endpoints.session(None, subject.kind)
        try:
            verdict: bool | None = load(subject.name).accepted(api, state, lambda: datetime.now(UTC))
        except Error:
            return None
        return verdict


def accept(environment: Mapping[str, str], folder: Path, say: Callable[[str], None]) -> bool:
    """Run the acceptance in a folder; tell whether all was as it should be, and nothing is left."""
    wanted = subjects(environment)
    kinds = {subject.kind for subject in wanted}
    variables = {name for kind in kinds for name in environment_names(session_class(kind).model).values()}
    passed = {name: environment[name] for name in {*variables, *PROXIES, *_TLS} if name in environment}
    home, project = folder / "home", folder / "stack"
    for each in (home, project):
        each.mkdir(parents=True)
    engine = Engine(home)
    # The tests' proxies lead nowhere.
    engine.environment = {name: value for name, value in engine.environment.items() if name not in PROXIES} | passed
    stack = engine.new_stack(project)
    bundle = environment.get(CA_BUNDLE)
    bundles = {f"rekey:endpoints.{kind}.caBundle": bundle for kind in kinds if bundle}
    stack.configure(bundles, {"rekey:owner": secrets.token_hex(16)})
    configured = {kind: {"caBundle": bundle} for kind in kinds if bundle}
    endpoints = Endpoints(configured, Runtime(environment=passed))
    acceptance = Acceptance(stack, wanted, endpoints, say)
    good = True
    try:
        acceptance.run()
    except AssertionError as wrong:
        say(f"FAILED: {wrong}")
        good = False
    finally:
        for kind in kinds:
            endpoints.session(None, kind).connections.close()
    if not good and stack.destroy("--continue-on-error", fails=None).exit_code:
        say(f"NOT ALL IS REMOVED: `pulumi destroy` once more in {stack.folder}, where the stack is kept")
        return False
    shutil.rmtree(folder)
    return good


def main() -> int:
    """Say what will be done, and do it if the environment says so."""
    wanted = subjects(os.environ)
    say: Callable[[str], None] = lambda text: print(text, flush=True)  # noqa: E731, T201 - for people
    if not wanted:
        say("acceptance: the environment names no system: set VCD_URL, BROKER_URL, CPN_URL or ROMA_ENDPOINT, their")
        say(f"credentials, and {DIRECTORY}, {ORG}, {INSTANCE} and {APP} for what exists there")
        return 2
    for subject in wanted:
        say(f"- {subject.name} ({subject.kind}): {subject.costs}")
    if os.environ.get(BEGIN) != "yes":
        say(f"acceptance: nothing was done: set {BEGIN}=yes to begin")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="rekey-acceptance-"))
    return 0 if accept(os.environ, folder, say) else 1


if __name__ == "__main__":
    sys.exit(main())
