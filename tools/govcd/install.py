"""Build the program beside this file, once, as the engine is built: `.build/govcd/govcd`."""

import fcntl
import hashlib
import sys
import tempfile
from pathlib import Path

from tools.engine.install import ROOT, UnableError, check_go, compile_tool

HERE = Path(__file__).resolve().parent
FOLDER = ROOT / ".build" / "govcd"
PROGRAM = FOLDER / "govcd"


def find_or_build() -> Path:
    """Return the program, built from what is beside this file.

    :raises UnableError: if it cannot be built here.
    """
    FOLDER.parent.mkdir(exist_ok=True)
    stamp, wanted = FOLDER / "stamp", _stamp()
    with (FOLDER.parent / "govcd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            check_go()
            with tempfile.TemporaryDirectory(dir=FOLDER.parent, prefix="govcd-") as fresh:
                compile_tool(HERE, "rekey.invalid/tools/govcd", Path(fresh))
                FOLDER.mkdir(exist_ok=True)
                (Path(fresh) / "govcd").replace(PROGRAM)
            stamp.write_text(wanted)
    return PROGRAM


def _stamp() -> str:
    sources = sorted([*HERE.glob("*.go"), *HERE.glob("go.*")])
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


if __name__ == "__main__":
    try:
        find_or_build()
    except UnableError as unable:
        sys.exit(f"govcd: {unable}")
