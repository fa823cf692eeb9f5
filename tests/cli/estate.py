"""What `pulumi stack export` writes of twenty credentials, in every health, written by hand: no engine is needed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pulumi_rekey.cli.report import Report, report
from pulumi_rekey.cli.stack_state import read_stack
from pulumi_rekey.model import rfc3339

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: What an outage leaves at all credentials of an endpoint, but for the request.
OUTAGE = "vcd: PUT …: 503: what was done before is kept; run `pulumi up` again when the vendor has recovered"


def _outage(path: str, request: str) -> tuple[str]:
    return (f"{OUTAGE.replace('…', f'/cloudapi/1.0.0/{path}')} (request {request})",)


_INPUTS: dict[str, dict[str, Any]] = {
    "AppSecret": {"instance_id": "i", "app_id": "a"},
    "OidcRelyingParty": {"client_name": "n", "redirect_uris": ["https://portal.example.com/callback"]},
    "OpenIdProviderKey": {},
    "SyncClientCredentials": {"directory_id": "d"},
    "OrgOAuthApp": {"org_id": "o"},
}
_OUTPUTS = {
    "OidcRelyingParty": {"relying_party_id": "r", "client_id": "c"},
    "OpenIdProviderKey": {"key_id": "k", "public_key": "p"},
    "OrgOAuthApp": {"oauth_app_id": "o"},
}
_ENDPOINTS = {
    "AppSecret": ("roma", "https://roma.example.com"),
    "OidcRelyingParty": ("vcd", "https://vcd.example.com"),
    "OpenIdProviderKey": ("vcd", "https://vcd.example.com"),
    "SyncClientCredentials": ("broker", "https://broker.example.com"),
    "OrgOAuthApp": ("navigator", "https://navigator.example.com"),
}
SUNDAYS = {"cron": "0 2 * * SUN", "timezone": "Europe/Sofia", "duration": "4h"}
NIGHTLY = {"cron": "0 2 * * *", "duration": "3h"}
CHRISTMAS = "2026-12-20/2027-01-05"


def _ago(days: float) -> str:
    return rfc3339(NOW - timedelta(days=days))


def _credential(
    stack: str,
    kind: str,
    name: str,
    age: float,
    *,
    errors: tuple[str, ...] = (),
    reason: str = "created",
    generation: int = 1,
    expires_in: float | None = None,
    previous_for: float | None = None,
    **rotation: object,
) -> dict[str, Any]:
    """One resource of an export: minted so many days ago, under a policy."""
    endpoint, address = _ENDPOINTS.get(kind, ("vcd", "https://vcd.example.com"))
    inputs = _INPUTS.get(kind, {}) | {"rotation": rotation}
    outputs = _INPUTS.get(kind, {}) | _OUTPUTS.get(kind, {})
    outputs |= {"generation": generation, "rotated_at": _ago(age), "rotation_reason": reason}
    outputs |= {"endpoint": endpoint, "address": address}
    if expires_in is not None:
        outputs["expires_at"] = _ago(-expires_in)
    if previous_for is not None:
        outputs["previous_expires_at"] = _ago(-previous_for)
    type_ = f"rekey:index:{kind}"
    return {
        "urn": f"urn:pulumi:{stack}::identity::{type_}::{name}",
        "type": type_,
        "inputs": inputs,
        "outputs": outputs,
        "initErrors": list(errors),
    }


def exports_by_hand() -> list[bytes]:
    """A stack of sixteen credentials, a second one of four, and an empty one."""

    def prod(kind: str, name: str, age: float, **more: Any) -> dict[str, Any]:
        return _credential("prod", kind, name, age, **more)

    production = [
        prod("OpenIdProviderKey", "signing", 61, errors=_outage("openIdProvider", "8c1f"), max_age="60d"),
        prod(
            "OidcRelyingParty", "portal", 92, errors=_outage("relyingParties/71", "8c20"), generation=4, max_age="90d"
        ),
        prod("OidcRelyingParty", "admin", 30, errors=_outage("relyingParties/72", "8c21"), max_age="90d"),
        prod("SyncClientCredentials", "scim-legacy", 190, expires_in=-3, max_age="365d", paused=True),
        prod("AppSecret", "orders", 97, generation=7, max_age="90d"),
        prod("AppSecret", "invoices", 96, max_age="90d", windows=[NIGHTLY]),
        prod("FutureSecret", "preview-feature", 12),
        prod("OrgOAuthApp", "billing", 31, generation=3, max_age="30d"),
        prod("AppSecret", "warehouse", 90.5, max_age="90d", windows=[SUNDAYS], freeze=[CHRISTMAS]),
        prod("OrgOAuthApp", "mailer", 40, max_age="90d", paused=True),
        prod("OidcRelyingParty", "break-glass-for-the-night-shift-in-sofia", 410),
        prod("SyncClientCredentials", "scim", 10, expires_in=355, max_age="365d", generation=2, freeze=[CHRISTMAS]),
        prod("AppSecret", "shop", 76, max_age="90d", windows=[NIGHTLY], freeze=[CHRISTMAS], generation=5),
        prod(
            "OrgOAuthApp",
            "crm",
            1,
            previous_for=6,
            grace="7d",
            max_age="30d",
            generation=9,
            reason="rotate_now: INC-4711 leaked in a log of `deploy`",
        ),
        prod("OidcRelyingParty", "intranet", 20, max_age="60d", windows=[SUNDAYS], generation=2),
        prod("AppSecret", "telemetry", 3, max_age="14d", generation=31, reason="31 d old, max_age 30 d"),
    ]
    development = [
        _credential("dev", "OidcRelyingParty", "portal", 33, errors=_outage("relyingParties/9", "8c22"), max_age="30d"),
        _credential("dev", "AppSecret", "orders", 5, max_age="90d"),
        _credential("dev", "OrgOAuthApp", "billing", 29.2, max_age="30d"),
        _credential("dev", "SyncClientCredentials", "scim", 100, expires_in=265, max_age="365d", renew_before="30d"),
    ]
    return [
        json.dumps({"version": 3, "deployment": {"resources": resources}}).encode()
        for resources in (production, development, [])
    ]


def estate() -> Report:
    """The report of all of it."""
    return report([read_stack(export, "identity/none") for export in exports_by_hand()], NOW)
