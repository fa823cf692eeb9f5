"""The way to the host: certificates, proxies, addresses."""

import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pulumi_rekey.endpoints import connections
from pulumi_rekey.endpoints.proxies import proxy_for
from pulumi_rekey.errors import AnswerLost, Misconfigured, Unreachable

from .conftest import Connect, Time
from .scripted import Scripted, answer, said, scripted

TOKEN = said({"access_token": "T"})


@dataclass(frozen=True)
class Authority:
    """A throw-away CA."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    @property
    def bundle(self) -> str:
        """The file of its certificate."""
        return str(self.folder / "ca.pem")

    def server(self, address: str = "127.0.0.1", *, days: int = 1) -> ssl.SSLContext:
        """What a server at this address needs, with a certificate that ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        made = _certificate(self.name, _named("vendor"), key.public_key(), days)
        made = made.add_extension(names, critical=False).add_extension(issuer, critical=False)
        file = self.folder / f"{address} {days}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    issuer: x509.Name, name: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + timedelta(days=days)
    return x509.CertificateBuilder(issuer, name, key, x509.random_serial_number(), end - timedelta(days=30), end)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    key, name, folder = ec.generate_private_key(ec.SECP256R1()), _named("throw-away CA"), tmp_path_factory.mktemp("ca")
    made = _certificate(name, name, key.public_key(), 1)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    (folder / "ca.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return Authority(folder, key, name)


# -- certificates -----------------------------------------------------------------------------------------------------


def test_a_certificate_of_the_configured_ca_is_trusted(authority: Authority, connect: Connect) -> None:
    with scripted(authority.server()) as server:
        server.script(TOKEN, said({"a": 1}))
        session = connect("vcd", url=server.url, apiToken="a", caBundle=authority.bundle)
        assert session.get("/x")["a"] == 1
    assert connect.warnings == []


def test_a_certificate_that_is_not_trusted_says_what_to_do(authority: Authority, connect: Connect, time: Time) -> None:
    with scripted(authority.server()) as server:
        server.script(TOKEN)
        place = server.url.removeprefix("https://")
        session = connect("vcd", url=server.url, apiToken="a")
        with pytest.raises(Unreachable) as failed:
            session.get("/x")
    assert str(failed.value) == (
        f"vcd: POST /oauth/provider/token: the certificate of {place} is not trusted:"
        " set rekey:endpoints.vcd.caBundle to the CA that signed it"
    )
    assert server.lines == []
    # It does not become good by itself.
    assert time.pauses == []


def test_a_certificate_for_another_host(authority: Authority, connect: Connect) -> None:
    with scripted(authority.server("127.0.0.2")) as server:
        server.script(TOKEN)
        session = connect("vcd", url=server.url, apiToken="a", caBundle=authority.bundle)
        with pytest.raises(
            Unreachable, match=r"is for another host: correct rekey:endpoints.vcd.url to the name that the"
        ):
            session.get("/x")
    assert server.lines == []


def test_a_certificate_that_has_expired(authority: Authority, connect: Connect) -> None:
    with scripted(authority.server(days=-1)) as server:
        server.script(TOKEN)
        session = connect("vcd", url=server.url, apiToken="a", caBundle=authority.bundle)
        with pytest.raises(Unreachable, match=r"the certificate of .* has expired: have it renewed"):
            session.get("/x")
    assert server.lines == []


def test_an_unverified_certificate_warns_at_every_run(authority: Authority, connect: Connect) -> None:
    with scripted(authority.server("127.0.0.2")) as server:
        server.script(TOKEN, said({"a": 1}))
        session = connect("vcd", url=server.url, apiToken="a", allowUnverifiedSsl=True)
        assert session.get("/x")["a"] == 1
        with pytest.raises(Unreachable):
            connect("vcd", url=server.url, apiToken="a").get("/x")
    assert connect.warnings == ["endpoint vcd: the server's certificate is not checked (allowUnverifiedSsl)"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "names a file that does not exist: write the path of a file of PEM certificates"),
        ("", "is not a readable file of PEM certificates: name one that is"),
        ("garbage", "is not a readable file of PEM certificates"),
        ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "is not a readable file of PEM certificates"),
    ],
)
def test_a_bundle_that_is_none(connect: Connect, tmp_path: Path, content: str | None, problem: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Misconfigured, match=f"^rekey:endpoints.vcd.caBundle {problem}"):
        connect("vcd", url="https://127.0.0.1:1", caBundle=str(file))


def test_https_to_a_server_that_does_not_speak_it(server: Scripted, connect: Connect) -> None:
    server.script(answer(200))
    session = connect("vcd", url=server.url.replace("http:", "https:"), apiToken="a", timeout=0.3)
    with pytest.raises((Unreachable, AnswerLost)):
        session.get("/x")


# -- names and proxies ------------------------------------------------------------------------------------------------


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without proxies."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def nameless(no_proxies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that knows no names."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.mark.usefixtures("nameless")
def test_a_name_that_does_not_resolve(connect: Connect) -> None:
    with pytest.raises(Unreachable) as failed:
        connect("vcd", url="https://vcd.example.com", apiToken="a").get("/x")
    assert str(failed.value) == (
        "vcd: POST /oauth/provider/token: no connection to vcd.example.com:443: the name vcd.example.com is not known:"
        " correct rekey:endpoints.vcd.url, or check this machine's DNS"
    )


@pytest.fixture
def proxy(no_proxies: None, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """A proxy that the environment names for everything, and that connects to nothing."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, server.url)
        monkeypatch.setenv(name.lower(), server.url)
    server.script(answer(502))
    return server


def test_the_usual_proxy_is_used(proxy: Scripted, connect: Connect) -> None:
    session = connect("vcd", url="https://vcd.example.com", apiToken="a", timeout=1)
    with pytest.raises(
        Unreachable,
        match=r"the proxy 127.0.0.1:\d+ \(https_proxy\) makes no connection to vcd.example.com:443, and answers 502",
    ):
        session.get("/x")
    assert set(proxy.lines) == {"CONNECT vcd.example.com:443"}


EXEMPT = [
    ("vcd.example.com", "example.com"),
    ("vcd.example.com", "EXAMPLE.com"),
    ("vcd.example.com", "localhost,fd00:10::/64, .example.com"),
    ("vcd.example.com", "*.example.com"),
    ("vcd.example.com", "127.0.0.1 vcd.example.com"),
    ("vcd.example.com", "vcd.example.com:443"),
    ("vcd.example.com", "https://vcd.example.com"),
    ("vcd.example.com", "other.example.com,*"),
    ("192.0.2.7", "192.0.2.7"),
    ("192.0.2.7", "192.0.2.0/24"),
    ("192.0.2.7", "192.0.2.7:443"),
    ("[2001:db8::7]", "2001:db8::7"),
    ("[2001:db8::7]", "2001:db8::/32"),
    ("[2001:db8::7]", "[2001:db8::7]"),
    ("[2001:db8::7]", "[2001:db8:0:0::7]:443"),
]
NOT_EXEMPT = [
    ("vcd.example.com", ""),
    ("vcd.example.com", ", ,"),
    ("vcd.example.com", "ple.com"),
    ("vcd.example.com", "com.,..,://,[,[::1,],:,1.2.3.4/99,fd00:10::/999,a b,\xff"),
    ("vcd.example.com", "vcd.example.com:8443"),
    ("example.com", ".example.com"),
    ("192.0.2.7", "192.0.3.0/24,fd00:10::/64,2.7,0.2.7"),
    ("[2001:db8::7]", "2001:db9::/32,192.0.2.0/24,[2001:db8::7]:8443"),
]


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy", "No_Proxy"])
@pytest.mark.parametrize(("host", "listed"), EXEMPT)
def test_no_proxy_is_followed(
    proxy: Scripted, monkeypatch: pytest.MonkeyPatch, variable: str, host: str, listed: str
) -> None:
    monkeypatch.setenv(variable, listed)
    assert proxy_for(f"https://{host}/base") is None


@pytest.mark.parametrize(("host", "listed"), NOT_EXEMPT)
def test_no_proxy_for_others_is_left_alone(
    proxy: Scripted, monkeypatch: pytest.MonkeyPatch, host: str, listed: str
) -> None:
    monkeypatch.setenv("NO_PROXY", listed)
    found = proxy_for(f"https://{host}")
    assert found is not None
    assert str(found.url) == proxy.url


def test_a_host_in_no_proxy_is_asked_directly(
    nameless: None, proxy: Scripted, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost,fd00:10::/64,example.com")
    with pytest.raises(Unreachable, match="no connection"):
        connect("vcd", url="https://vcd.example.com", apiToken="a").get("/x")
    assert proxy.lines == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "Https_Proxy"])
@pytest.mark.parametrize(
    "value",
    [
        "http://user:p@ss@proxy:port",
        "http://",
        "http://:3128",
        "ftp://user:p@ss@proxy",
        "socks4://proxy:1080",
        "socks://proxy:1080",
        "http://[::1",
        "://",
        "http://pro xy\x01/p@ss",
        "http://proxy:99999999",
    ],
)
def test_a_proxy_that_is_none_is_refused_by_name(
    no_proxies: None, connect: Connect, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured) as refused:
        connect("vcd", url="https://vcd.example.com", apiToken="a")
    assert str(refused.value) == (
        f"{variable} names no proxy that can be used: write http://HOST:PORT, https://… or socks5://…, or list the"
        " endpoint's host in NO_PROXY"
    )
    # It concerns nobody else.
    connect("roma", url="http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "vcd.example.com")
    connect("vcd", url="https://vcd.example.com", apiToken="a")


@pytest.mark.skipif(find_spec("socksio") is not None, reason="socksio makes such proxies work")
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS5"])
def test_a_socks_proxy_says_what_it_needs(
    no_proxies: None, connect: Connect, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:p@ss@127.0.0.1:1080")
    with pytest.raises(Misconfigured) as refused:
        connect("vcd", url="https://vcd.example.com", apiToken="a")
    assert str(refused.value) == (
        "ALL_PROXY names a SOCKS proxy, and the Python package socksio is not installed: install it, name an http://"
        " proxy, or list the endpoint's host in NO_PROXY"
    )


def test_https_proxy_comes_before_all_proxy(no_proxies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("HTTPS_PROXY", "user:p%40ss@proxy:3128")
    found = proxy_for("https://vcd.example.com")
    assert found is not None
    assert (str(found.url), found.auth) == ("http://proxy:3128", ("user", "p@ss"))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
def test_a_tls_file_that_cannot_be_read_is_named(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    connections._tls_context.cache_clear()
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "missing" / "file"))
    with pytest.raises(Misconfigured, match=f"^{variable} cannot be read: correct it, or unset it$"):
        connect("vcd", url="https://127.0.0.1:1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_never_asked_for_by_a_proxy(proxy: Scripted, connect: Connect, host: str) -> None:
    with scripted() as vendor:
        vendor.script(TOKEN, said({"a": 1}))
        session = connect("vcd", url=vendor.url.replace("127.0.0.1", host), apiToken="a", timeout=1)
        assert session.get("/x")["a"] == 1
    assert proxy.lines == []
