"""`rekey`, also as `python -m pulumi_rekey`."""

from __future__ import annotations

import sys

from .cli.installation import how_to_install


def main() -> None:
    """Run the command line, or say what it lacks."""
    try:
        from .cli.main import app
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "rich"}:
            raise
        sys.exit(f"rekey: the commands need typer and rich: {how_to_install('cli')}")
    app(prog_name="rekey")


if __name__ == "__main__":
    main()
