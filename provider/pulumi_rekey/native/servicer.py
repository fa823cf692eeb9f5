"""The plugin's answers: each call of the engine's protocol, put to the front end in plain dicts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from google.protobuf import empty_pb2

from ..frontend.differences import top_of
from ..frontend.exposures import exposures
from .naming import explicit, named
from .protos import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from .wire import from_wire, holds_secret, to_wire

if TYPE_CHECKING:
    from ..frontend.answers import Answers, Call, Difference, Found, Severity
    from ..frontend.instance import Instance
    from ..frontend.values import Properties

_LOG_TIMEOUT_S: Final = 5.0
#: What a resource that was the dynamic provider's has among its properties until they are written anew.
_OF_DYNAMIC: Final = "__provider"
_PARTLY: Final = grpc.StatusCode.UNKNOWN


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider of a run, with its configuration: the engine starts a process for each."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._engine: engine_pb2_grpc.EngineStub | None = None
        self._answers: dict[str, Answers] = {}
        #: The name of an explicit provider; nothing for the default one, whose settings are the stack's.
        self._provider: str | None = None
        #: What is to be said of an update once it is sure that it is one.
        self._unsaid: dict[str, list[tuple[Severity, str]]] = {}
        self._calls = 0
        self._idle = threading.Condition()
        self._here = threading.local()

    # -- the process ------------------------------------------------------------------------------------------------

    @cached_property
    def instance(self) -> Instance:
        """What all resources of this process share; loaded by the first call that needs it."""
        from ..frontend.instance import Instance
        from ..frontend.scope import engine, replaced, scope

        return Instance(
            wanted=self._is_wanted,
            warn=lambda text: self._log("WARNING", text, ""),
            scope=scope,
            replaced=replaced,
            engine=engine,
            environment=os.environ,
        )

    def engine_is_gone(self) -> bool:
        """Tell whether the engine has died: this process is its child, and has been given another parent then."""
        return os.getppid() != self._parent

    def wait_until_idle(self, timeout: float) -> None:
        """Wait for the calls that are under way, but no longer than this many seconds."""
        with self._idle:
            self._idle.wait_for(lambda: self._calls == 0, timeout)

    def _is_wanted(self) -> bool:
        """Tell whether the engine still waits for the answer of this thread."""
        context = getattr(self._here, "context", None)
        return (context is None or bool(context.is_active())) and not self.engine_is_gone()

    def _log(self, severity: str, text: str, urn: str) -> None:
        if self._engine is None:
            return
        # The run must not fail because a remark could not be made.
        with suppress(grpc.RpcError):
            words = named(text, self._provider)
            message = engine_pb2.LogRequest(severity=getattr(engine_pb2, severity), message=words, urn=urn)
            self._engine.Log(message, timeout=_LOG_TIMEOUT_S)

    # -- the provider -----------------------------------------------------------------------------------------------

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
        """Accept no marks of secrets: the engine then puts them back by path itself, at every depth."""
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(request.engine_address))
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
        """Speak to an engine that has not started this process: see PULUMI_DEBUG_PROVIDERS."""
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(request.address))
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
        """Return the version, which is the package's."""
        from ..frontend.version import package_version

        return plugin_pb2.PluginInfo(version=package_version())

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
        """Return the schema of the package."""
        from ..frontend.version import package_version
        from .schema import package_schema

        return provider_pb2.GetSchemaResponse(schema=json.dumps({**package_schema(), "version": package_version()}))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """Refuse settings that do not exist, and mark all that may hold a credential."""
        with self._answering(context):
            from .settings import checked

            inputs, failures = checked(from_wire(request.news), _project(request.urn))
            return _check_response(inputs, failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
        """Never replace a provider: that would replace all its resources. An address that differs stops them."""
        changes = from_wire(request.olds) != from_wire(request.news)
        return provider_pb2.DiffResponse(changes=_changes(changes))

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """Take the provider's settings."""
        with self._answering(context):
            from ..frontend import orders
            from .settings import as_texts

            self._provider = explicit(request.urn)
            if "rotateNow" in request.args.fields and holds_secret(request.args.fields["rotateNow"]):
                raise orders.encrypted()
            settings = as_texts(from_wire(request.args))
            self.instance.configure(settings.get)
            for text in exposures(os.environ):
                self._log("WARNING", text, "")
            return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
        """Let what is under way come to its end, as the engine does: half a rotation is worse than a late one.

        The engine sends this at the end of every run, too.
        """
        return empty_pb2.Empty()

    # -- its resources ----------------------------------------------------------------------------------------------

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """Validate inputs."""
        with self._answering(context):
            news = _as_if_secret(from_wire(request.news))
            checked = self._of(request).check(self._call(request), from_wire(request.olds), news)
            failures = [(path, named(reason, self._provider)) for path, reason in checked.failures]
            return _check_response(checked.inputs, failures)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """Tell what would change.

        `replace_on_changes` is the engine's to obey, after this: what is said of an update is said by the update.
        """
        with self._answering(context):
            said: list[tuple[Severity, str]] = []
            call = self._call(request, request.old_inputs)
            say, call = call.remark, replace(call, remark=lambda severity, text: said.append((severity, text)))
            found = self._of(request).diff(call, request.id, from_wire(request.olds), from_wire(request.news))
            if found.changes and not found.replaces:
                self._unsaid[request.urn] = said
            else:
                for severity, text in said:
                    say(severity, text)
            details = _details(found) if found.changes else {}
            return provider_pb2.DiffResponse(
                changes=_changes(found.changes),
                replaces=found.replaces,
                diffs=sorted({top_of(path) for path in details}),
                detailedDiff=details,
                hasDetailedDiff=bool(details),
            )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """Create or adopt the object; in a preview, return what is known of it."""
        with self._answering(context):
            props = from_wire(request.properties)
            if request.preview:
                return provider_pb2.CreateResponse(properties=to_wire(self._of(request).preview_create(props)))
            found = self._of(request).create(self._call(request), props)
            return provider_pb2.CreateResponse(id=found.id, properties=to_wire(found.outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """Return the object as the vendor has it, or, where there is no state yet, one that exists; nothing if gone."""
        with self._answering(context):
            call, answers, props = self._call(request, request.inputs), self._of(request), from_wire(request.properties)
            found = answers.read(call, request.id, props) if props else answers.find(call, request.id)
            if found is None:
                return provider_pb2.ReadResponse()
            response = provider_pb2.ReadResponse(id=found.id, properties=to_wire(found.outputs))
            if found.inputs is not None:
                response.inputs.CopyFrom(to_wire(found.inputs))
            return response

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """Bring the object and its secret to what is wanted; in a preview, return what is known of the outcome."""
        with self._answering(context):
            call = self._call(request, request.old_inputs)
            for severity, text in self._unsaid.pop(request.urn, ()):
                call.remark(severity, text)
            olds, news = from_wire(request.olds), from_wire(request.news)
            if request.preview:
                foreseen = self._of(request).preview_update(call, request.id, olds, news)
                return provider_pb2.UpdateResponse(properties=to_wire(foreseen))
            found = self._of(request).update(call, request.id, olds, news)
            return provider_pb2.UpdateResponse(properties=to_wire(found.outputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        """End what rekey made."""
        with self._answering(context):
            self._of(request).delete(self._call(request), from_wire(request.properties))
            return empty_pb2.Empty()

    # -- how a call is answered -------------------------------------------------------------------------------------

    def _of(self, request: Any) -> Answers:
        """Return the answers of the resource that a call is about."""
        from .. import resources
        from ..errors import Misconfigured
        from ..frontend.answers import Answers

        name = request.urn.split("::")[2].rpartition("$")[2].rpartition(":")[2]
        answers = self._answers.get(name)
        if answers is None:
            resource = resources.by_name(name)
            if resource is None:
                raise Misconfigured(f"rekey has no resource {name}", todo="install the version of rekey that has it")
            answers = self._answers.setdefault(name, Answers(resource, self.instance))
        return answers

    def _call(self, request: Any, stored: Any = None) -> Call:
        from ..frontend import orders
        from ..frontend.answers import Call

        urn = request.urn
        name = orders.name_of(urn)
        inputs = from_wire(stored) if stored is not None and stored.fields else None
        if inputs is not None:
            inputs.pop(_OF_DYNAMIC, None)
        # `--diff` shows the text alone, without the resource that it is about.
        return Call(urn, inputs, lambda severity, text: self._log(severity, f"{name}: {text}", urn))

    @contextmanager
    def _answering(self, context: Any) -> Iterator[None]:
        """Count a call as under way; an expected error reaches the engine as one line."""
        from ..errors import Error
        from ..frontend.answers import HalfDone

        with self._idle:
            self._calls += 1
        self._here.context = context
        try:
            yield
        except HalfDone as failed:
            _fail_partly(context, failed.found, named(str(failed), self._provider))
        except Error as failed:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, named(str(failed), self._provider))
        except Exception:  # noqa: BLE001 - a defect: what it looks like belongs to its report
            import traceback

            context.abort(grpc.StatusCode.INTERNAL, traceback.format_exc())
        finally:
            self._here.context = None
            with self._idle:
                self._calls -= 1
                self._idle.notify_all()


class _Status(grpc.Status):
    """How a call fails, with details that only the engine reads."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing_metadata: Any) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = trailing_metadata


def _fail_partly(context: Any, found: Found, message: str) -> NoReturn:
    """Fail the call, and make the engine save the state that was reached."""
    from google.protobuf import any_pb2

    detail = provider_pb2.ErrorResourceInitFailed(id=found.id, properties=to_wire(found.outputs), reasons=[message])
    if found.inputs is not None:
        detail.inputs.CopyFrom(to_wire(found.inputs))
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=_PARTLY.value[0], message=message, details=[packed])
    context.abort_with_status(_Status(_PARTLY, message, (("grpc-status-details-bin", status.SerializeToString()),)))
    raise AssertionError("abort_with_status raises")


def _as_if_secret(news: Properties) -> Properties:
    """Take the text of ``rotate_now`` for secret, unless the program says otherwise: of a mark nothing is seen here."""
    match news:
        case {"rotation": {"rotate_now": _} as rotation}:
            return news | {"rotation": {"rotate_now_is_secret": True, **rotation}}
        case _:
            return news


def _project(urn: str) -> str | None:
    return next(iter(urn.split("::")[1:]), None)


def _check_response(inputs: Properties, failures: list[tuple[str, str]]) -> Any:
    found = [provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in failures]
    return provider_pb2.CheckResponse(inputs=to_wire(inputs), failures=found)


def _details(found: Difference) -> dict[str, Any]:
    """Return what changes, path by path; an output is compared with what the program says of it."""
    details = {}
    for path, kind in found.inputs.items():
        suffix = "_REPLACE" if top_of(path) in found.replaces else ""
        kinds = provider_pb2.PropertyDiff.Kind.Value(f"{kind.upper()}{suffix}")
        details[path] = provider_pb2.PropertyDiff(kind=kinds, inputDiff=True)
    for name in found.drifted:
        details[name] = provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.UPDATE)
    return details


def _changes(changes: bool) -> Any:  # noqa: FBT001 - its one argument
    return provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE
