"""The settings that there are under ``rekey:`` in a stack's configuration. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

#: What a provider is told.
OF_PROVIDERS: Final = ("endpoints", "owner", "rotateNow")
#: What stands beside them, or is the engine's own.
_OTHERS: Final = frozenset({"frontend", "version", "pluginDownloadURL"})
_MAPS: Final = frozenset({"endpoints", "rotateNow"})


def unknown(
    names: Iterable[str], project: str | None, nearest: Callable[[str, Iterable[str]], str | None]
) -> dict[str, str]:
    """Return what is wrong with each setting that does not exist, by its name without ``rekey:``.

    Of a project that is itself called rekey, other names are its own.
    """
    if project == "rekey":
        return {}
    return {name: _wrong(name, nearest) for name in names if name not in {*OF_PROVIDERS, *_OTHERS}}


def _wrong(name: str, nearest: Callable[[str, Iterable[str]], str | None]) -> str:
    if name.replace("[", ".").partition(".")[0] in _MAPS:
        # `pulumi config set` then makes one key of it, dots and all.
        return (
            f"is one name with dots in it, since it was set without --path: run `pulumi config rm 'rekey:{name}'`, then"
            " set it with --path"
        )
    meant = nearest(name, [*OF_PROVIDERS, "frontend"])
    known = ", ".join([*OF_PROVIDERS, "frontend"])
    return f"is not a setting of rekey: {f'did you mean {meant}? ' if meant else ''}use one of: {known}"
