"""What the preview says, the run does: every combination of what a plan depends on, tried with a vendor in memory."""

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pulumi_rekey.errors import Error, Stopped
from pulumi_rekey.policy.decide import applied_by_rotation
from pulumi_rekey.reconciler.plan import Phase, Plan, Retry, plan
from pydantic import SecretStr

from .fake_vendor import KEY, LOCKER, START, Locker, LockerInputs, LockerState, Vendor

DAY = timedelta(days=1)
#: When the run of the test is.
NOW = START + 10 * DAY
PRESENT, NEXT, GIVEN = "present", "next", "given"


@dataclass(frozen=True)
class Situation:
    """One combination."""

    phase: Phase | None
    verify: bool
    paused: bool
    #: Whether a grace that was asked for is still alive.
    grace_lives: bool
    #: Whether the user gives another secret than the present one.
    gives: bool
    #: What makes a rotation due, if anything does.
    due: str | None
    #: Whether rekey itself logs in with it.
    own_login: bool
    #: What the vendor says of whatever is tried.
    accepts: bool

    @property
    def waits(self) -> bool:
        """Whether a next secret is in the state beside the present one."""
        return self.phase in (Phase.CANDIDATE, Phase.UNCERTAIN)

    def inputs(self) -> LockerInputs:
        """What the program says."""
        rules: dict[str, Any] = {"verify": self.verify, "paused": self.paused, "grace": "2d"}
        if self.due == "trigger":
            rules["triggers"] = {"release": "2"}
        if self.due == "asked":
            rules["rotate_now"] = "INC-1"
        given = {"secret": GIVEN} if self.gives else {}
        return LockerInputs.model_validate({"rotation": rules} | given)

    def state(self) -> LockerState:
        """What the engine has saved."""
        ends = NOW + DAY if self.grace_lives else NOW - DAY
        before = LockerInputs.model_validate({"rotation": {"triggers": {"release": "1"}} if self.due else {}})
        waiting = {"next_secret": SecretStr(NEXT), "expires_at": ends} if self.waits else {}
        return LockerState.model_validate(
            {
                "locker_id": "locker-1",
                "secret": SecretStr(PRESENT),
                "generation": 1,
                "rotated_at": START,
                "rotation": applied_by_rotation(before.rotation, KEY),
                "step": self.phase,
            }
            | waiting
        )


SITUATIONS = [
    Situation(*values)
    for values in itertools.product(
        (None, *Phase),
        (True, False),
        (True, False),
        (True, False),
        (True, False),
        (None, "trigger", "asked"),
        (True, False),
        (True, False),
    )
]


def calls_allowed(situation: Situation, todo: Plan) -> tuple[bool, set[str]]:
    """Whether a secret may be tried, and which codes are set, if the run does what the plan says."""
    made = {GIVEN} if situation.gives else {"code 1"}
    if todo.refusal is not None:
        return False, set()
    # What a lost answer did is found out whatever the policy says of new secrets.
    tries = situation.verify or situation.phase is Phase.UNCERTAIN
    if todo.decision.reason is not None:
        return tries, made
    match todo.retry:
        case None | Retry.TRUST:
            return False, set()
        case Retry.ONLY_TRY:
            return tries, set()
        case Retry.SEND_AGAIN:
            certain = tries and situation.accepts
            return tries, set() if certain else {NEXT}
        case Retry.REPLACE:
            certain = tries and situation.accepts
            return tries, set() if certain else made


@pytest.mark.parametrize("phase", [None, *Phase])
def test_apply_does_what_the_plan_says(phase: Phase | None) -> None:
    tried = [situation for situation in SITUATIONS if situation.phase == phase]
    assert len(tried) == 192
    for situation in tried:
        i, s = situation.inputs(), situation.state()
        vendor = Vendor({"locker-1": Locker("north", codes={PRESENT: None})}, now=NOW)
        login: Any = {"client_id": "locker-1", "client_secret": "x"} if situation.own_login else {}
        run = vendor.run(**login)
        todo = plan(LOCKER, "locker-1", i, s, NOW, endpoint=run.api.endpoint)
        # After a new secret is set the vendor tells the truth; before, what the situation says.
        vendor.answers.extend([situation.accepts] * (5 if phase is not Phase.UNCERTAIN or situation.accepts else 10))
        failed: Error | None = None
        try:
            run.update("locker-1", i, s)
        except Error as error:
            failed = error
        told = f"{situation}: {todo.says}: {vendor.calls}: {failed}"
        may_try, codes = calls_allowed(situation, todo)
        assert {call.removeprefix("set ") for call in vendor.calls if call.startswith("set ")} == codes, told
        assert may_try or not any(call.startswith("try ") for call in vendor.calls), told
        assert isinstance(failed, Stopped) == (todo.refusal is not None) or situation.own_login, told
        # In words: a mint is announced, and what is announced as none is none.
        announced = [line for line in todo.says if line.startswith("rotates: ")]
        assert bool(announced) == (todo.decision.reason is not None), told
        if codes and todo.retry is not None:
            verb = "minted" if todo.retry is Retry.REPLACE else "sent again"
            words = f"{verb} unless the vendor accepts it" if phase is Phase.UNCERTAIN else todo.retry.value
            assert words in todo.says[0], told
        if not todo and todo.refusal is None:
            assert vendor.calls == [], told
        if situation.paused and todo.retry is not Retry.TRUST:
            assert not codes, told


def test_plan_never_mints_what_rekey_logs_in_with() -> None:
    for situation in SITUATIONS:
        if situation.own_login:
            endpoint = Vendor().run(client_id="locker-1", client_secret="x").api.endpoint
            todo = plan(LOCKER, "locker-1", situation.inputs(), situation.state(), NOW, endpoint=endpoint)
            assert todo.refusal is not None or todo.decision.reason is None
            assert todo.retry in (None, Retry.TRUST, Retry.ONLY_TRY)
