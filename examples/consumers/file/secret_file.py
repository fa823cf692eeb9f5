"""A file that only its owner can read, managed by a dynamic provider of its own."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class _OnDisk(ResourceProvider):
    """Writes, rewrites and removes the file."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        _write(props)
        return CreateResult(props["path"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        replaces = ["path"] if olds["path"] != news["path"] else []
        return DiffResult(
            changes=any(olds[key] != news[key] for key in ("path", "content", "generation")), replaces=replaces
        )

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        _write(news)
        if news.get("restart") and olds["generation"] != news["generation"]:
            subprocess.run(shlex.split(news["restart"]), check=True)  # noqa: S603 - the user's own command
        return UpdateResult(news)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        Path(props["path"]).unlink(missing_ok=True)


class SecretFile(Resource):
    """A file of mode 0600, and a command that runs after a new generation has been written."""

    path: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        path: str,
        content: pulumi.Input[str],
        generation: pulumi.Input[int],
        restart: str | None = None,
    ) -> None:
        secret = pulumi.Output.secret(content)
        super().__init__(
            _OnDisk(), name, {"path": path, "content": secret, "generation": generation, "restart": restart}
        )


def _write(props: dict[str, Any]) -> None:
    # Never readable by others, not even for a moment; a reader meets the old file or the new one. What an interrupted
    # run has left, or somebody has put there, is not written into.
    fresh = Path(f"{props['path']}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(props["content"])
    fresh.replace(props["path"])
