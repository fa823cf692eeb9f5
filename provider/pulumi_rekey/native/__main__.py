"""``pulumi-resource-rekey``: the plugin's process, which the engine starts and which ends with it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ..frontend.import_order import put_own_first
from ..frontend.process_end import end_process

#: Calls that are answered at once.
WORKERS: Final = 64
#: Seconds between two looks for the engine.
LOOK_S: Final = 1.0
#: Seconds that calls under way get to end.
MAX_WAIT_S: Final = 600.0
#: The same once the engine is gone; they write nothing any more.
MAX_WAIT_ALONE_S: Final = 10.0
#: Seconds that the last answers get to be sent.
MAX_FLUSH_S: Final = 10.0
#: A state is one message, however large.
_MAX_MESSAGE: Final = 400 * 1024 * 1024


def main() -> None:
    """Serve one provider on a port of this machine, which is all that is printed."""
    put_own_first()
    # The engine also writes what is configured into the environment, with its secrets: no child is to inherit it.
    os.environ.pop("PULUMI_CONFIG", None)
    # What is validated here is secret, and none of what extends pydantic, such as a recorder of inputs, is to see it.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "true"
    import grpc

    from .protos import provider_pb2_grpc
    from .servicer import Servicer

    # Before anything can come: a signal that ends the process must find calls under way.
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    servicer = Servicer()
    limits: list[tuple[str, Any]] = [("grpc.max_receive_message_length", _MAX_MESSAGE)]
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # While the engine connects, and its program goes on.
    threading.Thread(target=_load, daemon=True).start()
    while not ended.wait(LOOK_S):
        if servicer.engine_is_gone():
            servicer.wait_until_idle(MAX_WAIT_ALONE_S)
            end_process(exit_functions=False)
    servicer.wait_until_idle(MAX_WAIT_S)
    # The last answer may still be on its way: with it the engine would lose a secret that is in force.
    server.stop(MAX_FLUSH_S).wait()
    end_process()


def _load() -> None:
    """Load what the first call needs, whatever it is about."""
    from ..frontend import answers, instance  # noqa: F401 - loaded, and used later


if __name__ == "__main__":
    main()
