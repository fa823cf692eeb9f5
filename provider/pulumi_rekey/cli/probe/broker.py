"""What the pages of VMware Identity Broker leave open about directories' sync clients."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_plus
from uuid import uuid4

from ...endpoints.answer import Body
from ...endpoints.broker import Broker
from ...endpoints.session import basic
from ...errors import Forbidden, Misconfigured
from .facts import OTHER, Answer, Fact
from .lab import Disturbed, Lab, body_of
from .run import Stage, common

if TYPE_CHECKING:
    import httpx

_DIRECTORY: Final = "/broker/directories/{}"
_SYNC_CLIENT: Final = f"{_DIRECTORY}/sync-client"
_DIRECTORY_MEDIA: Final = "application/vnd.vmware.vidm.usergroup.broker.directory.list+json"
#: Minutes for which a scratch token is to live. By this setting a sync client is known to be a probe's for the moment.
_TTL: Final = 17
_SCRATCH_TOKEN: Final = {"generate_token": True, "token_ttl": _TTL}
_SCRATCH_SECRET: Final = {"generate_token": False, "token_ttl": _TTL}
_LEFT: Final = f"the sync client has the settings of a probe that is at work, or was interrupted (token_ttl is {_TTL})"
_SET_YOURS: Final = "if none is at work, generate its credentials with settings of your own"

CLOCK, TOKEN_LIFETIME, RIGHTS = (common("broker", name) for name in ("clock", "token_lifetime", "rights"))
DIALECT: Final = Fact(
    "broker.dialect",
    "Which dialect does the server speak?",
    "vCenter's broker and Omnissa's service have different paths and media types.",
    {
        "vcenter": Answer("vCenter's: paths with a tenant.", 'Leave the endpoint\'s `dialect` at "vcenter".'),
        "omnissa": Answer("Omnissa's: paths without a tenant.", 'Set the endpoint\'s `dialect` to "omnissa".'),
        "both": Answer("Both answer.", "Either dialect may be set."),
    },
)
_ERROR_BODIES: Final = {
    "empty": Answer("Errors have no body.", "Messages name the status only."),
    "structured": Answer("Errors have a body with a code.", "Messages name the code."),
    OTHER: Answer(
        "Errors have a body of another shape.",
        "Messages name the status only. If it is a proxy's, let requests go to the broker itself.",
    ),
}
ERROR_BODY: Final = Fact(
    "broker.error_body",
    "Have errors a body (dialect vcenter)?",
    '"Operation doesn\'t return any data structure".',
    _ERROR_BODIES,
)
OMNISSA_ERROR_BODY: Final = Fact(
    "broker.omnissa_error_body",
    "Have errors a body (dialect omnissa)?",
    'The guide says errors[] "for all errors"; the operations say none.',
    _ERROR_BODIES,
)
MISSING: Final = Fact(
    "broker.missing",
    "How is a directory refused that does not exist?",
    "404, for a directory without a sync client too.",
    {
        "404": Answer("With 404.", "As assumed: the list of directories tells which of the two it is."),
        "403": Answer(
            "With 403.",
            "A refresh cannot tell a deleted directory: take it out of the program, or `pulumi state delete`.",
            "A directory that is gone is not noticed.",
        ),
    },
)
TOKEN_AUTH: Final = Fact(
    "broker.token_auth",
    "Does the token endpoint take Basic credentials as they are, or encoded?",
    "The pages show base64(client_id:client_secret), as they are.",
    {
        "raw": Answer("As they are.", "As assumed."),
        "encoded": Answer(
            "Encoded first (RFC 6749, 2.3.1).",
            "Rekey sends them as they are: use a secret of letters and digits for the endpoint, and verify=False.",
            "A secret with special characters is taken for refused.",
        ),
        "both": Answer("Either way.", "Nothing has to be set."),
    },
)
REGENERATE: Final = Fact(
    "broker.regenerate",
    "Do the old credentials end with generate_credentials?",
    'Version 1.0 says nothing; later ones "invalidating the previous ones".',
    {
        "immediate": Answer("They end at once.", "As assumed: rotate SyncClientCredentials in a window."),
        "grace": Answer(
            "They go on to work.",
            "There is time to change over, which no page promises.",
            "Credentials that a rotation replaces still work for that time.",
        ),
    },
)
TTL_UNIT: Final = Fact(
    "broker.ttl_unit",
    "Is token_ttl minutes, and access_token_expire_in seconds?",
    "The page says so; its example contradicts it (1800 and 21599).",
    {
        "minutes": Answer("It is: minutes, and seconds.", "As assumed: `token_ttl` is minutes."),
        "seconds": Answer(
            "token_ttl is seconds.",
            "Write `token_ttl` in seconds: `expires_at`, and what is reckoned from it, is right all the same.",
        ),
        OTHER: Answer(
            "The token lives {} after a token_ttl of 17.",
            "Look at `expires_at` after the first rotation before relying on `renew_before`.",
        ),
    },
)
SCIM: Final = Fact(
    "broker.scim",
    "May a sync client read users, by which Rekey tries its token?",
    "A token is for provisioning over SCIM; what it may read there is not said.",
    {
        "accepted": Answer("It may.", "As assumed: leave `verify` on."),
        "refused": Answer(
            "Its token is refused.",
            "Set verify=False on SyncClientCredentials with generate_token=True.",
            "A good token is taken for refused.",
        ),
        "forbidden": Answer(
            "It may not.",
            "Set verify=False on SyncClientCredentials with generate_token=True.",
            "A token is handed on without having been tried.",
        ),
    },
)
GET_SHOWS_TOKEN: Final = Fact(
    "broker.get_shows_token",
    "Does GET show the access token?",
    "The example does; the prose says that the secret is not returned.",
    {
        "yes": Answer(
            "It does.",
            "Whoever may read directories has the token. A refresh notices that somebody has minted another one.",
        ),
        "no": Answer(
            "It does not.",
            "A refresh notices a replaced token by trying it only: leave `verify` on.",
        ),
    },
)
KEEPS_SETTINGS: Final = Fact(
    "broker.keeps_settings",
    "Do generate_token and token_ttl stay as they were when they are left out?",
    '"If no value is specified the previously saved value will be used".',
    {
        "kept": Answer("They stay.", "As assumed."),
        "reset": Answer(
            "They go back to the vendor's own.",
            "Set `generate_token` and `token_ttl` on SyncClientCredentials.",
            "A rotation changes settings that the program does not name.",
        ),
    },
)


def _dialect(lab: Lab[Broker]) -> None:
    """Ask both dialects' token endpoints without credentials; log in as the one that is set."""
    session = lab.session
    served = [name for name, path in (("vcenter", _acs(lab, "vcenter")), ("omnissa", _acs(lab, "omnissa"))) if path]
    if len(served) > 1:
        lab.see(DIALECT, "both")
    elif served:
        lab.see(DIALECT, served[0])
    if served and session.endpoint.dialect not in served:
        raise Misconfigured(
            f"endpoint {session.name!r}: the server does not speak the dialect {session.endpoint.dialect}",
            todo=f"set rekey:endpoints.{session.name}.dialect to {served[0]}",
        )
    lab.see(TOKEN_LIFETIME, lab.log_in())
    _list(lab)
    if lab.options.directory:
        _present(lab, lab.options.directory)


def _acs(lab: Lab[Broker], dialect: str) -> bool:
    """Tell whether the token endpoint of a dialect answers as one."""
    tenant = f"/t/{quote(lab.session.endpoint.tenant, safe='')}" if dialect == "vcenter" else ""
    lab.progress(f"POST /acs{tenant and '/t/…'}/token")
    url = f"{lab.session.endpoint.url}/acs{tenant}/token"
    answer = lab.session.look_in_public("POST", url, data={"grant_type": "client_credentials"}).answer
    return "error" in (body_of(answer) or {})


def _list(lab: Lab[Broker]) -> None:
    media = {"accept": _DIRECTORY_MEDIA} if lab.session.endpoint.dialect == "vcenter" else {}
    lab.call("GET", _path(lab, "/broker/directories"), headers=media)


def _path(lab: Lab[Broker], path: str) -> str:
    return lab.session.base("usergroup", lab.session.tenant(None)) + path


def _missing(lab: Lab[Broker]) -> None:
    omnissa = lab.session.endpoint.dialect == "omnissa"
    lab.miss(ERROR_BODY if omnissa else OMNISSA_ERROR_BODY, "the endpoint speaks the other dialect")
    answer = lab.look("GET", _path(lab, _SYNC_CLIENT), str(uuid4()), may_be_refused=True).answer
    lab.see(MISSING, str(answer.status_code))
    lab.see(OMNISSA_ERROR_BODY if omnissa else ERROR_BODY, _shape(answer))


def _shape(answer: httpx.Response) -> str:
    if not answer.content:
        return "empty"
    return "structured" if isinstance((body_of(answer) or {}).get("errors"), list) else "other"


# -- the sync client that the user has named --------------------------------------------------------------------------


def _sync_client(lab: Lab[Broker]) -> None:
    directory = str(lab.options.directory)
    before = _present(lab, directory)
    settings = {name: before[name] for name in ("generate_token", "token_ttl") if before.get(name) is not None}
    try:
        _generations(lab, directory)
    finally:
        # Settings as they were; the credentials are thrown away, so that nobody has them.
        _generate(lab, directory, settings)


def _present(lab: Lab[Broker], directory: str) -> Body:
    """GET the sync client.

    :raises Disturbed: if it is another probe's.
    """
    with lab.naming("directory"):
        shown = lab.call("GET", _path(lab, _SYNC_CLIENT), directory)
    if shown.get("token_ttl") == _TTL:
        raise Disturbed(f"{lab.session.name}: {_LEFT}", todo=_SET_YOURS)
    return shown


def _generate(lab: Lab[Broker], directory: str, settings: dict[str, Any] | None) -> Body:
    query = {"action": "generate_credentials"}
    return lab.call("POST", _path(lab, _SYNC_CLIENT), directory, json=settings, query=query)


def _generations(lab: Lab[Broker], directory: str) -> None:
    first = _generate(lab, directory, _SCRATCH_SECRET)
    _token_auth(lab, first)
    _generate(lab, directory, _SCRATCH_SECRET)

    def accepts_old() -> bool | None:
        return _accepts(lab, first, encoded=False) or _accepts(lab, first, encoded=True)

    if accepts_old():
        lab.see(REGENERATE, "grace", lab.outlives(accepts_old))
    else:
        lab.see(REGENERATE, "immediate")
    made = _generate(lab, directory, _SCRATCH_TOKEN)
    _ttl_unit(lab, made)
    lab.see(SCIM, _at_scim(lab, made))
    shown = lab.call("GET", _path(lab, _SYNC_CLIENT), directory)
    lab.see(GET_SHOWS_TOKEN, "yes" if shown.get("access_token") else "no")
    kept = _generate(lab, directory, None)
    same = kept.get("generate_token", True) is True and "access_token" in kept and kept.get("token_ttl", _TTL) == _TTL
    lab.see(KEEPS_SETTINGS, "kept" if same else "reset")


def _token_auth(lab: Lab[Broker], client: Body) -> None:
    if all(quote(client.text(name), safe="") == client.text(name) for name in ("client_id", "client_secret")):
        lab.miss(TOKEN_AUTH, "the generated id and secret are the same when they are encoded")
        return
    raw, encoded = (_accepts(lab, client, encoded=encoded) for encoded in (False, True))
    value = {(True, True): "both", (True, False): "raw", (False, True): "encoded"}.get((raw, encoded))
    if value == "both" and unquote_plus(client.text("client_secret")) == client.text("client_secret"):
        lab.miss(TOKEN_AUTH, "the generated secret is the same when it is decoded")
    elif value is None:
        lab.miss(TOKEN_AUTH, "the token endpoint refuses the new client either way")
    else:
        lab.see(TOKEN_AUTH, value)


def _accepts(lab: Lab[Broker], client: Body, *, encoded: bool) -> bool:
    lab.progress("POST the token endpoint")
    named = client.text("client_id"), client.secret("client_secret").get_secret_value()
    client_id, secret = (quote(part, safe="") for part in named) if encoded else named
    url = f"{lab.session.endpoint.url}{lab.session.base('acs', lab.session.tenant(None))}/token"
    form = {"grant_type": "client_credentials"}
    answer = lab.session.look_in_public("POST", url, data=form, headers=basic(client_id, secret)).answer
    return answer.status_code == HTTPStatus.OK and "access_token" in (body_of(answer) or {})


def _at_scim(lab: Lab[Broker], made: Body) -> str:
    lab.progress("GET the SCIM service")
    try:
        accepted = lab.session.accepts_token(lab.session.tenant(None), made.secret("access_token"))
    except Forbidden:
        return "forbidden"
    return "accepted" if accepted else "refused"


def _ttl_unit(lab: Lab[Broker], made: Body) -> None:
    seconds = made.maybe("access_token_expire_in", int)
    if seconds is None:
        lab.miss(TTL_UNIT, "the answer does not say when the token ends")
    elif abs(seconds - _TTL * 60) <= 60:  # noqa: PLR2004 - a minute, whichever way it is rounded
        lab.see(TTL_UNIT, "minutes")
    else:
        lab.see(TTL_UNIT, "seconds" if 0 < seconds <= _TTL else f"{seconds} s")


def clean(lab: Lab[Broker], *, every_run: bool) -> list[str]:
    """Say whether the named directory's sync client has a probe's settings; its credentials are in nobody's hands."""
    if not (every_run and lab.options.directory):
        return []
    try:
        _present(lab, lab.options.directory)
    except Disturbed:
        return [f"{_LEFT}: {_SET_YOURS}"]
    return []


STAGES: Final = (
    Stage(
        "Asks both dialects' token endpoints without credentials, logs in, and lists the directories.",
        (DIALECT, CLOCK, TOKEN_LIFETIME, RIGHTS),
        _dialect,
    ),
    Stage(
        "Asks for a directory that does not exist.",
        (MISSING, ERROR_BODY, OMNISSA_ERROR_BODY),
        _missing,
    ),
    Stage(
        "Generates credentials for the sync client of the directory that you name, five times. ITS PRESENT CREDENTIALS"
        " END; its settings are put back, and new credentials have to be generated for whoever used them.",
        (TOKEN_AUTH, REGENERATE, TTL_UNIT, SCIM, GET_SHOWS_TOKEN, KEEPS_SETTINGS),
        _sync_client,
        needs=("directory",),
    ),
)
