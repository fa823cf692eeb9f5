"""The documentation says what is so: every block of code is judged, and every link leads somewhere.

Python is type-checked. Shell is parsed, and its commands are looked up; docs/tutorial.md and docs/interrupted-runs.md
are executed by tests of their own. YAML is judged by the schema of what it is, JSON by the sandbox, and what programs
print is compared with what they print here.
"""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import promql_parser
import pytest
import yaml
from pulumi_rekey.cli.choices import Health
from pulumi_rekey.cli.probe.recording import Call
from pulumi_rekey.cli.report_openmetrics import openmetrics
from pulumi_rekey.endpoints import session_class
from pulumi_rekey.endpoints.config import resolve
from pulumi_rekey.manifest.entries import read
from pulumi_rekey.policy.decide import warnings
from pulumi_rekey.policy.model import Policy
from pulumi_rekey.reconciler.contract import Resource
from pulumi_rekey.reconciler.plan import plan
from pulumi_rekey.resources import MODULES, load
from pulumi_rekey.sandbox.server import VENDORS

from tests.cli.estate import estate
from tests.engine import BIN, NATIVE, Engine, Stack
from tests.pages import PAGES, ROOT, Block, blocks, blocks_of, prose
from tools import reference
from tools.vendors import Sandbox

LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
#: The tests that prove what a page says before it.
PROOF = re.compile(r"<!-- proved by ([^>]+?) -->")
#: A command and what it is told, up to where the shell goes on with something else.
COMMAND = re.compile(
    r"(?:^|(?<!-n)\s)(?P<program>pulumi|make|rekey|python -m pulumi_rekey\.sandbox)"
    r"(?P<told> [^&|;<>#\n]+)",
    re.MULTILINE,
)
#: The providers of examples that are type-checked where these are installed: tests/examples/test_consumers.py.
OF_CONSUMERS = ("pulumi_github", "pulumi_kubernetes", "pulumi_vault")
#: The commands of pulumi that have commands of their own.
OF_TWO_WORDS = {"config", "stack"}

#: The languages of the blocks that a test below judges, and the pages whose `text` one compares.
JUDGED: set[str] = set()
COMPARED: set[str] = {"docs/tutorial.md"}


def judged(*kinds: str) -> list[Block]:
    """The blocks of these languages, for the test that judges them."""
    JUDGED.update(kinds)
    return list(blocks(*kinds))


def compared(*pages: str) -> list[Block]:
    """What programs print according to these pages, for the test that compares it."""
    JUDGED.add("text")
    COMPARED.update(pages)
    return [block for page in pages for block in blocks_of(ROOT / page) if block.kind == "text"]


MISSPELT = """
import pulumi_rekey as rekey

rekey.OidcRelyingParty("portal", client_nmae="Portal", redirect_uris=["https://portal.example.com/callback"])
"""


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Where a program is called, in shell blocks and in pipelines, and what it is told."""
    for block in blocks("sh", "yaml"):
        for found in COMMAND.finditer(block.text.replace("\\\n", " ")):
            if found["program"] == program:
                yield str(block), shlex.split(found["told"])


@cache
def output_of(*command: str) -> str:
    """What a command prints, which must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def flags_of(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def test_blocks_are_found_at_every_fence() -> None:
    """What is no block to the tests (tildes, words behind the language, a fence that is not closed) is not judged."""
    for page in PAGES:
        fences = re.findall(r"^ *(?:```|~~~)", page.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(list(blocks_of(page))), page


def test_blocks_are_all_checked() -> None:
    every = [block for page in PAGES for block in blocks_of(page)]
    assert [str(block) for block in every if block.kind not in JUDGED] == []
    pages = {block.page.relative_to(ROOT).as_posix() for block in every if block.kind == "text"}
    assert pages == COMPARED


# -- Python ------------------------------------------------------------------------------------------------------------

# The whole test in CONTRIBUTING.md is run, by test_worked_examples.py.
PYTHON = [block for block in judged("python") if block.page.name != "CONTRIBUTING.md"]


def test_python_blocks_type_check_for_users(tmp_path: Path) -> None:
    """As a user's type checker sees the installed package, with none of this project's settings."""
    programs = {f"block_{number}": block for number, block in enumerate(PYTHON)}
    for name, block in programs.items():
        (tmp_path / f"{name}.py").write_text(block.text)
    for example in (*ROOT.glob("examples/**/*.py"), *ROOT.glob("template/*.py")):
        if not any(need in example.read_text() for need in OF_CONSUMERS):
            name = f"example_{example.parent.name}" if example.stem == "__main__" else example.stem
            (tmp_path / f"{name}.py").write_text(example.read_text())
    (tmp_path / "misspelt.py").write_text(MISSPELT)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", ROOT / ".mypy_cache" / "docs", "."],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    known = {f"{name}.py": str(block) for name, block in programs.items()}
    wrong = [f"{known.get(line.partition(':')[0], '')} {line}" for line in errors if "misspelt.py" not in line]
    assert wrong == [], run.stderr
    assert [line for line in errors if 'Unexpected keyword argument "client_nmae"' in line], "py.typed has an effect"


def test_python_blocks_are_complete() -> None:
    """A reader who copies one block has all that it needs."""
    for block in PYTHON:
        names = [name for node in ast.parse(block.text).body if isinstance(node, ast.Import) for name in node.names]
        assert "rekey" in {name.asname for name in names}, block


# -- YAML and JSON -----------------------------------------------------------------------------------------------------

GITLAB = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
GITHUB = ("--builtin-schema", "vendor.github-workflows")
MANIFESTS = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "manifest.json").read_text()))
#: Its fields have been compared with the operator's reference.
OPERATOR = ROOT / "examples" / "pipelines" / "pulumi-operator" / "stack.yaml"


@pytest.mark.parametrize("block", judged("yaml"), ids=str)
def test_yaml_blocks_fit_their_schemas(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "block.yaml"
    file.write_text(block.text)
    (first, *_) = documents = list(yaml.safe_load_all(block.text))
    if block.file.endswith(".gitlab-ci.yml"):
        output_of(sys.executable, "-m", "check_jsonschema", *GITLAB, str(file))
    elif block.file.startswith(".github/workflows/"):
        output_of(sys.executable, "-m", "check_jsonschema", *GITHUB, str(file))
    elif block.file == "Pulumi.yaml" and "plugins" in first:
        # The entries by which the tests of the native front end run it.
        assert first == {
            "name": first["name"],
            "runtime": "python",
            **yaml.safe_load(NATIVE.replace(str(BIN), ".venv/bin")),
        }
    elif block.file == "Pulumi.yaml":
        assert block.page.name == "tutorial.md", "its test runs the project"
    elif "groups" in first:
        judge_alerts(first)
    elif block.file == "esc.yaml":
        # What ESC hides in `fn::secret` is what a program gets.
        given = yaml.safe_load(re.sub(r"\n +fn::secret:", "", block.text))["values"]
        assert given.keys() <= {"pulumiConfig", "environmentVariables", "imports"}
        assert given["pulumiConfig"].keys() == {"rekey:endpoints", "rekey:owner"}
        for name, settings in given["pulumiConfig"]["rekey:endpoints"].items():
            found = resolve(session_class(name).model, name, settings, given["environmentVariables"])
            assert found.usable_credentials()
    elif re.fullmatch(r"Pulumi\.\w+\.yaml", block.file):
        assert first.keys() == {"environment"}
    elif "apiVersion" in first:
        *_, known = yaml.safe_load_all(OPERATOR.read_text())
        assert fields(first) <= fields(known)
    else:
        for document in documents:
            MANIFESTS.validate(document)
        assert read([file]).problems == ()


def judge_alerts(rules: dict[str, Any]) -> None:
    """Prometheus' rules ask for metrics, labels and states that a report has."""
    written = openmetrics(estate())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        promql_parser.parse(rule["expr"])
        (name,) = re.findall(r"rekey_\w+", rule["expr"])
        samples = [line for line in written.splitlines() if line.startswith(f"{name}{{")]
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert [line for line in samples if re.search(rf'[{{,]{label}="', line)], label
        for states in re.findall('health=~"([^"]+)"', rule["expr"]):
            assert set(states.split("|")) <= set(Health)


def fields(document: Any, above: str = "") -> set[str]:
    """The names of all fields of an object of Kubernetes, with those above them, but for names that users choose."""
    if not isinstance(document, dict):
        return {above}
    chosen = above in {"/spec/envRefs", "/metadata"}
    return set().union(*(fields(value, above if chosen else f"{above}/{key}") for key, value in document.items()))


@pytest.mark.parametrize("block", judged("dockerfile"), ids=str)
def test_dockerfile_blocks_are_read(block: Block) -> None:
    """Each line is an instruction, what is run is a command, and what is copied is the project's."""
    lines = [line.partition(" ") for line in block.text.splitlines()]
    assert {word for word, _, _ in lines} <= {"FROM", "WORKDIR", "COPY", "RUN", "ENTRYPOINT"}
    for word, _, rest in lines:
        if word == "ENTRYPOINT":
            assert all(isinstance(argument, str) for argument in json.loads(rest))
        elif word == "RUN":
            subprocess.run(["bash", "-n"], input=rest, text=True, check=True)
        elif word == "COPY":
            assert rest.split()[0] in {"requirements.txt", "vendor/", "."}


@pytest.mark.parametrize("block", judged("json"), ids=str)
def test_json_blocks_are_accepted_by_the_sandbox(block: Block, sandbox: Sandbox) -> None:
    body = json.loads(block.text)
    if "request" in body:
        # A call of a recording is nothing to send.
        assert Call.model_validate(body)
        return
    control = "clock" if "advance" in body else "faults" if "path" in body else "dialect"
    assert sandbox.post(f"/_sandbox/{control}", body), block


# -- what programs print -----------------------------------------------------------------------------------------------

PREVIEWS = compared("README.md", "docs/rotation.md")
EVENING = datetime(2027, 2, 23, 18, tzinfo=UTC)
NIGHTLY = {"cron": "0 2 * * *", "timezone": "Europe/Sofia", "duration": "4h"}
PORTAL = {"client_name": "Portal", "redirect_uris": ["https://portal.example.com/callback"]}
BILLING = {"org_id": "0f6d1c4e-7a1b-4a55-9d0b-0d6f6b0c9a11"}


def turn(holder: str) -> dict[str, Any]:
    """The policy of blue in its slot, when consumers were handed over to green, or when nothing is certain."""
    handover = {"number": 2, "to": holder, "at": EVENING - timedelta(days=30)}
    return {"every": "100d", "side": "blue", "other": {"handover": handover if holder == "green" else None}}


def said_of(
    resource: Resource[Any, Any, Any], arguments: dict[str, Any], *, days: int = 91, name: str = "portal", **policy: Any
) -> str:
    """What the preview says of a credential of that age in the evening before the window opens."""
    inputs = resource.inputs.model_validate(arguments | {"rotation": policy})
    seen = {"triggers": {"release": "2027-01"}}
    made = {"relying_party_id": "its id", "client_id": "its client", "oauth_app_id": "its id"}
    kept = {"generation": 1, "rotated_at": EVENING - timedelta(days=days), "rotation": seen}
    state = resource.state.model_validate(arguments | made | kept)
    (said,) = plan(resource, "its id", inputs, state, EVENING).says
    return f"{name}: {said}"


def test_text_blocks_of_previews() -> None:
    portal, billing = load("oidc_relying_party"), load("org_oauth_app")
    said = {
        said_of(portal, PORTAL, max_age="90d"),
        said_of(portal, PORTAL, max_age="90d", windows=[NIGHTLY]),
        said_of(portal, PORTAL, triggers={"release": "2027-02"}),
        said_of(portal, PORTAL, days=202, turn=turn("green"), name="portal-blue"),
        said_of(portal, PORTAL, days=202, turn=turn("blue"), name="portal-blue"),
        said_of(billing, BILLING, name="billing", days=31, max_age="30d", grace="24h"),
        said_of(billing, BILLING, name="billing", max_age="30d", grace="0s", rotate_now="INC-4711 leaked in a log"),
        *(
            f"warning: portal: {text}"
            for text in warnings(Policy.model_validate({"windows": [NIGHTLY]}), EVENING.replace(hour=17, minute=3))
        ),
    }
    assert {line for block in PREVIEWS for line in block.text.splitlines()} <= said


REFUSED = compared("docs/errors.md")
ROTATED_BY_CONFIG = """
import pulumi, pulumi_rekey as rekey

rekey.OidcRelyingParty(
    "portal",
    client_name="Portal",
    redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation(triggers={"release": pulumi.Config().get("release") or "1"}),
)
"""


def test_text_blocks_of_errors(stack: Stack, sandbox: Sandbox) -> None:
    (block,) = REFUSED
    stack.program(ROTATED_BY_CONFIG)
    stack.up()
    of_an_auditor = {"rekey:endpoints.vcd.apiToken": sandbox.credentials["vcd"]["weak_api_token"]}
    stack.configure({"release": "2"}, of_an_auditor)
    shown = re.sub(r"\w*…", r"[\\w:-]+", re.escape(block.text.strip()))
    assert re.search(shown, stack.up(fails=True).text)


READY = compared("docs/sandbox.md")


def test_text_blocks_of_the_sandbox() -> None:
    (block,) = READY
    command = [sys.executable, "-m", "pulumi_rekey.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ready = process.stdout.readline() if process.stdout else ""
        process.terminate()
    assert re.sub(r":\d+$", ":8181", ready) == block.text


LAYERS = compared("CONTRIBUTING.md")


def test_text_blocks_of_the_layers() -> None:
    (block,) = LAYERS
    folder, found = ROOT, 0
    for line in block.text.splitlines():
        indent, name = re.match(r"( *)(\S*)", line).groups()  # type: ignore[union-attr]  # it matches anything
        if not indent:
            folder = ROOT / name
        elif len(indent) == 2:
            assert (folder / name).exists(), name
            found += 1
        assert folder.is_dir(), name
    assert found > 5


STACKS = compared("docs/scale.md")


def test_text_blocks_of_manifest_folders(tmp_path: Path) -> None:
    """The defaults beside the stacks' folders are not read, as the tree says; those in a folder are."""
    (block,) = STACKS
    folder = [tmp_path]
    for line in block.text.splitlines():
        depth = len(line) - len(line.lstrip())
        name, _, said = line.strip().partition(" ")
        path = folder[depth // 2] / name
        if name.endswith("/"):
            path.mkdir()
            folder[depth // 2 + 1 :] = [path]
        elif name == "defaults.yaml":
            path.write_text(f"defaults: {{rotation: {{max_age: {'1h' if said else '90d'}}}}}\n")
        else:
            path.write_text("kind: OpenIdProviderKey\nname: signing\n")
    stacks = sorted(path for path in (tmp_path / "credentials").iterdir() if path.is_dir())
    assert len(stacks) == 2
    for stack in stacks:
        (entry,) = read([stack]).entries
        assert entry.spec.plain() == {"rotation": {"max_age": "90d"}}, stack


# -- shell -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", judged("sh"), ids=str)
def test_shell_blocks_parse(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


#: Options that the curl of Ubuntu 22.04, 7.81, does not have.
NEWER_THAN_7_81 = {"--json", "--url-query", "--rate", "--no-clobber", "--remove-on-error", "--variable", "--expand-url"}


def test_shell_blocks_run_with_an_older_curl() -> None:
    called = [line for block in blocks("sh", "yaml") for line in block.text.splitlines() if "curl " in line]
    assert called
    assert [line for line in called if NEWER_THAN_7_81 & set(flags_of(line.split()))] == []


def test_shell_blocks_name_targets_of_make() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {word for _, words in commands("make") for word in words if "=" not in word}
    assert asked
    assert asked <= targets


def test_shell_blocks_name_commands_of_pulumi(engine: Engine) -> None:
    pulumi = shutil.which("pulumi", path=engine.environment["PATH"])
    assert pulumi
    for where, words in commands("pulumi"):
        command = words[: 2 if words[0] in OF_TWO_WORDS else 1]
        told = output_of(pulumi, *command, "--help")
        # An unknown command's help is that of the one above it; some go by several names.
        assert command[-1] in re.split(r"[\s,]+", told.partition("Usage:")[2].partition("Flags:")[0]), where
        assert [flag for flag in flags_of(words) if not re.search(rf"{flag}\b", told)] == [], where


@pytest.mark.parametrize(
    ("program", "module"), [("rekey", "pulumi_rekey"), ("python -m pulumi_rekey.sandbox", "pulumi_rekey.sandbox")]
)
def test_shell_blocks_name_commands_of_rekey(program: str, module: str) -> None:
    asked = list(commands(program))
    assert asked
    for where, words in asked:
        command = words[: 1 if program == "rekey" else 0]
        told = output_of(sys.executable, "-m", module, *command, "--help")
        assert [flag for flag in flags_of(words) if flag not in told] == [], where


# -- links and tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for found in LINK.finditer(prose(page)):
        path, _, heading = found["target"].partition("#")
        if path.startswith("https://"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), found["target"]
        if heading:
            assert heading in headings(target), found["target"]


def headings(page: Path) -> set[str]:
    """The names by which a page's headings are linked to."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_proof_is_a_test() -> None:
    """A sentence that states behaviour names the tests that prove it, and these are there."""
    tests = {
        name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"^ *def (test_\w+)", file.read_text(), re.M)
    }
    named = [
        (page.name, name)
        for page in PAGES
        for said in PROOF.findall(page.read_text())
        for name in re.split(r",\s+", said)
    ]
    assert len(named) > 50
    assert [(page, name) for page, name in named if name not in tests] == []


@pytest.mark.parametrize("page", reference.pages(), ids=lambda page: page.name)
def test_tables_are_generated_from_the_models(page: Path) -> None:
    assert page.read_text() == reference.written(page.read_text()), "stale: run `make reference`"


def test_tables_are_each_in_a_page() -> None:
    text = "".join(page.read_text() for page in reference.pages())
    assert {found["name"] for found in reference.TABLE.finditer(text)} == reference.tables().keys()


def test_pages_exist_for_every_resource() -> None:
    assert {page.stem for page in (reference.DOCS / "resources").glob("*.md")} == set(MODULES)


def test_tables_name_the_sandboxs_switches() -> None:
    rows = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+?) \|", (reference.DOCS / "sandbox.md").read_text(), re.MULTILINE)
    said = {name: tuple(re.findall(r"`(.+?)`", values)) for name, values in rows}
    assert said == {name: values for vendor in VENDORS.values() for name, values in vendor.switches.items()}
