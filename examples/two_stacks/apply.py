"""Apply both stacks, so that the shop has each new secret in the run that rotates: `python apply.py prod`."""

import sys
from pathlib import Path

from pulumi import automation

PROJECTS = Path(__file__).parent


def apply(stack_name: str) -> bool:
    """Rotate what is due, and hand it on; tell whether all of it went well."""
    credentials, shop = (
        automation.select_stack(stack_name, work_dir=str(PROJECTS / project)) for project in ("credentials", "shop")
    )
    done = True
    try:
        credentials.up(on_output=print, continue_on_error=True)
    except automation.CommandError:
        done = False
        # The outputs of what failed are unknown now. This run asks no vendor, and makes them those of the state again.
        credentials.up(exclude=["**"])
    # Whatever failed: what has rotated may have ended the secret that the shop still has.
    shop.up(on_output=print)
    return done


if __name__ == "__main__":
    sys.exit(0 if apply(sys.argv[1]) else "Some credentials failed, see above.")
