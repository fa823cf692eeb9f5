"""What all vendors of one sandbox share: an address, a clock, random names and the dialect that is spoken."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from starlette.responses import Response


class Refusal(Exception):
    """A ready answer that ends the handling of a request; the server sends it as it is."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class World:
    """The runtime of the vendors' servers.

    `base_url` is the origin that they are reached at, without a trailing slash. `switches` names every
    dialect switch with its allowed values, the default first.
    """

    def __init__(self, base_url: str, switches: Mapping[str, tuple[str, ...]]) -> None:
        self.base_url = base_url
        self.switches = switches
        self._random: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Set the clock back to real time and every switch to its default; random names stay."""
        self._advanced = timedelta()
        self._present = {name: values[0] for name, values in self.switches.items()}

    def now(self) -> datetime:
        """Real time (UTC, aware) plus what the clock was advanced by."""
        return datetime.now(UTC) + self._advanced

    def advance(self, by: timedelta) -> None:
        """Let time pass. Raises OverflowError where a calendar ends."""
        if (self.now() + by).year > 9000:  # noqa: PLR2004 - leaves room for the longest lifetime
            raise OverflowError
        self._advanced += by

    def random(self, name: str) -> str:
        """32 hex characters: random per process, the same for one name until the process ends."""
        return self._random.setdefault(name, secrets.token_hex(16))

    def switch(self, name: str) -> str:
        """The present value of a dialect switch. Raises KeyError for a switch that no vendor declares."""
        return self._present[name]

    def turn(self, values: Mapping[str, object]) -> None:
        """Set dialect switches, all or none. Raises ValueError that names what is allowed."""
        for name, value in values.items():
            if name not in self.switches:
                raise ValueError(f"no switch {name!r}; there are {', '.join(sorted(self.switches))}")
            if value not in self.switches[name]:
                raise ValueError(f"{name} is one of {', '.join(self.switches[name])}")
        self._present.update({name: str(value) for name, value in values.items()})

    def dialect(self) -> dict[str, str]:
        """The present value of every switch."""
        return dict(self._present)
