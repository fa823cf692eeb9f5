"""`make demo`: a real Pulumi engine manages five credentials on a sandbox of their vendors, and each step is proved.

Everything happens in a temporary folder and on a free loopback port, and is gone at the end.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.administrators import CloudDirector, Roma
from tools.consumers import IdentityProvider, NavigatorClient, Portal, RomaApplication
from tools.engine.install import UnableError, heed_interrupts, isolated_environment
from tools.vendors import Sandbox, running_sandbox

QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart"
CALLBACK = "https://portal.example.com/callback"
FOREIGN_CALLBACK = "https://portal.example.net/somebody-elses-callback"

Outputs = dict[str, dict[str, str]]


class NotShownError(Exception):
    """A step did not hold; the message says which."""


class Demo:
    """The stack, the vendors, and those who use the credentials."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.project = folder / "quickstart"
        shutil.copytree(QUICKSTART, self.project)
        self.environment = isolated_environment(folder)
        self.vendors = sandbox.credentials

    def run(self) -> None:
        """Tell the story."""
        self.prepare()
        first = self.create()
        self.change_nothing()
        second = self.rotate(first)
        third = self.wait_for_the_key(second)
        self.repair(third)
        self.destroy(first, third)

    # The steps

    def prepare(self) -> None:
        """A stack of the quickstart, configured for the sandbox."""
        title("A stack: examples/quickstart, with the sandbox's addresses and logins as its config")
        self.pulumi("stack", "init", "dev")
        own = {
            "instanceId": self.vendors["roma"]["instance_id"],
            "appId": self.vendors["roma"]["app_id"],
            "directoryId": self.vendors["broker"]["directory_id"],
            "orgId": self.vendors["navigator"]["org_id"],
        }
        plain = own | self.sandbox.settings()
        words = [word for path, value in plain.items() for word in ("--plaintext", f"{path}={value}")]
        self.pulumi("config", "set-all", "--path", *words)
        secret = {"rekey:owner": "5f2b3c0de1f94a7c8a60b1d2c3e4f506"} | self.sandbox.secret_settings()
        for path, value in secret.items():
            self.pulumi("config", "set", "--path", "--secret", path, stdin=value)

    def create(self) -> Outputs:
        """The first up: every secret works."""
        title("The first `pulumi up`: five credentials come under management")
        self.pulumi("up", "--yes", "--skip-preview")
        outputs = self.outputs()
        say("With the secrets of the stack's outputs, as their consumers would use them:")
        self.prove(self.who_gets_in(outputs), expected=True)
        return outputs

    def change_nothing(self) -> None:
        """The second up: no change, and no call to a vendor."""
        title("The second `pulumi up`: nothing is due, so nothing happens")
        self.sandbox.forget_calls()
        self.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
        calls = len(self.sandbox.calls())
        check(calls == 0, f"{calls} calls were made to the vendors")

    def rotate(self, first: Outputs) -> Outputs:
        """A changed trigger: new secrets work, old ones do not."""
        title("A rotation: the program's trigger is a config value, and it changes")
        published = self.published_keys()
        self.pulumi("config", "set", "rotate", "monday")
        say("The preview says why:")
        self.pulumi("preview")
        self.pulumi("up", "--yes", "--skip-preview")
        second = self.outputs()
        say("With the stack's outputs now (the signing key is still the old one):")
        self.prove(self.who_gets_in(second), expected=True)
        say("With the outputs from before:")
        old = self.who_gets_in(first | {"portal now": second["portal"]})
        self.prove(old, expected=False, but="signing")
        check(old["signing"], "signing: the old key signs for now")
        check(len(self.published_keys() - published) == 1, "signing: the next key is published beside it")
        return second

    def wait_for_the_key(self, second: Outputs) -> Outputs:
        """An hour later: the next signing key is known to all portals, so it signs."""
        title("An hour later: every portal has had time to fetch the next signing key, so it signs")
        self.sandbox.advance("1h")
        self.environment["REKEY_CLOCK_ADVANCE"] = "1h"
        self.pulumi("up", "--yes", "--skip-preview")
        third = self.outputs()
        self.prove(self.who_gets_in(third), expected=True)
        old = self.who_gets_in(second)
        check(not old["signing"], "signing: no new ID token is signed with the old key")
        return third

    def repair(self, outputs: Outputs) -> None:
        """Drift at the vendor: found and repaired, without a rotation."""
        title("Drift: somebody changes the portal's callback by hand, at Cloud Director")
        self.change_by_hand(outputs["portal"]["clientId"])
        check(not self.who_gets_in(outputs)["portal"], "a user who comes to the portal does not get in any more")
        say("`pulumi refresh` finds it:")
        self.pulumi("refresh", "--yes", "--skip-preview", "--diff", keep=("redirect_uris", CALLBACK, FOREIGN_CALLBACK))
        say("`pulumi up` repairs it:")
        self.pulumi("up", "--yes", "--skip-preview")
        check(self.who_gets_in(outputs)["portal"], "the user gets in, and the secret is still the same")
        check(self.outputs() == outputs, "no output has changed")

    def destroy(self, first: Outputs, last: Outputs) -> None:
        """Destroy: nothing accepts a secret any more."""
        title("`pulumi destroy`: what Rekey made or stored is worth nothing afterwards")
        self.pulumi("destroy", "--yes", "--skip-preview")
        for which, outputs in {"last": last, "first": first}.items():
            say(f"With the {which} secrets:")
            self.prove(self.who_gets_in(outputs), expected=False)
        ours = {first["signing"]["keyId"], last["signing"]["keyId"]}
        check(not ours & self.published_keys(), "signing: neither key is published any more")

    # Who uses the credentials

    def who_gets_in(self, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, bool]:
        """Let each consumer try what it has; `portal now` is the portal through which users meet the signing key."""
        http, vcd = self.sandbox.http, self.vendors["vcd"]
        user = f"{vcd['user']}@{vcd['org']}", vcd["password"]
        portal = Portal(http, outputs["portal"]["clientId"], CALLBACK, *user)
        now = outputs.get("portal now", outputs["portal"])
        signed_by = Portal(http, now["clientId"], CALLBACK, *user).signed_by(now["clientSecret"])
        return {
            "orders": RomaApplication(http, self.application_key()).calls(outputs["orders"]["secret"]),
            "portal": portal.signs_in(outputs["portal"]["clientSecret"]),
            "signing": signed_by == outputs["signing"]["keyId"],
            "scim": IdentityProvider(http, self.vendors["broker"]["tenant"]).logs_in(
                outputs["scim"]["clientId"], outputs["scim"]["clientSecret"]
            ),
            "billing": NavigatorClient(http, self.vendors["navigator"]["org_id"]).logs_in(
                outputs["billing"]["clientId"], outputs["billing"]["clientSecret"]
            ),
        }

    def prove(self, found: Mapping[str, bool], *, expected: bool, but: str | None = None) -> None:
        """Say what the consumers met, but for one of them, and stop if it is not what it should be."""
        for name, (accepted, refused) in VERDICTS.items():
            if name == but:
                continue
            check(found[name] == expected, f"{name}: {accepted if expected else refused}")

    def published_keys(self) -> set[str]:
        """The ids of the keys that portals verify ID tokens with."""
        return {key["kid"] for key in self.sandbox.http.get("/oidc/jwks").json()["keys"]}

    # What people do at the vendors by hand

    def application_key(self) -> str:
        """The key, which is no secret, that goes with the application's secret."""
        return Roma(self.sandbox).key(self.vendors["roma"]["app_id"])

    def change_by_hand(self, client_id: str) -> None:
        """Log in to Cloud Director and give the portal another callback."""
        administrator = CloudDirector(self.sandbox)
        address = f"{administrator.BASE}/relyingParties"
        party = next(party for party in administrator.relying_parties() if party["clientId"] == client_id)
        administrator.change_relying_party(party["id"], party["clientName"], FOREIGN_CALLBACK)
        say(f"PUT {address}/{{id}}   redirectUris: [{FOREIGN_CALLBACK}]")

    # Pulumi

    def pulumi(self, *words: str, stdin: str | None = None, keep: tuple[str, ...] = ()) -> None:
        """Run a command, and show it and the lines of its output that say what happened."""
        say(f"$ pulumi {shown(words)}{' < secret' if stdin else ''}")
        started = time.monotonic()
        answer = self.call(*words, stdin=stdin)
        if answer.returncode:
            sys.stdout.write(answer.stdout)
            raise NotShownError(f"pulumi {words[0]} failed")
        for line in condensed(answer.stdout, keep):
            say(f"    {line}")
        if words[0] != "config":
            say(f"    ({time.monotonic() - started:.1f} s)")

    def call(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command and keep quiet about it."""
        return subprocess.run(
            ["pulumi", *words, "--non-interactive", "--color", "never"],
            cwd=self.project,
            env=self.environment,
            input=stdin or "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def outputs(self) -> Outputs:
        """The stack's outputs, with the secrets, which are used and never shown."""
        answer = self.call("stack", "output", "--json", "--show-secrets")
        if answer.returncode:
            raise NotShownError(f"pulumi stack output failed: {answer.stdout}")
        outputs: Outputs = json.loads(answer.stdout)
        return outputs


VERDICTS = {
    "orders": ("ROMA Connect takes the application's signature", "ROMA Connect refuses the signature"),
    "portal": ("a user signs in to the portal", "Cloud Director refuses the portal"),
    "signing": ("a user's new ID token carries the key's signature", "no new ID token is signed with it"),
    "scim": ("the directory takes users from the sync client", "Identity Broker refuses the sync client"),
    "billing": ("the app logs in to Navigator", "Navigator refuses the app"),
}


def condensed(output: str, keep: tuple[str, ...]) -> Iterator[str]:
    """Of what pulumi prints: one line for each resource that changed, those to keep, and the counts."""
    counts = re.search(r"^Resources:\n((?: +.*\n)+)", output, re.MULTILINE)
    for line in output.splitlines():
        step = re.match(r" *[-+~]+ +(\S+:\S+ \S+ .*)", line)
        underway = re.search(r" (creat|updat|delet|refresh)ing \(", line)
        if (step and not underway and "pulumi:pulumi:Stack" not in line) or any(text in line for text in keep):
            yield line.strip()
    if counts:
        yield "Resources: " + ", ".join(" ".join(line.split()) for line in counts[1].splitlines())


def shown(words: tuple[str, ...]) -> str:
    """A command as a person would type it, many settings on as many lines."""
    return re.sub(r" (--(?:plaintext|secret) \S+=)", r" \\\n    \1", shlex.join(words))


def title(text: str) -> None:
    """Begin a step."""
    say("")
    say(f"== {text}")


def check(holds: Any, what: str) -> None:
    """Say what holds, or stop."""
    if not holds:
        raise NotShownError(what)
    say(f"  ok  {what}")


def say(text: str) -> None:
    """One line for the reader."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Show it; 1 if any step does not hold."""
    started = time.monotonic()
    heed_interrupts()
    try:
        with tempfile.TemporaryDirectory(prefix="rekey-demo-") as folder, running_sandbox() as sandbox:
            say(f"The sandbox of the vendors runs at {sandbox.url}; the stack's state is in {folder}.")
            Demo(Path(folder), sandbox).run()
    except (NotShownError, UnableError) as error:
        say(f"  NO  {error}")
        return 1
    say("")
    say(f"All of it held, in {time.monotonic() - started:.0f} s. The sandbox and the stack are gone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
