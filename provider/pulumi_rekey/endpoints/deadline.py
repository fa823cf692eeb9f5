"""The end of all attempts at one request."""

from __future__ import annotations

from collections.abc import Callable


class Deadline:
    """Ends all attempts at one request some seconds after the first of them was sent.

    It does not run while the request waits for a connection or for a login, which have bounds of their own: however
    long those took, a write then has its full time ahead.
    """

    def __init__(self, monotonic: Callable[[], float], seconds: float, needed: float) -> None:
        """Allow ``seconds`` for all attempts, each of which is sent only with ``needed`` seconds ahead."""
        self._monotonic = monotonic
        self._seconds = max(seconds, needed)
        self._needed = needed
        self._is_sent = False
        # Until something is sent, it bounds the attempts to connect.
        self._end = monotonic() + self._seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._end - self._monotonic()

    def put_off(self, seconds: float) -> None:
        """Leave out seconds in which the request waited for its turn."""
        self._end += seconds

    def allows_sending(self) -> bool:
        """Tell whether an attempt may be sent now; the first one may, and starts the clock."""
        if not self._is_sent:
            self._is_sent = True
            self._end = self._monotonic() + self._seconds
        return self.left() >= self._needed

    def allows_another_after(self, pause: float) -> bool:
        """Tell whether another attempt would be in time after a pause."""
        return pause + self._needed < self.left()
