"""A key service for the stacks of a test session: the part of Vault's transit engine that Pulumi's engine asks.

The engine makes a passphrase into a key by a million rounds in every command: a third of the processor time of a short
one. Of a key service it asks the key in one request. Programs, states and everything else stay as they are. See
https://www.pulumi.com/docs/iac/concepts/secrets/#hashicorp-vault-transit-secrets-engine and
https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

#: What `pulumi stack init --secrets-provider` is told: a key of the service, by its name.
KEY_URL: Final = "hashivault://tests"
#: Wrapping adds nothing but this: what the keys of these stacks protect are secrets of a sandbox.
_WRAPPED: Final = "vault:v1:"


def unwrapped(key: str) -> str:
    """Return a key as it was before the service wrapped it, in Base64."""
    return key.removeprefix(_WRAPPED)


class _Transit(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/v1/transit/encrypt/"):
            answer = {"ciphertext": _WRAPPED + asked["plaintext"]}
        else:
            answer = {"plaintext": unwrapped(asked["ciphertext"])}
        body = json.dumps({"data": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing: the output is the tests'."""


@contextmanager
def running_key_service() -> Iterator[dict[str, str]]:
    """Serve on a port of loopback; yield the environment by which the engine finds it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Transit) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {"VAULT_ADDR": f"http://127.0.0.1:{server.server_port}", "VAULT_TOKEN": "tests"}
        finally:
            server.shutdown()
