"""Write programs/constructors.py: what a program imports for each resource, from its models; `--check` only compares.

An argument or output is described once, on its field. A field of the state that is described nowhere is no output.
"""

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pulumi_rekey import resources
from pulumi_rekey.frontend.descriptions import argument_names, meaning_of_argument, meaning_of_output, output_names
from pulumi_rekey.model import secret_fields
from pulumi_rekey.reconciler.contract import Inputs, Resource
from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tools.reference import meaning

FILE = Path(resources.__file__).parent.parent / "programs" / "constructors.py"
WIDTH = 120
HEAD = '''\
"""The typed constructors of all resources. Written by `make constructors` from their models: edit those instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

import pulumi

from .credential import Credential, unless_default
from .rotation import Rotation, RotationDict
'''


def constructors() -> str:
    """The text of the file."""
    found = [(module, resources.load(module)) for module in resources.MODULES]
    nested = [model.__name__ for _, resource in found for model in _nested(resource.inputs)]
    public = [resource.name for _, resource in found] + sorted(set(nested))
    names = "".join(f'    "{name}",\n' for name in public)
    parts = [HEAD, f"\n__all__ = [\n{names}]\n"]
    for module, resource in found:
        parts += [_typed_dict(model) for model in dict.fromkeys(_nested(resource.inputs))]
        parts.append("\n".join(_constructor(module, resource)))
    text = "\n\n".join(parts) + "\n"
    # It also ends the build where a name is missing among the imports above, or is there for nothing.
    for command in (["check", "--fix", "--quiet"], ["format"]):
        done = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(FILE), "-"]
        text = subprocess.run(done, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return text


def _constructor(module: str, resource: Resource[Any, Any, Any]) -> Iterator[str]:
    fields = {name: resource.inputs.model_fields[name] for name in argument_names(resource)}
    yield f'class {resource.name}(Credential, module="rekey", name="{resource.name}"):'
    yield from _class_docstring(module, resource)
    reason = getattr(resource, "pair_unsupported_reason", None)
    if reason is not None:
        yield f"    pair_unsupported_reason = {reason!r}"
    yield f"    secret_properties = {_secret_properties(resource)!r}"
    yield ""
    for name in output_names(resource):
        yield f"    {name}: pulumi.Output[{_output(resource.state.model_fields[name].annotation)}]"
        yield from _docstring(meaning_of_output(resource, name))
    yield ""
    yield "    def __init__("
    yield "        self,"
    yield "        name: str,"
    yield "        *,"
    for name, field in fields.items():
        yield f"        {name}: {_argument(name, field)},"
    yield "        opts: pulumi.ResourceOptions | None = None,"
    yield "    ) -> None:"
    yield "        inputs = {"
    for name, field in fields.items():
        yield f'            "{name}": {_sent(name, field)},'
    yield "        }"
    yield f'        super().__init__("{module}", name, inputs, opts)'


def _secret_properties(resource: Resource[Any, Any, Any]) -> tuple[str, ...]:
    fields = [(model, name) for model in (resource.inputs, resource.state) for name in model.model_fields]
    return tuple(dict.fromkeys(name for model, name in fields if name in secret_fields(model)))


def _class_docstring(module: str, resource: Resource[Any, Any, Any]) -> Iterator[str]:
    """What the vendor's page is, who makes the secret, how many live at once; then the arguments."""
    about = import_module(f"{resources.__name__}.{module}").__doc__ or ""
    first, _, rest = about.strip().partition("\n")
    yield f'    """{first}'
    for paragraph in rest.strip().split("\n\n"):
        yield f"\n{_filled(paragraph)}"
    yield ""
    for name in argument_names(resource):
        text = meaning_of_argument(resource, name, meaning(resource.inputs, name))
        yield _filled(f":param {name}: {_marked_up(text)}", hanging="    ")
    yield '    """'
    yield ""


def _docstring(text: str, indent: str = "    ") -> Iterator[str]:
    written = f'{indent}"""{_marked_up(text)}"""'
    if len(written) <= WIDTH:
        yield written
    else:
        yield _filled(written.strip().removesuffix('"""'))
        yield f'{indent}"""'


def _filled(text: str, hanging: str = "") -> str:
    indent = "    "
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _marked_up(text: str) -> str:
    """Code as docstrings mark it up, which is not how Markdown does."""
    return re.sub(r"`([^`]+)`", r"``\1``", text)


# -- types -------------------------------------------------------------------------------------------------------------


def _argument(name: str, field: FieldInfo) -> str:
    if name == "rotation":
        return "Rotation | RotationDict | None = None"
    default = field.get_default()
    if field.is_required():
        return f"pulumi.Input[{_input(field.annotation)}]"
    return f"pulumi.Input[{_input(field.annotation)}]{' | None' if default is None else ''} = {default!r}"


def _sent(name: str, field: FieldInfo) -> str:
    if name == "rotation" or field.is_required() or field.get_default() is None:
        return name
    # What has its default need not be in the state.
    return f"unless_default({name}, default={field.get_default()!r})"


def _input(annotation: Any) -> str:
    """A type as a program writes a value of it; what `None` means, an argument's default says."""
    annotation = _given(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.__name__
    if origin in {list, tuple}:
        return f"Sequence[pulumi.Input[{_input(inner[0])}]]"
    return _plain(annotation)


def _output(annotation: Any) -> str:
    """A type as a value of it arrives in a program."""
    given = _given(annotation)
    origin, inner = get_origin(given), get_args(given)
    # Not a TypedDict: Pulumi would look for an instance of it, and what arrives is a dict.
    if isinstance(given, type) and issubclass(given, BaseModel):
        written = "dict[str, Any]"
    elif origin in {list, tuple}:
        written = f"list[{_output(inner[0])}]"
    else:
        written = _plain(given)
    return f"{written} | None" if _takes_none(annotation) else written


def _plain(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return f"Literal[{', '.join(map(repr, get_args(annotation)))}]"
    if annotation in {SecretStr, datetime, AwareDatetime}:
        return "str"
    if annotation in {str, int, float, bool}:
        return str(annotation.__name__)
    raise TypeError(f"{annotation}: say in {__name__} how a program writes it")


def _given(annotation: Any) -> Any:
    """The type of a value that is given, without what pydantic is told of it."""
    if get_origin(annotation) is Annotated:
        return _given(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        (given,) = (member for member in get_args(annotation) if member is not NoneType)
        return _given(given)
    return annotation


def _takes_none(annotation: Any) -> bool:
    return get_origin(annotation) in {Union, UnionType} and NoneType in get_args(annotation)


# -- nested values -----------------------------------------------------------------------------------------------------


def _nested(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models within a model, each before those that hold it."""
    for name, field in model.model_fields.items():
        if name not in Inputs.model_fields:
            found = _given(field.annotation)
            found = _given(get_args(found)[0]) if get_origin(found) in {list, tuple} else found
            if isinstance(found, type) and issubclass(found, BaseModel):
                yield from _nested(found)
                yield found


def _typed_dict(model: type[BaseModel]) -> str:
    lines = [f"class {model.__name__}(TypedDict):", f'    """{(model.__doc__ or "").strip()}"""', ""]
    for name, field in model.model_fields.items():
        value = f"pulumi.Input[{_input(field.annotation)}]"
        lines.append(f"    {name}: {value if field.is_required() else f'NotRequired[{value}]'}")
        lines += _docstring(field.description or "")
    return "\n".join(lines)


def main() -> int:
    """Write, or compare and say that it is stale."""
    text = constructors()
    if "--check" in sys.argv[1:]:
        stale = FILE.read_text() != text
        if stale:
            sys.stderr.write("constructors: stale: run `make constructors`\n")
        return stale
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
