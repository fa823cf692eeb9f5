"""What the Pulumi engine and its Python host do beyond their documented interface, and how rekey uses it.

Everything here is undocumented or odd, so ``tests/test_engine_facts.py`` shows each fact on the engine in use. Where a
fact no longer holds, rekey still works, with a longer message, a slower run or a larger state. Two facts have no
substitute, the marks of secrets and of unknown values: without them a call fails, and no secret is saved in plain text.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal, NamedTuple

from pulumi.output import Unknown
from pulumi.runtime import rpc

from ..frontend.values import UNKNOWN, Secret

#: The key under which Pulumi keeps the pickled provider among the properties.
PROVIDER_KEY: Final = "__provider"
#: Calls that the dynamic host takes at once; the stock host has four workers.
WORKERS: Final = 64
# What `python -m pulumi.dynamic` runs.
_HOST_MODULE: Final = "pulumi.dynamic.__main__"
# grpc-go takes the status out of this trailer if its code is the call's own.
_STATUS_TRAILER: Final = "grpc-status-details-bin"
_UNKNOWN_CODE: Final = 2


def to_engine(value: Any) -> Any:
    """Return a property as a provider must return it: secrets with Pulumi's mark.

    :raises AttributeError: if the SDK has no such mark; a secret is never returned without it.
    """
    match value:
        case Secret():
            return {rpc._special_sig_key: rpc._special_secret_sig, "value": value.value}
        case dict():
            return {name: to_engine(member) for name, member in value.items()}
        case list() | tuple():
            return [to_engine(member) for member in value]
        case _:
            return Unknown() if value is UNKNOWN else value  # type: ignore[no-untyped-call]  # the SDK's


def from_engine(value: Any) -> Any:
    """Return a property of the host's in the core's terms: what is not known yet is ``UNKNOWN``."""
    match value:
        case Unknown():
            return UNKNOWN
        case dict():
            return {name: from_engine(member) for name, member in value.items()}
        case list() | tuple():
            return [from_engine(member) for member in value]
        case _:
            return value


class EngineCall(NamedTuple):
    """The engine's call that this thread answers; members that cannot be found are None."""

    context: Any
    request: Any

    @property
    def urn(self) -> str | None:
        """The URN of the resource that the call is about, if the request has one."""
        urn = getattr(self.request, "urn", None)
        return urn if isinstance(urn, str) and urn else None

    @property
    def name(self) -> str | None:
        """The name of that resource in the program."""
        return None if self.urn is None else self.urn.split("::", 3)[-1]


def current_call() -> EngineCall:
    """Find the call that this thread answers, in the host's local variables: the host passes little of it on."""
    return _call_of(sys._getframe(1))


def _call_of(frame: FrameType | None) -> EngineCall:
    while frame is not None:
        context = frame.f_locals.get("context")
        if hasattr(context, "set_trailing_metadata"):
            return EngineCall(context, frame.f_locals.get("request"))
        frame = frame.f_back
    return EngineCall(None, None)


def stored_inputs(call: EngineCall) -> dict[str, Any] | None:
    """Return the inputs in the state, which the engine sends along with a read or an update and the host drops."""
    stored = getattr(call.request, "inputs", None) or getattr(call.request, "old_inputs", None)
    if stored is None or not stored.fields:
        return None
    inputs: dict[str, Any] = from_engine(rpc.deserialize_properties(stored))
    inputs.pop(PROVIDER_KEY, None)
    return inputs


def fail_in_one_line(call: EngineCall, message: str) -> None:
    """Send one line instead of the traceback that the host is about to send."""
    if call.context is None:
        return
    from pulumi.runtime.proto import status_pb2

    status = status_pb2.Status(code=_UNKNOWN_CODE, message=message)
    call.context.set_trailing_metadata(((_STATUS_TRAILER, status.SerializeToString()),))


def fail_partly(
    call: EngineCall, message: str, id_: str, outputs: dict[str, Any], inputs: dict[str, Any] | None
) -> None:
    """Fail the call, and make the engine save the state that was reached."""
    if call.context is None:
        return
    import asyncio

    from google.protobuf import any_pb2
    from pulumi.runtime.proto import provider_pb2, status_pb2

    loop = asyncio.new_event_loop()
    try:
        detail = provider_pb2.ErrorResourceInitFailed(
            id=id_,
            properties=loop.run_until_complete(rpc.serialize_properties(outputs, {})),
            reasons=[message],
        )
        if inputs is not None:
            detail.inputs.CopyFrom(loop.run_until_complete(rpc.serialize_properties(inputs, {})))
    finally:
        loop.close()
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=_UNKNOWN_CODE, message=message, details=[packed])
    call.context.set_trailing_metadata(((_STATUS_TRAILER, status.SerializeToString()),))


def is_host() -> bool:
    """Tell whether this process is a host that an engine has started, and not a program or a test."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return getattr(spec, "name", None) == _HOST_MODULE and engine_address() is not None


def engine_address() -> tuple[str, int] | None:
    """Return the address of the engine that started this host; None if this process is not a host."""
    # Flags of the engine's, such as `--tracing`, precede it.
    host, _, port = (sys.argv[-1] if len(sys.argv) > 1 else "").rpartition(":")
    return (host, int(port)) if host and port.isdigit() else None


def is_wanted() -> bool:
    """Tell whether the engine still waits for the answer of this thread.

    A host outlives its engine and its own SIGINT, and its parent process stays the same. So ask the call, which ends
    with its connection, and try to connect to the engine's address.
    """
    context = current_call().context
    active = getattr(context, "is_active", None)
    return (active is None or bool(active())) and engine_answers()


def engine_answers() -> bool:
    """Tell whether the engine that started this host accepts a connection."""
    address = engine_address()
    if address is None:
        return True
    try:
        with socket.create_connection(address, timeout=5):
            return True
    except OSError:
        return False


def engine_is_gone() -> bool:
    """Tell whether nobody listens any more where the engine did; a connection that fails otherwise is no proof."""
    address = engine_address()
    if address is None:
        return False
    try:
        with socket.create_connection(address, timeout=5):
            return False
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


def calls_under_way() -> bool:
    """Tell whether any thread of this host, for whatever provider, answers a call of the engine."""
    return any(_call_of(frame).context is not None for frame in sys._current_frames().values())


_log_lock = threading.Lock()
_log_stub: Any = None


def log(severity: Literal["INFO", "WARNING"], message: str, urn: str | None) -> None:
    """Print a message under a resource in the run's display, its diagnostics and ``--json``."""
    global _log_stub  # noqa: PLW0603 - one channel a process
    address = engine_address()
    if address is None:
        return
    # The run must not fail because a remark could not be made.
    with contextlib.suppress(Exception), _log_lock:
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

        if _log_stub is None:
            import grpc

            _log_stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(f"{address[0]}:{address[1]}"))
        _log_stub.Log(
            engine_pb2.LogRequest(severity=getattr(engine_pb2, severity), message=message, urn=urn or ""),
            timeout=5,
        )


def more_workers() -> None:
    """Let the host answer more calls at once than its fixed four."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        pool = getattr(getattr(frame.f_locals.get("server"), "_state", None), "thread_pool", None)
        if pool is not None and isinstance(getattr(pool, "_max_workers", None), int):
            pool._max_workers = max(pool._max_workers, WORKERS)
            # A call that waits already gets a worker only with a later call, and that one none. An empty call in its
            # place is no help: each one that ends counts as a worker that is free, so that a real one has to wait.
            with contextlib.suppress(AttributeError), pool._shutdown_lock:
                for _ in range(pool._work_queue.qsize()):
                    pool._adjust_thread_count()
            return
        frame = frame.f_back


def pickled_name(module: str, attribute: str) -> str:
    """Return a module's attribute pickled by its name, as Pulumi keeps it, in the protocol that takes fewest bytes."""
    return base64.b64encode(f"c{module}\n{attribute}\n.".encode()).decode()


@contextlib.contextmanager
def source_position_only(package: str) -> Iterator[None]:
    """Keep where the user's program declares a resource, and no stack trace: that is half of its bytes in the state."""
    from pulumi.runtime import resource as runtime
    from pulumi.runtime.proto import source_pb2

    trace, position = getattr(runtime, "_get_stack_trace", None), getattr(runtime, "_get_source_position", None)
    position_of_frame = getattr(runtime, "_get_source_position_for_frame", None)
    if trace is None or position is None or position_of_frame is None:
        yield
        return

    def of_user(stack: source_pb2.StackTrace) -> Any:  # noqa: ARG001 - it is called with the empty one
        import traceback

        frame = sys._getframe(1)
        # The SDK's Resource classes live one folder above its runtime.
        libraries = (f"{package}{os.sep}", f"{Path(runtime.__file__).parent.parent}{os.sep}")
        while frame is not None and frame.f_code.co_filename.startswith(libraries):
            frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
        if frame is None:
            return position(trace())
        return position_of_frame(
            traceback.FrameSummary(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, lookup_line=False)
        )

    runtime._get_stack_trace = source_pb2.StackTrace
    runtime._get_source_position = of_user
    try:
        yield
    finally:
        runtime._get_stack_trace = trace
        runtime._get_source_position = position


@contextlib.contextmanager
def aliases_left_to_engine() -> Iterator[None]:
    """Keep the SDK from working out the URN of each alias, which is most of what an alias costs.

    An engine that takes aliases whole needs none of these URNs: the SDK keeps them for the children of a resource, and
    for other engines.
    """
    from pulumi import resource as declared

    collapse = getattr(declared, "collapse_alias_to_urn", None)
    if collapse is None or not _takes_aliases():
        yield
        return
    declared.collapse_alias_to_urn = lambda *_: ""  # type: ignore[attr-defined, assignment]  # the SDK imports it
    try:
        yield
    finally:
        declared.collapse_alias_to_urn = collapse  # type: ignore[attr-defined]  # as above


def _takes_aliases() -> bool:
    """Tell whether the engine says that it takes aliases whole; false if the SDK does not know."""
    from pulumi.runtime import settings
    from pulumi.runtime.proto import resource_pb2

    supports = getattr(settings, "monitor_supports_feature", None)
    feature = getattr(resource_pb2, "RESOURCE_MONITOR_FEATURE_ALIAS_SPECS", None)
    return supports is not None and feature is not None and bool(supports(feature))
