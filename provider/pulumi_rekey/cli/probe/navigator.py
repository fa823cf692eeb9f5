"""What VMware Cloud Partner Navigator's pages leave open about OAuth apps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

from pydantic import SecretStr

from ...endpoints.navigator import BASE, Navigator
from ...endpoints.session import basic
from ...errors import Forbidden, NotFound, Rejected
from ...key_material import generate_secret
from .facts import OTHER, Answer, Fact
from .lab import SCRATCH, Disturbed, Lab, body_of, is_scratch
from .run import Stage, common

if TYPE_CHECKING:
    import httpx

_APPS: Final = f"{BASE}/v2/orgs/{{}}/oauth-apps"
_APP: Final = f"{_APPS}/{{}}"
_SECRET: Final = f"{_APP}/secret"
#: Seconds for which an old secret is asked to live.
_OVERLAP_S: Final = 60

CLOCK, TOKEN_LIFETIME, RIGHTS = (common("navigator", name) for name in ("clock", "token_lifetime", "rights"))
MISSING_APP: Final = Fact(
    "navigator.missing_app",
    "How is an app refused that does not exist?",
    "Only the page of clients names 404.",
    {OTHER: Answer("With {}.", "Nothing: Rekey asks the page of clients, whose 404 is documented.")},
)
ERROR_BODY: Final = Fact(
    "navigator.error_body",
    "Have errors a body?",
    "Navigator's pages show none; the sibling API's has cspErrorCode.",
    {
        "csp": Answer("They have the sibling API's.", "Messages name its code and request id."),
        "empty": Answer(
            "They have none.",
            "Messages name the status only. That an app is gone takes one call more, which Rekey makes.",
        ),
        OTHER: Answer(
            "They have one of another shape.",
            "If it is a proxy's, let requests go to Navigator itself.",
            "Rekey cannot tell that an app is gone: it stops instead.",
        ),
    },
)
LIST: Final = Fact(
    "navigator.list",
    "Can apps be listed?",
    "A type of such an answer is named, an operation is not.",
    {
        "absent": Answer("They cannot.", "As assumed: keep the names of OrgOAuthApp resources; see its page."),
        "present": Answer("They can.", "Use it by hand to find apps that a destroy left. Rekey does not use it."),
    },
)
TOKEN_AUTH: Final = Fact(
    "navigator.token_auth",
    "Does the token endpoint take Basic credentials as they are, or encoded?",
    "The page shows b64(id:secret), as they are.",
    {
        "raw": Answer("As they are.", "As assumed."),
        "encoded": Answer(
            "Encoded first (RFC 6749, 2.3.1).",
            "Rekey tries secrets as they are: set verify=False on OrgOAuthApp, and let consumers encode.",
            "A good secret with a special character is taken for refused.",
        ),
        "both": Answer("Either way.", "Nothing has to be set."),
    },
)
POST_SECRET: Final = Fact(
    "navigator.post_secret",
    "Does the old secret live on after POST …/secret with an expiration?",
    "Both work for that time.",
    {
        "overlap": Answer("It lives on.", "As assumed: `rotation.grace` is kept."),
        "replace": Answer(
            "It ends at once.",
            "Do not rely on `rotation.grace`; rotate in a window, or with a Pair of apps.",
            "`previous_secret` does not work, although `previous_expires_at` says so.",
        ),
        "refused": Answer("The call is refused.", "Rekey uses PATCH instead: see navigator.patch_secret."),
    },
)
NEW_SECRET: Final = Fact(
    "navigator.new_secret",
    "Does a new secret get in at once?",
    "Nothing.",
    {
        "accepted": Answer("It does.", "As assumed."),
        "refused": Answer(
            "It does not yet.",
            "Set `rotation.grace`: Rekey hands the old secret on until the new one is accepted, in the next run.",
            "One `up` may not be enough to rotate: the secret that it minted waits for the next one.",
        ),
    },
)
PATCH_SECRET: Final = Fact(
    "navigator.patch_secret",
    "Does the old secret live on after PATCH with secretRotationExpirationInSeconds?",
    'The page says that the old secret "will expire after it"; the sibling API\'s that only the new one is valid.',
    {
        "overlap": Answer(
            "It lives on.", "Where no grace is asked for, the old secret lives as long as the app has saved."
        ),
        "replace": Answer(
            "It ends at once.",
            "Nothing where POST …/secret is accepted. Where it is not, `rotation.grace` has no effect.",
        ),
    },
)
PUT_SECRET: Final = Fact(
    "navigator.put_secret",
    "Does PUT …/secret end all other secrets?",
    '"Immediately replaces".',
    {
        "immediate": Answer("It does.", "As assumed: a destroy ends the secret."),
        "grace": Answer(
            "It does not: the old one goes on to work.",
            "Nothing: a destroy replaces it a second time, which ends the old one, or says that it works.",
        ),
    },
)
LAST_UPDATED: Final = Fact(
    "navigator.last_updated",
    "Does lastUpdatedAt move with a secret?",
    "Nothing; its unit is not named either.",
    {
        "moves": Answer("It moves.", "As assumed: a destroy leaves a secret alone that somebody else has set."),
        "stays": Answer(
            "It stays.",
            "Before a destroy, make sure that nobody else has set a secret meanwhile.",
            "A destroy may end a secret that somebody else has set with an overlap for Rekey's.",
        ),
    },
)


def _log_in(lab: Lab[Navigator]) -> None:
    lab.see(TOKEN_LIFETIME, lab.log_in())
    if lab.options.org:
        # A list of scopes, not an object: that it is not refused is what counts.
        with lab.naming("org"):
            reply = lab.look("GET", f"{_APPS}/scopes", lab.options.org)
            if not reply.answer.is_success or not reply.answer.content.lstrip().startswith(b"["):
                lab.session.settle(reply)


def _refusals(lab: Lab[Navigator]) -> None:
    org = str(lab.options.org)
    missing = lab.look("GET", _APP, org, f"rekey-probe-{uuid4()}", may_be_refused=True).answer
    lab.see(MISSING_APP, str(missing.status_code))
    lab.see(ERROR_BODY, _shape(missing))
    listed = lab.look("GET", _APPS, org, may_be_refused=True).answer
    lab.see(LIST, "present" if listed.status_code == HTTPStatus.OK else "absent", f"It answers {listed.status_code}.")


def _shape(answer: httpx.Response) -> str:
    if not answer.content:
        return "empty"
    return "csp" if "cspErrorCode" in (body_of(answer) or {}) else "other"


# -- a scratch app, which is there for ever ---------------------------------------------------------------------------


def app_id(org: str) -> str:
    """Return the id of the organization's scratch app: the same in each probe, since no app can be deleted."""
    return f"{SCRATCH}-{hashlib.sha256(org.encode()).hexdigest()[:12]}"


def _app(lab: Lab[Navigator]) -> None:
    org = str(lab.options.org)
    own = app_id(org)
    # With characters that differ when they are encoded, and when they are decoded.
    first, second, third = (SecretStr(f"{generate_secret('navigator').get_secret_value()}@+") for _ in range(3))
    _made(lab, org, own, first)
    ways = _token_auth(lab, org, own, first)

    def accepts(secret: SecretStr) -> bool:
        return _accepts(lab, org, own, secret, encoded=ways == "encoded")

    stamp = lab.call("GET", _APP, org, own).get("lastUpdatedAt")
    posted = lab.look(
        "POST",
        _SECRET,
        org,
        own,
        may_be_refused=True,
        json={"newClientSecret": second.get_secret_value(), "secretExpirationTimeInSeconds": _OVERLAP_S},
    )
    try:
        lab.session.settle(posted, empty=True)
    except (Rejected, Forbidden, NotFound):
        lab.see(POST_SECRET, "refused")
        lab.miss(NEW_SECRET, "POST …/secret is refused")
        second = first
    else:
        lab.see(POST_SECRET, "overlap" if accepts(first) else "replace")
        lab.see(NEW_SECRET, "accepted" if accepts(second) else "refused")
        moved = lab.call("GET", _APP, org, own).get("lastUpdatedAt") != stamp
        lab.see(LAST_UPDATED, "moves" if moved else "stays")
    patch = {"secret": third.get_secret_value(), "secretRotationExpirationInSeconds": _OVERLAP_S}
    lab.call("PATCH", _APP, org, own, json=patch)
    if accepts(second):
        asked = f"It was asked to live for {_OVERLAP_S} s."
        lab.see(PATCH_SECRET, "overlap", f"{asked} {lab.outlives(lambda: accepts(second))}")
    else:
        lab.see(PATCH_SECRET, "replace")
    lab.call("PUT", _SECRET, org, own)
    lab.see(PUT_SECRET, "grace" if accepts(third) else "immediate")
    if lab.call("GET", _APP, org, own).get("description") != lab.mark:
        raise Disturbed(f"{lab.session.name}: another probe is at work on the scratch app", todo="run again after it")


def _made(lab: Lab[Navigator], org: str, own: str, secret: SecretStr) -> None:
    """Make the app, or give the one of an earlier probe another secret; its description says whose it is now.

    :raises Disturbed: if it is another probe's.
    """
    lab.progress("GET the scratch app")
    ours = {"secret": secret.get_secret_value(), "description": lab.mark}
    shown = _shown(lab, org, own)
    if shown is not None and is_scratch(shown.get("description")):
        raise Disturbed(
            f"{lab.session.name}: another probe is at work, or was interrupted",
            todo=f"run `rekey probe {lab.session.name} --clean` first",
        )
    if shown is not None:
        lab.call("PATCH", _APP, org, own, json=ours | {"secretRotationExpirationInSeconds": 0})
    else:
        lab.call("POST", _APPS, org, json=ours | {"id": own, "displayName": SCRATCH})


def _shown(lab: Lab[Navigator], org: str, own: str) -> Mapping[str, Any] | None:
    """GET the scratch app; nothing where it is not there yet."""
    answer = lab.look("GET", _APP, org, own, may_be_refused=True).answer
    return body_of(answer) if answer.is_success else None


def _token_auth(lab: Lab[Navigator], org: str, own: str, secret: SecretStr) -> str | None:
    raw, encoded = (_accepts(lab, org, own, secret, encoded=encoded) for encoded in (False, True))
    value = {(True, True): "both", (True, False): "raw", (False, True): "encoded"}.get((raw, encoded))
    if value is None:
        lab.miss(TOKEN_AUTH, "the token endpoint refuses the app's first secret either way")
    else:
        lab.see(TOKEN_AUTH, value)
    return value


def _accepts(lab: Lab[Navigator], org: str, own: str, secret: SecretStr, *, encoded: bool) -> bool:
    lab.progress("POST /cphub/api/auth/v2/authn/authorize")
    given = secret.get_secret_value()
    answer = lab.session.look_in_public(
        "POST",
        f"{lab.session.endpoint.url}{BASE}/v2/authn/authorize",
        params={"orgId": org},
        data={"grant_type": "client_credentials"},
        headers=basic(own, quote(given, safe="") if encoded else given),
    ).answer
    return answer.status_code == HTTPStatus.OK and "accessToken" in (body_of(answer) or {})


def clean(lab: Lab[Navigator], *, every_run: bool) -> list[str]:
    """End the scratch app's secrets, unless another run has taken it over; the app remains."""
    org = lab.options.org
    if org is None:
        return []
    lab.progress("ending the scratch app's secret")
    own = _shown(lab, org, app_id(org))
    if own is None or not (every_run or own.get("description") == lab.mark):
        return []
    # Nobody's any more.
    lab.call("PATCH", _APP, org, app_id(org), json={"description": ""})
    lab.call("PUT", _SECRET, org, app_id(org))
    return ["the scratch app remains, with a secret that nobody knows"]


STAGES: Final = (
    Stage("Logs in, and reads the scopes of apps.", (CLOCK, TOKEN_LIFETIME, RIGHTS), _log_in),
    Stage(
        "Asks for an app that does not exist, and for the list of apps.",
        (MISSING_APP, ERROR_BODY, LIST),
        _refusals,
        needs=("org",),
    ),
    Stage(
        "Makes an OAuth app, or takes the one of an earlier probe, and rotates its secret in each way. IT CANNOT BE"
        " DELETED: Navigator documents no way. It remains without a scope, with a secret that nobody knows, and serves"
        " later probes.",
        (TOKEN_AUTH, POST_SECRET, NEW_SECRET, LAST_UPDATED, PATCH_SECRET, PUT_SECRET),
        _app,
        needs=("org", "make_app"),
    ),
)
