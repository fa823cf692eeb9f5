"""Where this installation came from (PEP 610), so that advice never names what an index might hold under our name."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

NAME = "pulumi-rekey"


def how_to_install(extra: str = "", *, python: str = "") -> str:
    """Say how to install Rekey once more from where it came: with an extra, or for another Python.

    It is on no index. Whoever takes its name there would be installed beside the credentials of whoever follows.
    """
    pip = f"{shlex.quote(python)} -m pip" if python else "pip"
    if words := _words_for_pip(extra):
        return f"{pip} install {words}"
    where = f" for {python}" if python else ""
    return f"install Rekey{where} from where this one came{f', with the extra {extra}' if extra else ''}"


def _words_for_pip(extra: str) -> str | None:
    """Return what pip has to be told to install from the same source; nothing where that is not known or not there."""
    try:
        origin = json.loads(distribution(NAME).read_text("direct_url.json") or "null")
        url, vcs = origin["url"], origin.get("vcs_info")
        parts = urlsplit(url)
        extras = f"[{extra}]" if extra else ""
        if parts.scheme == "file" and not vcs:
            path = url2pathname(parts.path)
            if not Path(path).exists():
                return None
            words = ["--editable"] if origin.get("dir_info", {}).get("editable") else []
            words.append(f"{path}{extras}")
        elif parts.query or parts.username or parts.password:
            return None  # a token may be in any of them
        elif vcs:
            words = [f"{NAME}{extras} @ {vcs['vcs']}+{url}@{vcs['commit_id']}"]
        else:
            digest = origin["archive_info"]["hashes"]["sha256"]
            words = [f"{NAME}{extras} @ {url}#sha256={digest}"]
    except (PackageNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    told = shlex.join(words)
    return told if told.isprintable() else None
