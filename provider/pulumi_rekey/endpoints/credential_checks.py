"""What an endpoint has said, in this run, of the credentials that it should accept.

One that is refused has been replaced by somebody. Many that are refused at once were not: then the endpoint is at
fault, and nothing may rotate because of what it says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from ..errors import Stopped

#: So many refused credentials, or a tenth of those tried if that is more, can still be somebody's doing.
MAX_REFUSED: Final = 2
#: Seconds that a refused credential waits for those of the run that are about to be tried: the host takes its calls
#: one after the other, and the first verdict can be there before the second try has begun.
LINGER_S: Final = 2.0
#: Seconds that it then waits for those that are being tried beside it.
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
        self._proven = False

    def ensure_endpoint_sane(self, credential: str, ask: Callable[[], bool | None]) -> None:
        """Make sure that the endpoint has accepted a credential in this run, so that it can tell good ones.

        Those who come at the same time ask, too: one that is refused must be judged beside the others.

        :raises Stopped: if it refuses so many that it is at fault.
        """
        if self._proven or self._accepted:
            return
        # Where nobody can tell, another try tells no more.
        if self.check(credential, ask) is not False:
            self._proven = True

    def check(self, credential: str, ask: Callable[[], bool | None]) -> bool | None:
        """Ask about a credential, which has a name in this run; one that is refused waits for those beside it.

        :raises Stopped: if it is refused and so many others are that the endpoint is at fault.
        """
        with self._settled:
            self._being_tried += 1
        verdict: bool | None = None
        try:
            verdict = ask()
        finally:
            with self._settled:
                self._being_tried -= 1
                if verdict is not None:
                    self._refused.discard(credential)
                    self._accepted.discard(credential)
                    (self._accepted if verdict else self._refused).add(credential)
                self._settled.notify_all()
        if verdict is False:
            self._sleep(LINGER_S)
            self._stop_if_at_fault()
        return verdict

    def _stop_if_at_fault(self) -> None:
        with self._settled:
            self._settled.wait_for(lambda: self._being_tried == 0, MAX_WAIT_S)
            refused, tried = len(self._refused), len(self._refused) + len(self._accepted)
        if refused > max(MAX_REFUSED, tried // 10):
            stopped = Stopped(
                f"{self._name}: refuses {refused} of the {tried} credentials that were tried, which is its fault and"
                " not theirs",
                todo="run again when it accepts them; until then nothing rotates because of it",
            )
            stopped.aftermath = "no secret was changed"
            raise stopped
