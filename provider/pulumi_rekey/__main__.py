"""`rekey`, also as `python -m pulumi_rekey`."""

from __future__ import annotations

import sys

from .frontend.import_order import put_own_first


def main() -> None:
    """Run the command line, or say what it lacks."""
    try:
        from .cli.main import app
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "rich"}:
            raise
        from .cli.installation import how_to_install

        sys.exit(f"rekey: the commands need typer and rich: {how_to_install('cli')}")
    app(prog_name="rekey")


if __name__ == "__main__":
    # `python -m` puts the present folder first.
    put_own_first()
    main()
