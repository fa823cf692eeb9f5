"""What a vendor, or something in its place, may answer; and what of it is shown to the user."""

import gzip
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi_rekey.endpoints.session import MAX_ANSWER_BYTES, MAX_PAGES, fill
from pulumi_rekey.errors import AnswerLost, BadAnswer, Error, Forbidden, Misconfigured, VendorError

from .conftest import Connect
from .scripted import Scripted, answer, said, scripted

SECRET = "Hunter2-hunter2"


@pytest.fixture
def vcd(server: Scripted, connect: Connect) -> Any:
    session = connect("vcd", url=server.url, apiToken="a")
    server.script(said({"access_token": "T"}), said({}))
    session.get("/x")
    return session


def failure(session: Any, method: str = "post") -> str:
    """The error's text, which is fit to be shown whatever was answered."""
    with pytest.raises(Error) as failed:
        getattr(session, method)("/x")
    text = str(failed.value)
    assert re.fullmatch(r"[ -~…]{1,300}", text)
    assert SECRET not in text
    return text


# -- not what the vendor documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "is empty"),
        (b"   ", "is not JSON"),
        (f"<html><title>Log in</title>{SECRET}</html>".encode(), "is not JSON"),
        (f'{{"secret": "{SECRET}"'.encode(), "is not JSON"),
        (f'"{SECRET}"'.encode(), "is not a JSON object"),
        (f'["{SECRET}"]'.encode(), "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"17", "is not a JSON object"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": ' * 100_000, "is not JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", None),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"\xef\xbb\xbf{}", None),
        (b'{"a": "\\ud800"}', "is not JSON"),
        (gzip.compress(b"{}", mtime=0), "is not JSON"),
    ],
)
def test_an_answer_that_is_not_the_api(server: Scripted, signed: Any, body: bytes, what: str | None) -> None:
    server.script(answer(200, body))
    if what is None:
        signed.get("/x")
        return
    assert failure(signed) == (
        f"roma: POST /x: the answer {what}: check that the endpoint's url is the vendor's API and not a proxy or"
        " login page"
    )
    assert server.lines == ["POST /x"]


def test_an_answer_without_end(server: Scripted, signed: Any) -> None:
    server.script(answer(200, b'{"a": "' + b"a" * 10_000_000 + b'"}'))
    assert "POST /x: the answer is longer than 4 MiB" in failure(signed)
    server.script(answer(200, b'{"a": "' + b"a" * (MAX_ANSWER_BYTES - 9) + b'"}'))
    assert len(signed.get("/x")["a"]) == MAX_ANSWER_BYTES - 9


def test_an_answer_that_lies_about_its_length(server: Scripted, signed: Any) -> None:
    server.script(answer(200, b"{}", length=10**15))
    assert "the connection broke before the whole answer was there" in failure(signed)


@pytest.mark.parametrize("chunks", [b"2\r\n{}\r\n", b"zz\r\n{}", b"ffffffffffffffffffff\r\n{}"])
def test_chunks_that_are_broken(server: Scripted, signed: Any, chunks: bytes) -> None:
    server.script(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" + chunks)
    assert "the connection broke" in failure(signed)


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "deflate", "br", "zstd", "x-unknown"])
def test_a_compressed_answer_is_refused_unread(server: Scripted, signed: Any, encoding: str) -> None:
    bomb = gzip.compress(gzip.compress(b"{" + b" " * 30_000_000 + b"}"))
    server.script(answer(200, bomb, f"content-encoding: {encoding}"))
    assert "POST /x: the answer is compressed, which was not asked for" in failure(signed)
    assert server.heard[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-big: " + b"a" * 200_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + b"x-many: a\r\n" * 20_000 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx evil: a\r\n\r\n{}",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"220 smtp.example.com ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x00" * 1000,
    ],
)
def test_what_is_not_http(server: Scripted, signed: Any, raw: bytes) -> None:
    server.script(raw)
    with pytest.raises((AnswerLost, BadAnswer)):
        signed.post("/x")
    assert server.lines == ["POST /x"]


def test_a_header_that_comes_twice_does_no_harm(server: Scripted, signed: Any) -> None:
    server.script(answer(429, b"{}", "retry-after: 1", "retry-after: 2", "x-a: 1", "x-a: 2"), said({"a": 1}))
    assert signed.get("/x")["a"] == 1


def test_a_success_without_a_body_is_one_where_none_is_due(server: Scripted, signed: Any) -> None:
    server.script(answer(204, b""))
    assert dict(signed.request("POST", "/x", repeatable=False, empty=True)) == {}


# -- elsewhere --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_redirect_is_not_followed(server: Scripted, signed: Any, status: int, method: str) -> None:
    with scripted() as elsewhere:
        elsewhere.script(said({"secret": "s"}))
        server.script(answer(status, b"", f"location: {elsewhere.url}/{SECRET}"))
        assert f"the answer is a redirect ({status}); it was not followed" in failure(signed, method)
        assert elsewhere.lines == []
    assert len(server.lines) == 1


def test_a_redirect_of_the_login_is_not_followed(server: Scripted, connect: Connect) -> None:
    session = connect("vcd", url=server.url, user="u", password=SECRET)
    with scripted() as elsewhere:
        elsewhere.script(said({}))
        server.script(answer(307, b"", f"location: {elsewhere.url}"))
        failure(session)
        assert elsewhere.lines == []


def page(link: str, values: list[Any] | None = None, total: int = 0) -> bytes:
    return said({"values": values or [], "resultTotal": total}, 200, f'link: <{link}>;rel="nextPage";type="x"')


@pytest.mark.parametrize(
    "link",
    [
        "{elsewhere}/x?page=2",
        "//{host}/x",
        "http://127.0.0.1@{host}/x",
        "https://{here}/x",
        "http://{here}1/x",
        "http://{here}.example.com/x",
        "http://{here}@{host}/x",
        "http://{here}\\@{host}/x",
        "http://{host}\\@{here}/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://[",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://\u2024/x",
    ],
)
def test_pages_do_not_lead_elsewhere(server: Scripted, vcd: Any, link: str) -> None:
    with scripted() as elsewhere:
        elsewhere.script(said({"values": [], "resultTotal": 0}))
        names = {"elsewhere": elsewhere.url, "host": elsewhere.url[7:], "here": server.url[7:]}
        head, _, rest = page("LINK").partition(b"LINK")
        server.script(head + link.format(**names).encode() + rest, said({"values": [], "resultTotal": 0}))
        with pytest.raises(BadAnswer, match=r"^vcd: GET /cloudapi/1.0.0/x: the answer points to "):
            vcd.all_of("/x")
        assert elsewhere.lines == []
    assert len(server.lines) == 1


@pytest.mark.parametrize("link", ["{here}/y?page=2", "?page=2", "/y?page=2", "HTTP://{name}/y?page=2"])
def test_pages_are_followed_at_home(server: Scripted, vcd: Any, link: str) -> None:
    server.script(
        page(link.format(here=server.url, name=server.url[7:]), [{"id": "a"}], 2),
        said({"values": [{"id": "b"}], "resultTotal": 2}),
    )
    assert [entry["id"] for entry in vcd.all_of("/x")] == ["a", "b"]


@pytest.mark.parametrize("link", ["", "nonsense", "<", "<>;rel", '<x>;rel="', ",,,;;;===", '<a>;rel="prev"'])
def test_a_link_header_that_is_none_ends_the_pages(server: Scripted, vcd: Any, link: str) -> None:
    server.script(said({"values": [], "resultTotal": 0}, 200, f"link: {link}"))
    assert vcd.all_of("/x") == []


def test_pages_that_go_round_in_a_circle(server: Scripted, vcd: Any) -> None:
    server.script(page("/a"), page("/b"), page("/a"), page("/b"))
    with pytest.raises(BadAnswer, match="goes round in a circle"):
        vcd.all_of("/x")
    assert len(server.lines) == 3


def test_pages_without_end(server: Scripted, vcd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_rekey.endpoints.session.MAX_PAGES", 20)
    count = iter(range(MAX_PAGES))

    def another(connection: Any) -> None:
        connection.sendall(page(f"/x?page={next(count)}"))

    server.script(another)
    with pytest.raises(BadAnswer, match="or has no end"):
        vcd.all_of("/x")
    assert len(server.lines) == 20


@pytest.mark.parametrize(
    "pages",
    [
        [said({"values": [{"id": "a"}], "resultTotal": 2})],
        [said({"values": [{"id": "a"}, {"id": "b"}], "resultTotal": 1})],
        [page("/y", [{"id": "a"}], 2), said({"values": [{"id": "b"}], "resultTotal": 3})],
        [page("/y", [{"id": "a"}], 3), said({"values": [{"id": "b"}], "resultTotal": 2})],
        [said({"values": [], "resultTotal": -1})],
        [said({"values": [], "resultTotal": True})],
        [said({"values": [], "resultTotal": "0"})],
        [said({"values": None, "resultTotal": 0})],
        [said({"values": [1], "resultTotal": 1})],
        [said({"resultTotal": 0})],
    ],
)
def test_pages_that_do_not_add_up_are_no_list(server: Scripted, vcd: Any, pages: list[bytes]) -> None:
    server.script(*pages)
    with pytest.raises(BadAnswer):
        vcd.all_of("/x")


@pytest.mark.parametrize("uri", ["{elsewhere}/jwks", "https://127.0.0.1/jwks", "/jwks", "", "http://[", "jwks"])
def test_keys_are_not_fetched_elsewhere(server: Scripted, vcd: Any, uri: str) -> None:
    with scripted() as elsewhere:
        elsewhere.script(said({"keys": []}))
        server.script(said({"jwks_uri": uri.format(elsewhere=elsewhere.url)}), said({"keys": []}))
        with pytest.raises(BadAnswer, match=r"^vcd: GET openid-configuration: the answer points to "):
            vcd.published_keys()
        assert elsewhere.lines == []
    assert "authorization" not in server.heard[0].headers


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("public, max-age=300", 300),
        ("max-age=0", 0),
        ("max-age=99999999", 99999999),
        ("max-age=999999999999", 0),
        ("max-age=-5", 0),
        ("max-age=x", 0),
        ("no-store", 0),
    ],
)
def test_how_long_keys_may_be_kept(server: Scripted, vcd: Any, header: str, seconds: int) -> None:
    server.script(
        said({"jwks_uri": f"{server.url}/jwks"}), said({"keys": [{"kid": "1"}]}, 200, f"cache-control: {header}")
    )
    keys, kept = vcd.published_keys()
    assert ([dict(key) for key in keys], kept.total_seconds()) == ([{"kid": "1"}], seconds)


# -- ids in paths -----------------------------------------------------------------------------------------------------

NASTY = [
    "../x?y#z",
    "a/b",
    "%2e%2e",
    "%2F",
    "a;b=c",
    "a&b",
    "..;",
    "ключ",
    "\u202e",
    "a\r\nX-Evil: 1",
    "a\x00b",
    "a b",
    "{}",
    "{0}",
    "@",
    "//evil.example.com",
    "urn:vcloud:x:1",
]


@pytest.mark.parametrize("nasty", NASTY)
def test_an_id_is_one_segment_of_a_path(server: Scripted, signed: Any, nasty: str) -> None:
    server.script(said({}))
    signed.get("/things/{}/end", nasty)
    (heard,) = server.heard
    assert re.fullmatch(r"/things/[A-Za-z0-9%._~:-]+/end", heard.target)
    assert heard.headers["host"] == server.url[7:]
    assert "x-evil" not in heard.headers


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_id_comes_back_out_of_its_segment(text: str) -> None:
    from urllib.parse import unquote

    if text in {".", ".."}:
        return
    path = fill("/a/{}/b", (text,))
    assert path.count("/") == 3
    assert unquote(path.split("/")[2]) == text


@pytest.mark.parametrize("nothing", ["", ".", ".."])
def test_an_id_that_is_a_way_is_refused_before_any_call(server: Scripted, signed: Any, nothing: str) -> None:
    server.script(said({}))
    with pytest.raises(Misconfigured, match="an id is empty or a relative path: correct the id"):
        signed.get("/things/{}", nothing)
    assert server.lines == []


@pytest.mark.parametrize("nasty", NASTY)
def test_an_id_in_an_error_is_escaped(server: Scripted, signed: Any, nasty: str) -> None:
    server.script(answer(409))
    with pytest.raises(VendorError) as failed:
        signed.get("/things/{}", nasty)
    assert re.fullmatch(r"roma: GET /things/[!-~]+: 409: resolve [a-z, ]+", str(failed.value))


# -- what is shown of an error ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        SECRET + "\n::set-env name=A::b",
        "::set-output name=a::b",
        "\x1b[31mred",
        "a b",
        "a" * 65,
        f"{SECRET}=",
        "\u202egnp",
        "",
        "-a",
        {"a": SECRET},
        [SECRET],
        17,
        None,
        True,
    ],
)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 451, 500])
def test_a_code_that_looks_like_none_is_left_out(server: Scripted, signed: Any, status: int, code: object) -> None:
    body = {"error_code": code, "error_msg": SECRET, "request_id": code, "secret": SECRET}
    server.script(said(body, status, f"x-secret: {SECRET}", f"x-request-id: {SECRET} \x1b[0m"))
    assert failure(signed).startswith(f"roma: POST /x: {status}: ")


def test_code_and_request_id_are_shown(server: Scripted, signed: Any) -> None:
    server.script(said({"error_code": "ROMA.13000", "error_msg": SECRET, "request_id": "7f3a-1"}, 400))
    assert failure(signed) == "roma: POST /x: 400 ROMA.13000: correct the input (request 7f3a-1)"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"error_code"', b"x" * 1_000_000])
def test_an_error_without_a_readable_body_is_still_one(server: Scripted, signed: Any, body: bytes) -> None:
    server.script(answer(403, body, "x-request-id: abc"))
    needs = "the account needs the permission to manage the application that `app_id` names"
    assert failure(signed) == f"roma: POST /x: 403: {needs} (request abc)"


@pytest.mark.parametrize(
    "bodies",
    [
        ("vcd", {"minorErrorCode": "BAD_REQUEST", "message": SECRET, "stackTrace": SECRET}, "BAD_REQUEST"),
        ("vcd", {"error": "invalid_grant", "error_description": SECRET}, "invalid_grant"),
        ("broker", {"errors": [{"code": "a.b", "message": SECRET, "parameters": {"x": SECRET}}]}, "a.b"),
        ("broker", {"errors": [SECRET]}, None),
        ("broker", {"errors": []}, None),
        ("broker", {"errors": SECRET}, None),
        ("broker", {"errors": [{}]}, None),
        ("navigator", {"cspErrorCode": "auth.failed", "message": SECRET, "requestId": "r1"}, "auth.failed"),
        ("navigator", {"cspErrorCode": [SECRET]}, None),
    ],
)
def test_each_vendors_code(server: Scripted, connect: Connect, bodies: tuple[str, Any, str | None]) -> None:
    kind, body, code = bodies
    names = {"vcd": {"apiToken": "a"}, "broker": {"clientId": "i", "clientSecret": "s"}, "navigator": {"apiToken": "a"}}
    session = connect(kind, url=server.url, **names[kind])
    server.script(said({"access_token": "T", "accessToken": "T"}), said(body, 409))
    assert failure(session).startswith(f"{kind}: POST /x: 409{f' {code}' if code else ''}: resolve the conflict")


def test_a_right_that_is_missing_is_named(server: Scripted, vcd: Any) -> None:
    refused = {"minorErrorCode": "ACCESS_TO_RESOURCE_IS_FORBIDDEN", "message": SECRET}
    server.script(said(refused, 403, "X-VMWARE-VCLOUD-REQUEST-ID: 7f3a"))
    with pytest.raises(Forbidden) as failed:
        vcd.post("/x")
    assert str(failed.value) == (
        "vcd: POST /x: 403 ACCESS_TO_RESOURCE_IS_FORBIDDEN: the account needs the right"
        ' "OIDC Server: Manage Settings" (request 7f3a)'
    )


def outcome(session: Any) -> str:
    try:
        return repr(session.post("/x"))
    except Error as failed:
        return str(failed)


@given(st.binary(max_size=2000), st.sampled_from([200, 201, 400, 403, 404, 409, 422]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_is_a_body_or_an_error(server: Scripted, signed: Any, body: bytes, status: int) -> None:
    server.script(answer(status, body))
    assert re.fullmatch(r"[ -~…]{1,300}", outcome(signed))


@given(st.binary(max_size=500))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_over_the_wire_is_a_body_or_an_error(server: Scripted, signed: Any, raw: bytes) -> None:
    server.script(b"HTTP/1.1 " + raw)
    assert re.fullmatch(r"[ -~…]{1,300}", outcome(signed))
