"""What an endpoint has said, in this run, about the credentials that it should accept: a circuit breaker.

A refused credential has usually been replaced by somebody, and is healed by a new one. An endpoint that refuses many
at once may itself be at fault, and to replace them would end secrets that work. It is trusted once it has accepted a
credential in this run: then it can tell good ones. Until then the breaker opens and nothing rotates because of the
refusals. It never closes by itself, so its message names the way around it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from ..errors import Stopped

#: So many refused credentials can still be somebody's doing, whatever the endpoint says about others.
MAX_REFUSED: Final = 2
#: Seconds that a refused credential waits for those of the run that are about to be tried: the host takes its calls
#: one after the other, and the first verdict can be there before the second try has begun.
LINGER_S: Final = 2.0
#: So often it does so before the breaker opens: another one that is accepted makes the difference.
MAX_LINGERS: Final = 5
#: Seconds that it then waits for those that are being tried at the same time.
MAX_WAIT_S: Final = 60.0


class CredentialChecks:
    """The verdicts of one endpoint, shared by all threads of the process."""

    def __init__(self, name: str, sleep: Callable[[float], None]) -> None:
        self._name = name
        self._sleep = sleep
        self._settled = threading.Condition()
        self._being_tried = 0
        self._refused: set[str] = set()
        self._accepted: set[str] = set()
        self._is_sane = False
        self._is_asked = False
        self._has_answered = False

    def ensure_endpoint_sane(self, credential: str, ask: Callable[[], bool | None]) -> None:
        """Make sure, before the first secret of a run is ended, that the endpoint does not refuse good ones.

        Of threads that come at the same time one asks. Unless its credential is accepted the others ask, too: refused
        ones must be judged together.

        :raises Stopped: if it refuses so many that it may be at fault.
        """
        with self._settled:
            waits, self._is_asked = self._is_asked, True
            if waits:
                self._settled.wait_for(lambda: self._has_answered, MAX_WAIT_S)
        if self._is_sane or self._accepted:
            return
        try:
            verdict = self.check(credential, ask)
        except Stopped as stopped:
            stopped.aftermath = "the secret was not changed"
            raise
        # Where it cannot be told, another try tells no more.
        self._is_sane = verdict is not False

    def check(self, credential: str, ask: Callable[[], bool | None], *, explained: bool = False) -> bool | None:
        """Ask whether the endpoint accepts a credential, which has a name in this run; nothing if it cannot be told.

        A refused one waits for those that are tried at the same time. ``explained`` says that a refusal is expected,
        because an answer to rekey's own write was lost, or an earlier run found the credential replaced when it judged
        the endpoint: then it is no sign of a fault.

        :raises Stopped: if it is refused and so many others are that the endpoint may be at fault.
        """
        verdict = self._ask(credential, ask, counts=not explained)
        if verdict is not False or explained:
            return verdict
        refused = 0
        for _ in range(MAX_LINGERS):
            self._sleep(LINGER_S)
            with self._settled:
                self._settled.wait_for(lambda: self._being_tried == 0, MAX_WAIT_S)
                refused, accepted = len(self._refused), len(self._accepted)
            if refused <= MAX_REFUSED:
                return False
            if accepted:
                # An endpoint that accepts some may still refuse good ones now and then; it is asked again.
                return self._ask(credential, ask, counts=True)
        raise self._open(refused)

    def _ask(self, credential: str, ask: Callable[[], bool | None], *, counts: bool) -> bool | None:
        with self._settled:
            self._being_tried += 1
        verdict: bool | None = None
        try:
            verdict = ask()
        finally:
            with self._settled:
                self._being_tried -= 1
                self._has_answered = True
                if verdict is not None:
                    self._refused.discard(credential)
                    self._accepted.discard(credential)
                if verdict:
                    self._accepted.add(credential)
                elif verdict is False and counts:
                    self._refused.add(credential)
                self._settled.notify_all()
        return verdict

    def _open(self, refused: int) -> Stopped:
        return Stopped(
            f"{self._name}: refuses {refused} of the {refused} credentials that were tried, so the endpoint itself may"
            " be at fault",
            todo="run again when it accepts them; if somebody has really replaced them, set `rotation.rotate_now` of"
            " each to a new text and run `pulumi up` without --refresh, which mints new ones",
        )
