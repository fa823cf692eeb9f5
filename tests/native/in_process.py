"""The plugin in this process, called over the engine's protocol; what it says is kept.

For example::

    def test_check_names_the_property(plugin: Plugin) -> None:
        answer = plugin.check("GeneratedSecret", vendor="rome")
        assert [failure.property for failure in answer.failures] == ["vendor"]
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi_rekey.endpoints import KINDS
from pulumi_rekey.frontend.values import Properties
from pulumi_rekey.native.protos import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2
from pulumi_rekey.native.servicer import Servicer
from pulumi_rekey.native.wire import to_wire

from tools.vendors import Sandbox

#: The keys of the envelope that a secret travels in, as the engine's protocol fixes them.
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


class Refused(Exception):
    """A call failed, with the code and the details that the engine reads."""

    def __init__(self, failed: grpc.RpcError) -> None:
        #: Types of grpc say nothing of a call in an error.
        call: Any = failed
        super().__init__(call.details())
        self.code: grpc.StatusCode = call.code()
        self.text: str = call.details()
        trailers = dict(call.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
        #: What of the resource is to be saved, although the call failed.
        self.reached: list[Any] = []
        for packed in status.details:
            detail = provider_pb2.ErrorResourceInitFailed()
            assert packed.Unpack(detail)
            self.reached.append(detail)


class _Engine(engine_pb2_grpc.EngineServicer):
    """The part of an engine that shows what a plugin says."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
        self.said.append((engine_pb2.LogSeverity.Name(request.severity), request.urn, request.message))
        return empty_pb2.Empty()


class Plugin:
    """A plugin, and the engine's side of its calls; properties come back as :func:`read` says."""

    def __init__(self, servicer: Servicer, channel: grpc.Channel, said: list[tuple[str, str, str]]) -> None:
        self.servicer = servicer
        self._stub: Any = provider_pb2_grpc.ResourceProviderStub(channel)
        #: Severity, URN and text of each remark.
        self._said = said

    def call(self, verb: str, request: Any) -> Any:
        """Make any call of the protocol.

        :raises Refused: The plugin fails it.
        """
        try:
            return getattr(self._stub, verb)(request, timeout=30)
        except grpc.RpcError as failed:
            raise Refused(failed) from None

    def said(self) -> list[tuple[str, str, str]]:
        """What has been said since this was asked last."""
        said = list(self._said)
        self._said.clear()
        return said

    def configure(self, urn: str = "", **settings: Any) -> Any:
        """Hand over a provider's settings."""
        return self.call("Configure", provider_pb2.ConfigureRequest(urn=urn, args=to_wire(settings)))

    def use(self, sandbox: Sandbox) -> None:
        """Let the sandbox be all endpoints."""
        self.configure(owner="o", endpoints={name: dict(sandbox.endpoint(name)) for name in KINDS})

    def check(self, kind: str, *, olds: Properties | None = None, **news: Any) -> Any:
        """Check a resource's inputs."""
        request = provider_pb2.CheckRequest(urn=urn_of(kind), olds=to_wire(olds or {}), news=to_wire(news))
        return self.call("Check", request)

    def diff(self, kind: str, id_: str, olds: Properties, news: Properties, stored: Properties) -> Any:
        """Compare inputs with the stored ones, and with the state."""
        return self.call("Diff", provider_pb2.DiffRequest(**_both(kind, id_, olds, news, stored)))

    def create(self, kind: str, *, preview: bool = False, **props: Any) -> tuple[str, Properties]:
        """Create a resource; return its id and its outputs."""
        request = provider_pb2.CreateRequest(urn=urn_of(kind), properties=to_wire(props), preview=preview)
        answer = self.call("Create", request)
        return answer.id, read(answer.properties)

    def update(
        self, kind: str, id_: str, olds: Properties, news: Properties, stored: Properties, *, preview: bool = False
    ) -> Properties:
        """Update a resource; return its outputs."""
        request = provider_pb2.UpdateRequest(**_both(kind, id_, olds, news, stored), preview=preview)
        return read(self.call("Update", request).properties)

    def read(self, kind: str, id_: str, props: Properties | None = None, inputs: Properties | None = None) -> Any:
        """Read a resource; without a state, one that is to be imported."""
        request = provider_pb2.ReadRequest(
            urn=urn_of(kind),
            id=id_,
            properties=to_wire(props or {}),
            inputs=None if inputs is None else to_wire(inputs),
        )
        return self.call("Read", request)

    def delete(self, kind: str, id_: str, props: Properties) -> None:
        """Delete a resource."""
        self.call("Delete", provider_pb2.DeleteRequest(urn=urn_of(kind), id=id_, properties=to_wire(props)))


def urn_of(kind: str) -> str:
    """How the engine calls the one resource of a kind."""
    return f"urn:pulumi:dev::probe::rekey:index:{kind}::it"


def _both(kind: str, id_: str, olds: Properties, news: Properties, stored: Properties) -> dict[str, Any]:
    return {
        "urn": urn_of(kind),
        "id": id_,
        "olds": to_wire(olds),
        "news": to_wire(news),
        "old_inputs": to_wire(stored),
    }


def read(properties: Struct) -> Properties:
    """What a message holds, by protobuf's own reading: a secret keeps its envelope."""
    found: Properties = MessageToDict(properties)
    return found


def envelope(value: Any) -> Properties:
    """A secret as a message holds it."""
    return {SIGNATURE: SECRET, "value": value}


def is_marked(value: Any) -> bool:
    """Tell whether a value is in a secret's envelope."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def decrypted(value: Any) -> Any:
    """What the engine sends of outputs that it has saved: no marks, as a plugin that accepts none is sent."""
    match value:
        case dict() if is_marked(value):
            return decrypted(value["value"])
        case dict():
            return {name: decrypted(member) for name, member in value.items()}
        case list():
            return [decrypted(member) for member in value]
        case _:
            return value


@contextmanager
def _serving(add: Any, servicer: Any) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4))
    add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextmanager
def plugin_in_process() -> Iterator[Plugin]:
    """Serve a plugin whose engine is this test."""
    engine, servicer = _Engine(), Servicer()
    instance = servicer.instance
    instance._runtime = replace(instance._runtime, sleep=lambda _seconds: None)
    with (
        _serving(engine_pb2_grpc.add_EngineServicer_to_server, engine) as its_engine,
        _serving(provider_pb2_grpc.add_ResourceProviderServicer_to_server, servicer) as address,
        grpc.insecure_channel(address) as channel,
    ):
        plugin = Plugin(servicer, channel, engine.said)
        plugin.call("Handshake", provider_pb2.ProviderHandshakeRequest(engine_address=its_engine))
        try:
            yield plugin
        finally:
            # In a process of its own, its end does that.
            endpoints = instance._endpoints
            for session in endpoints._sessions.values() if endpoints else ():
                session.connections.close()
