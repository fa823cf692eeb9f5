"""Manifests: YAML documents in a GitOps repository that become the same resources as a program in Python.

::

    defaults:                      # for this file; in a file named defaults.yaml for its folder and those below
      rotation: {max_age: 90d}     # for every entry; what an entry says itself goes before it, key by key
      OidcRelyingParty:            # for the entries of one kind
        endpoint: dr-site
    ---
    kind: OidcRelyingParty
    name: portal
    spec:
      client_name: Portal
      redirect_uris: ["https://${config.host}/callback"]
      rotation: {max_age: null}    # null takes a default away
    options: {protect: true}
    ---
    export:                        # outputs of the stack; what is made of a secret stays one
      portalSecret: ${portal.client_secret}

Kinds, keys and outputs are those of the Python API to the letter, in snake_case: so they are in previews, errors, the
state and the reference pages, and a program moves to YAML, or back, by copying.

Texts refer to another entry's output (``${portal.client_id}``), to the stack's config (``${config.host}``) and to what
the program hands in (``${values.zone}``). A secret is given by a reference only: no file holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..frontend.import_order import own_first

if TYPE_CHECKING:
    import pulumi


def load(path: str | PathLike[str], *, values: Mapping[str, pulumi.Input[Any]] | None = None) -> dict[str, Any]:
    """Declare the credentials that YAML manifests describe, and return them by name.

    :param path: A file, a folder (all ``*.yaml`` and ``*.yml`` in it and below) or a glob, from the project's folder.
    :param values: What ``${values.NAME}`` stands for, such as outputs of other resources.
    :raises pulumi.RunError: Anything in the files is wrong; it says everything that is, one line each, with file, line
        and column. Nothing has been declared then.
    """
    with own_first():
        from .declare import declare
        from .entries import read

        return declare(read([path]), values or {})


def problems(paths: Iterable[str | PathLike[str]]) -> list[str]:
    """Return all that is wrong with manifests, as ``FILE:LINE:COLUMN: MESSAGE``, without an engine or a network.

    :param paths: Files, folders and globs that belong together: entries refer to each other across all of them.
    """
    with own_first():
        from .entries import read

        return [str(problem) for problem in read(paths).problems]
