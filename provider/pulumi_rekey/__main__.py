"""`rekey`, also as `python -m pulumi_rekey`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what it lacks."""
    try:
        from .cli.main import app
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "rich"}:
            raise
        sys.exit("rekey: the commands need typer and rich: pip install 'pulumi-rekey[cli]'")
    app(prog_name="rekey")


if __name__ == "__main__":
    main()
