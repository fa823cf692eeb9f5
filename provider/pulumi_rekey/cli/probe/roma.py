"""What Huawei ROMA Connect's pages leave open about applications and their secrets."""

from __future__ import annotations

import hmac
from typing import Final
from uuid import uuid4

from ...endpoints.roma import Roma
from ...endpoints.session import fill
from ...key_material import generate_secret
from .facts import OTHER, Answer, Fact
from .lab import Disturbed, Lab, body_of
from .run import Stage, common

_APPS: Final = "/v2/{}/instances/{}/apps"
_SECRET: Final = f"{_APPS}/{{}}/secret"
_MASK: Final = "*"
#: How every secret begins that a probe sets for a moment.
_OURS: Final = "RekeyProbe"
_LEFT: Final = "the application has the secret of a probe that is at work, or was interrupted"
_SET_ANOTHER: Final = "if none is at work, set another secret"

CLOCK, TOKEN_LIFETIME, RIGHTS = (common("roma", name) for name in ("clock", "token_lifetime", "rights"))
AUTH_FAILURE: Final = Fact(
    "roma.auth_failure",
    "Which status has a refused token?",
    "The list of error codes says 400 for all that was read.",
    {OTHER: Answer("{}.", "Nothing: Rekey reads the code before the status.")},
)
MISSING_APP: Final = Fact(
    "roma.missing_app",
    "How is an application refused that does not exist?",
    "One edition says 404 ROMA.00014001, the others list 403 only.",
    {
        "404": Answer("With 404.", "As assumed: together with the list, that proves it gone."),
        "403": Answer(
            "With 403, like a missing right.",
            "Remove a deleted application's resource from the program, or `pulumi state delete`.",
            "A refresh does not notice that an application is gone: it stops instead.",
        ),
    },
)
LIST: Final = Fact(
    "roma.list",
    "Does the list of applications go on by offset, and name its total?",
    "Both are documented.",
    {
        "offset": Answer("It does.", "As assumed."),
        "whole": Answer("It is never cut.", "Nothing has to be set."),
        "none": Answer(
            "The rest cannot be had.",
            "Remove a deleted application's resource from the program, or `pulumi state delete`.",
            "A refresh cannot prove that an application is gone: it stops instead.",
        ),
    },
)
GET_SECRET: Final = Fact(
    "roma.get_secret",
    "Does GET …/secret show the secret, or a mask?",
    "Plain in older examples, JNs****Djd in newer ones.",
    {
        "plain": Answer("It shows the secret.", "As assumed: an adopted secret is read, and drift is seen."),
        "masked": Answer(
            "It shows a mask.",
            'An adopted AppSecret has no `secret` output until it rotates: set on_adopt="rotate" or give `secret`.',
            "A secret is verified by what the mask shows of it only.",
        ),
    },
)
PUT_SECRET: Final = Fact(
    "roma.put_secret",
    "Does PUT …/secret answer with the secret that was sent?",
    "It does in the examples.",
    {
        "shown": Answer("It does.", "As assumed."),
        "masked": Answer("With a mask.", "Nothing: Rekey knows what it has sent."),
        "other": Answer(
            "With another secret.",
            "Do not let Rekey rotate AppSecret here.",
            "Every rotation stops, because the vendor seems to have set another secret.",
        ),
    },
)
READ_BACK: Final = Fact(
    "roma.read_back",
    "Does GET show a new secret at once?",
    "Nothing.",
    {
        "at-once": Answer("It does.", "As assumed."),
        "later": Answer(
            "It shows the one before.",
            "Run `pulumi up` once more after a rotation.",
            "A new secret is taken for refused, until the vendor shows it.",
        ),
        "masked": Answer("The mask does not tell.", "A rotation is taken for done without having been seen."),
    },
)


def _log_in(lab: Lab[Roma]) -> None:
    lab.see(TOKEN_LIFETIME, lab.log_in())
    instance, app = lab.options.instance, lab.options.app
    if instance:
        with lab.naming("instance"):
            lab.call("GET", _APPS, lab.session.project_id, instance, query={"limit": "1"})
    if instance and app:
        with lab.naming("app"):
            lab.call("GET", f"{_APPS}/{{}}", lab.session.project_id, instance, app)


def _wrong_token(lab: Lab[Roma]) -> None:
    session = lab.session
    url = session.endpoint.url + fill(_APPS, (session.project_id, lab.options.instance or "rekey-probe"))
    lab.progress("GET /v2/…/instances/…/apps with a wrong token")
    answer = session.look_in_public("GET", url, headers={"x-auth-token": "rekey-probe"}).answer
    lab.see(AUTH_FAILURE, str(answer.status_code), _code((body_of(answer) or {}).get("error_code")))


def _code(code: object) -> str | None:
    return f"Its code is {code}." if isinstance(code, str) and code.startswith("ROMA.") and code[5:].isdigit() else None


def _applications(lab: Lab[Roma]) -> None:
    where = lab.session.project_id, str(lab.options.instance)
    missing = lab.look("GET", _SECRET, *where, str(uuid4()), may_be_refused=True).answer
    lab.see(MISSING_APP, str(missing.status_code), _code((body_of(missing) or {}).get("error_code")))
    first = lab.call("GET", _APPS, *where, query={"limit": "1", "offset": "0"})
    shown, total = first.objects("apps"), first.number("total")
    if len(shown) == total:
        # One application is no list that could be cut.
        lab.see(LIST, "whole") if total > 1 else lab.miss(LIST, "there is one application only, or none")
        return
    after = lab.call("GET", _APPS, *where, query={"limit": "1", "offset": "1"}).objects("apps")
    lab.see(LIST, "offset" if after and after[0].get("id") != shown[0].get("id") else "none")


# -- the application that the user has named --------------------------------------------------------------------------


def _application(lab: Lab[Roma]) -> None:
    where = lab.session.project_id, str(lab.options.instance), str(lab.options.app)
    before = lab.call("GET", _SECRET, *where).secret("secret").get_secret_value()
    lab.see(GET_SECRET, "masked" if _MASK in before else "plain")
    if before.startswith(_OURS):
        raise Disturbed(f"{lab.session.name}: {_LEFT}", todo=_SET_ANOTHER)
    chosen = _OURS + generate_secret("roma").get_secret_value()
    try:
        answered = lab.call("PUT", _SECRET, *where, json={"secret": chosen}).secret("secret").get_secret_value()
        lab.see(PUT_SECRET, _as(chosen, answered, "shown", "other"))
        shown = lab.call("GET", _SECRET, *where).secret("secret").get_secret_value()
        lab.see(READ_BACK, _as(chosen, shown, "at-once", "later"))
    finally:
        _put_back(lab, where, before, chosen)


def _put_back(lab: Lab[Roma], where: tuple[str, str, str], before: str, chosen: str) -> None:
    """Set the secret before, where it is known; else one that nobody keeps.

    :raises Disturbed: if somebody else has set another one meanwhile, which stays.
    """
    present = lab.call("GET", _SECRET, *where).secret("secret").get_secret_value()
    if _MASK not in present and present not in {before, chosen}:
        raise Disturbed(f"{lab.session.name}: somebody else has set the application's secret", todo="run again")
    after = generate_secret("roma").get_secret_value() if _MASK in before else before
    lab.call("PUT", _SECRET, *where, json={"secret": after})


def _as(chosen: str, shown: str, same: str, another: str) -> str:
    if hmac.compare_digest(chosen.encode(), shown.encode()):
        return same
    return "masked" if _MASK in shown else another


def clean(lab: Lab[Roma], *, every_run: bool) -> list[str]:
    """Say whether the named application has the secret of a probe, which is in nobody's hands."""
    instance, app = lab.options.instance, lab.options.app
    if not (every_run and instance and app):
        return []
    with lab.naming("instance", "app"):
        present = lab.call("GET", _SECRET, lab.session.project_id, instance, app).secret("secret").get_secret_value()
    return [f"{_LEFT}: {_SET_ANOTHER}"] if present.startswith(_OURS) else []


STAGES: Final = (
    Stage("Logs in, and reads one application where an instance is named.", (CLOCK, TOKEN_LIFETIME, RIGHTS), _log_in),
    Stage("Sends one request with a wrong token.", (AUTH_FAILURE,), _wrong_token),
    Stage(
        "Asks for an application that does not exist, and lists the applications.",
        (MISSING_APP, LIST),
        _applications,
        needs=("instance",),
    ),
    Stage(
        "Sets the secret of the application that you name, and sets the one before again. WHERE THAT IS MASKED, THE"
        " APPLICATION IS LEFT WITH A SECRET THAT NOBODY KNOWS, and another one has to be set for whoever uses it.",
        (GET_SECRET, PUT_SECRET, READ_BACK),
        _application,
        needs=("instance", "app"),
    ),
)
