"""A Kubernetes Secret as a manifest on disk, managed by a dynamic provider of its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class _OnDisk(ResourceProvider):
    """Writes, rewrites and removes the file."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        _write(props)
        return CreateResult(props["path"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        replaces = ["path"] if olds["path"] != news["path"] else []
        return DiffResult(changes=any(olds[key] != news[key] for key in ("path", "data")), replaces=replaces)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        _write(news)
        return UpdateResult(news)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        Path(props["path"]).unlink(missing_ok=True)


class SecretManifest(Resource):
    """A file that `kubectl apply -f` takes; readable by its owner only."""

    path: pulumi.Output[str]

    def __init__(self, name: str, path: str, data: Mapping[str, pulumi.Input[str]]) -> None:
        props = {"path": path, "name": name, "data": pulumi.Output.secret(data)}
        super().__init__(_OnDisk(), name, props)


def _write(props: Mapping[str, Any]) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": props["name"]},
        "stringData": dict(props["data"]),
    }
    # Never readable by others, not even for a moment; a reader meets the old file or the new one.
    fresh = Path(f"{props['path']}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        yaml.safe_dump(manifest, file)
    fresh.replace(props["path"])
