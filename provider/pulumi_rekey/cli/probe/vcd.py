"""What VMware Cloud Director's pages leave open about relying parties and signing keys."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ...endpoints.answer import Body
from ...endpoints.session import MAX_PAGES, basic
from ...endpoints.vcd import CLOUDAPI, Vcd
from ...errors import Conflict, Forbidden, NotFound, Rejected, Stopped
from ...key_material import KeyPair, generate_key_pair, is_published
from ...policy.durations import in_words
from .facts import OTHER, Answer, Fact
from .lab import Disturbed, Lab, body_of, is_scratch
from .run import Stage, common

if TYPE_CHECKING:
    from ...endpoints.session import Reply

_PARTIES: Final = f"{CLOUDAPI}/openIdProvider/relyingParties"
_PARTY: Final = f"{_PARTIES}/{{}}"
_KEYS: Final = f"{CLOUDAPI}/openIdProvider/keys"
_KEY: Final = f"{_KEYS}/{{}}"
_CALLBACK: Final = "https://rekey-probe.invalid/callback"
#: In the description of a scratch key: the key that signed before it, and, while it is there, that a key which signs
#: is being deleted.
_BEFORE: Final = re.compile(r"\(before: (\S+?)(; deletes)?\)$")
#: Seconds between looks for a new key in the published set: vendors replicate.
_LOOKS_S: Final = (0.0, 1.0, 2.0)

CLOCK, TOKEN_LIFETIME, RIGHTS = (common("vcd", name) for name in ("clock", "token_lifetime", "rights"))
REGISTER: Final = Fact(
    "vcd.register",
    "Which status has a registration?",
    "The operation says 200, the overview of the API 201.",
    {
        OTHER: Answer("A registration is answered with {}.", "Nothing: Rekey takes both."),
    },
)
CHANGES: Final = Fact(
    "vcd.changes",
    "Are changes answered at once, or by 202 and a task?",
    "Any call may be answered by a task; that these are is documented nowhere.",
    {
        "answered": Answer("All changes are answered at once.", "Nothing has to be set."),
        "tasks": Answer(
            "Changes are done by tasks, secrets are answered at once.", "Rekey waits a minute for each task."
        ),
        "tasks-and-mints": Answer(
            "Changes are done by tasks, those that make a secret too.",
            "Do not let Rekey rotate OidcRelyingParty here: a task shows no secret, so that each rotation fails after"
            " the old secret has ended.",
            "After `up`, the output is not a secret that the vendor accepts: nobody can have one.",
        ),
        "mints": Answer(
            "What makes a secret is done by a task.",
            "Do not let Rekey rotate OidcRelyingParty here: a task shows no secret.",
            "After `up`, the output is not a secret that the vendor accepts: nobody can have one.",
        ),
    },
)
CLIENT_SECRET: Final = Fact(
    "vcd.client_secret",
    "How does GET show the hidden secret of a relying party?",
    "Hidden; null, absent or masked is not said.",
    {
        "shown": Answer(
            "GET shows the secret in plain text.",
            "Whoever may read relying parties has their secrets. Rekey does not read it.",
        ),
        OTHER: Answer("The secret is {} in the answer.", "Nothing: Rekey does not read it."),
    },
)
READ_ONLY: Final = Fact(
    "vcd.read_only",
    "What becomes of a changed read-only field in a PUT?",
    "Nothing.",
    {
        "rejected": Answer("The PUT is refused.", "Nothing: Rekey sends no read-only field of a relying party."),
        "ignored": Answer("The field is ignored.", "Nothing: Rekey sends no read-only field of a relying party."),
        "taken": Answer("The field is changed.", "Nothing: Rekey sends no read-only field of a relying party."),
    },
)
CLIENT_AUTH: Final = Fact(
    "vcd.client_auth",
    "Which client authentication does the token endpoint take?",
    "Nothing.",
    {
        "basic": Answer("HTTP Basic only.", "Consumers must send their secret in the Authorization header."),
        "post": Answer(
            "The secret in the form only.",
            "Rekey tries secrets with HTTP Basic: set verify=False on OidcRelyingParty.",
            "Rekey cannot tell whether a secret works, so that a refused one is not noticed.",
        ),
        "both": Answer("HTTP Basic and the form.", "Nothing has to be set."),
        "untold": Answer(
            "The token endpoint does not tell a good secret from a wrong one.",
            "Rekey cannot try secrets: it hands them on untried.",
            "A secret is handed on without having been tried; destroy leaves an adopted one's secret alive.",
        ),
    },
)
REGENERATE: Final = Fact(
    "vcd.regenerate",
    "Does the old secret end with regenerateSecret?",
    "Nothing. No overlap is documented.",
    {
        "immediate": Answer(
            "The old secret ends at once.", "As assumed: rotate in a window, or with a Pair of relying parties."
        ),
        "grace": Answer(
            "The old secret goes on to work.",
            "Consumers have time to change over, but no page promises it: a Pair is the safe way.",
            "A secret that a rotation replaces still works for that time.",
        ),
    },
)
CLIENT_ID: Final = Fact(
    "vcd.client_id",
    "Does the client id stay when the secret is regenerated?",
    "Nothing; the page says that the secret is regenerated.",
    {
        "stays": Answer("It stays.", "As assumed: consumers need the new secret only."),
        "changes": Answer(
            "It changes.",
            "Hand `client_id` on together with `client_secret` at every rotation.",
            "The preview of a rotation shows the old client_id.",
        ),
    },
)
PAGING: Final = Fact(
    "vcd.paging",
    "How does a list go on?",
    "By Link headers (rel nextPage), and by the query's page.",
    {
        "links": Answer("By Link headers.", "As assumed."),
        "numbers": Answer(
            "By the query's page only, without Link headers.",
            "Rekey reads 128 objects at most; with more it stops, because the total does not add up.",
            "With more than 128 objects Rekey can neither create nor prove that something is gone.",
        ),
        "whole": Answer("It is never cut.", "Nothing has to be set."),
        "none": Answer(
            "The rest cannot be had.",
            "Rekey stops where a list is longer than a page of 128, because the total does not add up.",
            "With more than 128 objects Rekey can neither create nor prove that something is gone.",
        ),
    },
)
MISSING: Final = Fact(
    "vcd.missing",
    "How is an object refused that has been deleted?",
    "403, for all operations; 404 is named nowhere.",
    {
        "403": Answer("With 403, like a missing right.", "As assumed: only the provider's whole list proves it gone."),
        "404": Answer("With 404.", "Nothing: Rekey takes both, and looks into the whole list."),
    },
)
EC_KEYS: Final = Fact(
    "vcd.ec_keys",
    "Are EC keys (P-256) accepted?",
    '"RSA and EC"; curves are not named.',
    {
        "accepted": Answer("They are.", 'Nothing has to be set; algorithm="EC" may be used.'),
        "refused": Answer("They are refused, RSA is not.", 'Leave OpenIdProviderKey at algorithm="RSA".'),
    },
)
PRIVATE_KEY: Final = Fact(
    "vcd.private_key",
    "How does GET show a private key?",
    "The schema holds it and marks it a password; null, absent, masked or plain is not said.",
    {
        "shown": Answer(
            "GET shows the private key in plain text.",
            "Whoever may read keys can sign as this provider: grant the right with care.",
            "A private key that Rekey makes is not only the vendor's to know.",
        ),
        OTHER: Answer("The private key is {} in the answer.", "Nothing: Rekey does not read it."),
    },
)
JWKS: Final = Fact(
    "vcd.jwks",
    "Does the published set show keys that do not sign?",
    "The list of keys says all, the configuration the active one.",
    {
        "all": Answer(
            "It shows all keys.", "As assumed: a key is published ahead, and until what it signed has expired."
        ),
        "active": Answer(
            "It shows the active key only.",
            "Rotate OpenIdProviderKey in a window in which nobody signs in: ID tokens that the old key signed cannot be"
            " checked from the moment at which the next one signs.",
            "A key that signed ends for relying parties at once, whatever its ID tokens still have to live.",
        ),
    },
)
JWKS_MAX_AGE: Final = Fact(
    "vcd.jwks_max_age",
    "For how long may relying parties keep the published set?",
    "Nothing.",
    {
        "unknown": Answer("The answer does not say.", "Rekey publishes a key five minutes before it signs."),
        OTHER: Answer(
            "For {}.", "Rekey publishes a key for that time, within five minutes and a day, before it signs."
        ),
    },
)
KEY_UPDATE: Final = Fact(
    "vcd.key_update",
    "Can a key's description be changed without its private half?",
    "The page requires privateKey in the body, and refuses a changed one; a key of the vendor's own has none.",
    {
        "description": Answer("It can.", "As assumed."),
        "needs-private-key": Answer(
            "The body must hold the private key.",
            "Give OpenIdProviderKey a description before its first `up`, or its private_key; another description is"
            " refused until the key rotates.",
            "`up` cannot make the vendor agree with a changed description of a key that Rekey made.",
        ),
    },
)
ID_TOKEN_LIFETIME: Final = Fact(
    "vcd.id_token_lifetime",
    "How long do ID tokens live?",
    "One hour; the configuration names it in seconds.",
    {OTHER: Answer("For {}.", "A key that signed stays published for that time and five minutes more.")},
)
DELETE_ACTIVE_KEY: Final = Fact(
    "vcd.delete_active_key",
    "Can the key that signs be deleted?",
    "Nothing.",
    {
        "refused": Answer("It is refused.", "As assumed: Rekey makes another key sign first."),
        "allowed": Answer(
            "It is deleted, and another key signs.",
            "Rekey never does so. People can: whoever may manage keys can end what signs.",
        ),
    },
)


def _log_in(lab: Lab[Vcd]) -> None:
    session = lab.session
    lab.see(TOKEN_LIFETIME, lab.log_in())
    if any(map(is_scratch, _names(_listed(lab, _PARTIES), _listed(lab, _KEYS)))):
        raise Stopped(
            f"{session.name}: another probe is at work, or was interrupted",
            todo=f"run `rekey probe {session.name} --clean` first",
        )
    configuration = session.configuration()
    lab.see(ID_TOKEN_LIFETIME, in_words(session.id_token_lifetime(configuration)))


# -- a scratch relying party ------------------------------------------------------------------------------------------


def _relying_party(lab: Lab[Vcd]) -> None:
    wanted: dict[str, object] = {"clientName": lab.mark, "redirectUris": [_CALLBACK]}
    registered = lab.look("POST", _PARTIES, json=wanted)
    party = lab.session.settle(registered)
    id_ = party.id("id")
    changed = lab.look("PUT", _PARTY, id_, json=wanted | {"redirectUris": [_CALLBACK, f"{_CALLBACK}/2"]})
    lab.session.settle(changed)
    _note_changes(lab, registered, changed)
    lab.see(CLIENT_SECRET, _hidden(lab.call("GET", _PARTY, id_), "clientSecret"))
    _read_only(lab, id_, wanted)
    regenerated = lab.call("POST", f"{_PARTY}/regenerateSecret", id_)
    _secrets(lab, party, regenerated)
    lab.see(CLIENT_ID, "stays" if regenerated.text("clientId") == party.text("clientId") else "changes")
    _paging(lab, wanted)
    lab.call("DELETE", _PARTY, id_, empty=True)
    lab.see(MISSING, str(lab.look("GET", _PARTY, id_, may_be_refused=True).answer.status_code))


def _note_changes(lab: Lab[Vcd], registered: Reply, changed: Reply) -> None:
    minted_by_task, changed_by_task = (
        reply.answer.status_code == HTTPStatus.ACCEPTED for reply in (registered, changed)
    )
    match minted_by_task, changed_by_task:
        case False, False:
            value = "answered"
        case False, True:
            value = "tasks"
        case True, False:
            value = "mints"
        case _:
            value = "tasks-and-mints"
    lab.see(CHANGES, value)
    if minted_by_task:
        lab.miss(REGISTER, "the registration was done by a task (202)")
    else:
        lab.see(REGISTER, str(registered.answer.status_code))


def _hidden(shown: Body, name: str) -> str:
    if name not in shown:
        return "absent"
    value = shown[name]
    return "null" if value is None else "masked" if set(str(value)) <= {"*"} else "shown"


def _read_only(lab: Lab[Vcd], id_: str, wanted: dict[str, object]) -> None:
    reply = lab.look("PUT", _PARTY, id_, json=wanted | {"clientId": "rekey-probe"})
    try:
        shown = lab.session.settle(reply)
    except Rejected:
        lab.see(READ_ONLY, "rejected")
    else:
        lab.see(READ_ONLY, "taken" if shown.text("clientId") == "rekey-probe" else "ignored")


def _secrets(lab: Lab[Vcd], registered: Body, regenerated: Body) -> None:
    if registered.from_task or regenerated.from_task:
        for fact in (CLIENT_AUTH, REGENERATE):
            lab.miss(fact, "a task made the secret, and shows none")
        return
    client_id = regenerated.text("clientId")
    old, new = (body.secret("clientSecret").get_secret_value() for body in (registered, regenerated))
    ways = _client_auth(lab, client_id, new)
    if ways == "untold":
        lab.miss(REGENERATE, "the token endpoint does not tell a good secret from a wrong one")
        return

    def accepts_old() -> bool | None:
        return _token_endpoint(lab, registered.text("clientId"), old, post=ways == "post")

    if accepts_old():
        lab.see(REGENERATE, "grace", lab.outlives(accepts_old))
    else:
        lab.see(REGENERATE, "immediate")


def _client_auth(lab: Lab[Vcd], client_id: str, secret: str) -> str:
    accepted = {post: _token_endpoint(lab, client_id, secret, post=post) is True for post in (False, True)}
    refused = {post: _token_endpoint(lab, client_id, f"{secret}x", post=post) is False for post in (False, True)}
    # What takes any secret tells nothing.
    basic_works, post_works = (accepted[post] and refused[post] for post in (False, True))
    value = {(True, True): "both", (True, False): "basic", (False, True): "post"}.get(
        (basic_works, post_works), "untold"
    )
    lab.see(CLIENT_AUTH, value, _encoding(lab, client_id, secret) if basic_works else None)
    return value


def _encoding(lab: Lab[Vcd], client_id: str, secret: str) -> str:
    """Tell whether Basic credentials are to be form-encoded first, as RFC 6749, 2.3.1 says."""
    if quote(client_id, safe="") == client_id and quote(secret, safe="") == secret:
        return "Whether Basic is to be encoded first makes no difference to such ids and secrets."
    raw = _token_endpoint(lab, client_id, secret, post=False, encoded=False) is True
    return "Basic is taken encoded and as it is." if raw else "Basic must be encoded first (RFC 6749, 2.3.1)."


def _token_endpoint(lab: Lab[Vcd], client_id: str, secret: str, *, post: bool, encoded: bool = True) -> bool | None:
    """Tell whether a client gets past its authentication, with a code that nobody was given."""
    lab.progress("POST /oidc/oauth2/token")
    form = {"grant_type": "authorization_code", "code": "rekey-probe", "redirect_uri": _CALLBACK}
    url, headers = f"{lab.session.endpoint.url}/oidc/oauth2/token", {}
    if post:
        form |= {"client_id": client_id, "client_secret": secret}
    else:
        client = (quote(client_id, safe=""), quote(secret, safe="")) if encoded else (client_id, secret)
        headers = basic(*client)
    answer = lab.session.look_in_public("POST", url, data=form, headers=headers).answer
    return {"invalid_grant": True, "invalid_client": False}.get(str((body_of(answer) or {}).get("error")))


def _paging(lab: Lab[Vcd], wanted: dict[str, object]) -> None:
    first = {"page": "1", "pageSize": "1"}
    if lab.call("GET", _PARTIES, query=first).number("resultTotal") < len(("one", "another")):
        lab.call("POST", _PARTIES, json=wanted)
    reply = lab.look("GET", _PARTIES, query=first)
    page = lab.session.settle(reply)
    if reply.answer.links.get("nextPage", {}).get("url"):
        lab.see(PAGING, "links")
    elif len(page.objects("values")) == page.number("resultTotal"):
        lab.see(PAGING, "whole")
    else:
        after = lab.call("GET", _PARTIES, query=first | {"page": "2"}).objects("values")
        lab.see(PAGING, "numbers" if after and after != page.objects("values") else "none")


# -- a scratch key ----------------------------------------------------------------------------------------------------


def _key(lab: Lab[Vcd]) -> None:
    key, pair = _posted(lab, lab.mark)
    id_ = key.id("id")
    shown = lab.call("GET", _KEY, id_)
    lab.see(PRIVATE_KEY, _hidden(shown, "privateKey"))
    _published(lab, pair)
    reply = lab.look("PUT", _KEY, id_, json={**shown, "description": f"{lab.mark} changed"})
    try:
        lab.session.settle(reply)
    except Rejected:
        lab.see(KEY_UPDATE, "needs-private-key")
    else:
        lab.see(KEY_UPDATE, "description")


def _posted(lab: Lab[Vcd], description: str) -> tuple[Body, KeyPair]:
    """POST a new key: EC, which is quickly made, or RSA where that is refused."""
    pair = generate_key_pair("EC", 0, "P-256")
    reply = lab.look("POST", _KEYS, json=_payload(pair, description))
    try:
        key = lab.session.settle(reply)
    except Rejected:
        pair = generate_key_pair("RSA", 3072, "")
        key = lab.call("POST", _KEYS, json=_payload(pair, description))
        lab.see(EC_KEYS, "refused")
    else:
        lab.see(EC_KEYS, "accepted")
    return key, pair


def _payload(pair: KeyPair, description: str) -> dict[str, str]:
    private = pair.private.get_secret_value()
    return {"publicKey": pair.public, "privateKey": private, "description": description}


def _published(lab: Lab[Vcd], pair: KeyPair) -> None:
    max_age = timedelta()
    for pause in _LOOKS_S:
        lab.session.runtime.sleep(pause)
        lab.progress("GET the published keys")
        keys, max_age = lab.session.published_keys()
        if is_published(pair.public, keys):
            lab.see(JWKS, "all")
            break
    else:
        lab.see(JWKS, "active")
    lab.see(JWKS_MAX_AGE, in_words(max_age) if max_age else "unknown")


# -- the key that signs -----------------------------------------------------------------------------------------------


def _active_key(lab: Lab[Vcd]) -> None:
    session = lab.session
    before = session.active_key(session.configuration())
    if before is None:
        lab.miss(DELETE_ACTIVE_KEY, "no key signs here")
        return
    key, _ = _posted(lab, f"{lab.mark} (before: {before})")
    with session.exclusive:
        # Whoever posts first and looks then cannot miss another probe that does the same.
        others = (each.get("description") for each in _listed(lab, _KEYS))
        alone = not any(is_scratch(other) and not str(other).startswith(lab.mark) for other in others)
        configuration = session.configuration()
        if not alone or session.active_key(configuration) != before:
            raise Disturbed(f"{session.name}: somebody else lets a key sign", todo="run again after that")
        session.make_active(configuration, key.id("id"))
    # While this one is there, an interruption is known to have left another key signing.
    _posted(lab, f"{lab.mark} (before: {before}; deletes)")
    reply = lab.look("DELETE", _KEY, key.id("id"), may_be_refused=True)
    try:
        session.settle(reply, empty=True)
    except (Rejected, Conflict, Forbidden, NotFound) as refused:
        lab.see(DELETE_ACTIVE_KEY, "refused", f"{lab.said(refused)}.")
    else:
        lab.see(DELETE_ACTIVE_KEY, "allowed")


# -- removal ----------------------------------------------------------------------------------------------------------


def clean(lab: Lab[Vcd], *, every_run: bool) -> list[str]:
    """Let the key sign that signed before, then delete scratch keys and relying parties."""
    session, done = lab.session, []

    def is_ours(text: object) -> bool:
        return is_scratch(text) and (every_run or str(text).startswith(lab.mark))

    lab.progress("removing what was made")
    every = _listed(lab, _KEYS)
    keys = [key for key in every if is_ours(key.get("description"))]
    if keys and _sign_as_before(session, keys, {key.id("id") for key in every}):
        done.append("the key that signed before signs again")
    for key in keys:
        session.remove("/openIdProvider/keys", key.id("id"))
    parties = [party for party in _listed(lab, _PARTIES) if is_ours(party.get("clientName"))]
    for party in parties:
        session.remove("/openIdProvider/relyingParties", party.id("id"))
    for what, path, removed in (("key", _KEYS, keys), ("relying party", _PARTIES, parties)):
        if removed:
            _see_gone(lab, path, {entry.id("id") for entry in removed})
            done.append(f"deleted: {what}, {len(removed)} of them")
    return done


def _see_gone(lab: Lab[Vcd], path: str, removed: set[str]) -> None:
    """Look whether what was deleted has left the list: an answer to DELETE is no proof.

    :raises Stopped: if it is still there.
    """
    for pause in _LOOKS_S:
        lab.session.runtime.sleep(pause)
        if not removed & {entry.id("id") for entry in _listed(lab, path)}:
            return
    raise Stopped(
        f"{lab.session.name}: DELETE was answered as if it had been done, and the list still shows a scratch object",
        todo="delete what is called rekey-probe-scratch at the vendor",
    )


def _listed(lab: Lab[Vcd], path: str) -> list[Body]:
    """GET a whole list by page numbers: whether links lead on is what is to be found out."""
    found: dict[str, Body] = {}
    for number in range(1, MAX_PAGES):
        page = lab.call("GET", path, query={"page": str(number), "pageSize": "128"})
        shown = {entry.id("id"): entry for entry in page.objects("values")}
        if not shown.keys() - found.keys():
            break
        found |= shown
        if len(found) >= page.number("resultTotal"):
            break
    return list(found.values())


def _names(parties: list[Body], keys: list[Body]) -> list[object]:
    return [*(party.get("clientName") for party in parties), *(key.get("description") for key in keys)]


def _sign_as_before(session: Vcd, keys: list[Body], existing: set[str]) -> bool:
    """Undo an activation of a scratch key, also one whose deletion let the vendor choose another.

    :raises Stopped: if a scratch key signs, and the one before it is gone.
    """
    notes = [(key.id("id"), note) for key in keys if (note := _BEFORE.search(str(key.get("description"))))]
    # While the key is there whose deletion was tried, whatever else signs was not the vendor's choice.
    undeleted = any(not note[2] for _, note in notes)
    with session.exclusive:
        configuration = session.configuration()
        signs = session.active_key(configuration)
        for id_, note in notes:
            if note[1] == signs or not (id_ == signs or (note[2] and not undeleted)):
                continue
            if note[1] not in existing:
                raise Stopped(
                    f"{session.name}: a scratch key signs, and the one that signed before it is gone",
                    todo="make another key sign, then clean again",
                )
            session.make_active(configuration, note[1])
            return True
        return False


STAGES: Final = (
    Stage(
        "Logs in, and reads relying parties, keys and the configuration of the OpenID provider.",
        (CLOCK, TOKEN_LIFETIME, ID_TOKEN_LIFETIME, RIGHTS),
        _log_in,
    ),
    Stage(
        "Registers a relying party (two, where there is no other), changes it, regenerates its secret, tries the"
        " secrets at the token endpoint, and deletes it.",
        (
            REGISTER,
            CHANGES,
            CLIENT_SECRET,
            READ_ONLY,
            CLIENT_AUTH,
            REGENERATE,
            CLIENT_ID,
            PAGING,
            MISSING,
        ),
        _relying_party,
    ),
    Stage(
        "Publishes a key that does not sign, changes its description, and deletes it.",
        (EC_KEYS, PRIVATE_KEY, JWKS, JWKS_MAX_AGE, KEY_UPDATE),
        _key,
    ),
    Stage(
        "Lets a scratch key sign for some seconds, tries to delete it while it signs, and lets the key sign again that"
        " signed before. ID TOKENS THAT ARE ISSUED IN THESE SECONDS CANNOT BE CHECKED AFTERWARDS.",
        (DELETE_ACTIVE_KEY,),
        _active_key,
        needs=("activate",),
    ),
)
