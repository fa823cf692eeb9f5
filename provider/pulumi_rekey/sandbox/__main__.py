"""`python -m pulumi_rekey.sandbox`: serve the sandbox until interrupted."""

import argparse
import contextlib
import errno
import ipaddress
import sys
from collections.abc import Sequence

from .server import serve


def main(prog: str = "python -m pulumi_rekey.sandbox", arguments: Sequence[str] | None = None) -> None:
    """Read the command line, by default this process's, and serve."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Serve the four vendors' APIs on this machine, to try and rehearse with, until interrupted.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", default=8181, type=int, help="0 picks a free port")
    parser.add_argument("--tls-certificate", metavar="FILE", help="serve HTTPS with this PEM certificate chain")
    parser.add_argument("--tls-key", metavar="FILE", help="the private key of the certificate, PEM")
    parser.add_argument("--seed", action="store_true", help="fill it first, and list what can be adopted")
    given = parser.parse_args(arguments)
    host = "127.0.0.1" if given.host == "localhost" else given.host
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        parser.error("--host must be a loopback address: the sandbox hands its credentials to whoever asks")
    if given.port not in range(65536):
        parser.error("--port must be from 0 to 65535")
    if bool(given.tls_certificate) != bool(given.tls_key):
        parser.error("--tls-certificate and --tls-key go together")
    tls = (given.tls_certificate, given.tls_key) if given.tls_certificate else None
    try:
        with contextlib.suppress(KeyboardInterrupt):
            serve(host, given.port, tls, seed=given.seed)
    except OSError as wrong:
        taken = f"port {given.port} is taken: choose another one with --port, where 0 means a free one"
        sys.exit(f"{prog}: {taken if wrong.errno == errno.EADDRINUSE else wrong}")


if __name__ == "__main__":
    main()
