"""Write schemas/, as `rekey schema` prints them; `--check` only compares."""

import sys
from pathlib import Path

from pulumi_rekey.cli.schemas import as_text, schemas

FOLDER = Path(__file__).parent.parent / "schemas"


def main() -> int:
    """Write, or compare and name what is stale."""
    wanted = {FOLDER / f"{name}.json": as_text(schema()) for name, schema in schemas().items()}
    present = {path: path.read_text() for path in FOLDER.glob("*.json")}
    if "--check" in sys.argv[1:]:
        stale = sorted(path.name for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
        if stale:
            sys.stderr.write(f"schemas: stale: {', '.join(stale)}; run `make schemas`\n")
        return bool(stale)
    FOLDER.mkdir(exist_ok=True)
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
