"""Broker."""

from typing import ClassVar

from starlette.routing import BaseRoute

from .world import World


class Broker:
    """The server's state."""

    switches: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[BaseRoute]:
        """The paths that it serves."""
        return []

    def credentials(self) -> dict[str, str]:
        """What a client needs."""
        return {"url": self._world.base_url}
