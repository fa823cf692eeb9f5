"""Huawei's own SDK, which knows nothing of this project, drives an application through its whole life."""

from collections.abc import Callable
from functools import partial

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials  # type: ignore[import-untyped]  # ships no types
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # type: ignore[import-untyped]  # ships no types
from huaweicloudsdkcore.sdk_request import SdkRequest  # type: ignore[import-untyped]  # ships no types
from huaweicloudsdkcore.signer.signer import Signer  # type: ignore[import-untyped]  # ships no types
from huaweicloudsdkroma import v2 as roma  # type: ignore[import-untyped]  # ships no types

from tools.administrators import Roma

from .conftest import Sandbox


def client(
    url: str, access_key: str, secret_key: str, project_id: str, security_token: str | None = None
) -> roma.RomaClient:
    credentials = BasicCredentials(access_key, secret_key, project_id)
    if security_token:
        credentials.with_security_token(security_token)
    return roma.RomaClient.new_builder().with_credentials(credentials).with_endpoint(url).build()


@pytest.fixture
def sdk(sandbox: Sandbox) -> roma.RomaClient:
    known = sandbox.credentials["roma"]
    return client(known["url"], known["access_key"], known["secret_key"], known["project_id"])


def with_token(url: str, token: str, project_id: str) -> roma.RomaClient:
    """A client that sends an IAM token where it would sign; the SDK has no such credentials of its own."""

    def send_token(request: SdkRequest) -> SdkRequest:
        request.header_params |= {"X-Auth-Token": token, "X-Project-Id": project_id}
        Signer.process_request_uri(request)
        return request

    # The SDK takes no other class.
    credentials = BasicCredentials("-", "-", project_id)
    credentials.sign_request = send_token
    return roma.RomaClient.new_builder().with_credentials(credentials).with_endpoint(url).build()


def refused(call: Callable[[], object]) -> ClientRequestException:
    with pytest.raises(ClientRequestException) as caught:
        call()
    return caught.value


def test_application_from_create_to_delete(sandbox: Sandbox, sdk: roma.RomaClient) -> None:
    instance = sandbox.credentials["roma"]["instance_id"]
    wanted = roma.CreateAppReq(name="billing (测试)", remark="bills", key="billing-1")
    created = sdk.create_roma_app(roma.CreateRomaAppRequest(instance, wanted))
    assert (created.status_code, created.key, created.owner, created.favorite) == (201, "billing-1", True, False)
    app = created.id, instance

    first = sdk.check_roma_app_secret(roma.CheckRomaAppSecretRequest(*app)).secret
    body = roma.UpdateAppSecretReq(secret="JNs1VK3vLdTT9Djd!@#$%+=.-/")
    given = sdk.reset_roma_app_secret(roma.ResetRomaAppSecretRequest(*app, body)).secret
    bodies = (None, roma.UpdateAppSecretReq())
    made = [sdk.reset_roma_app_secret(roma.ResetRomaAppSecretRequest(*app, body)).secret for body in bodies]
    assert given == "JNs1VK3vLdTT9Djd!@#$%+=.-/"
    assert len({first, given, *made}) == 4
    assert sdk.check_roma_app_secret(roma.CheckRomaAppSecretRequest(*app)).secret == made[-1]

    query = roma.ListRomaAppRequest(instance, offset=0, limit=1, favorite=False, name="billing")
    listed = sdk.list_roma_app(query)
    assert (listed.total, listed.size, [app.id for app in listed.apps]) == (1, 1, [created.id])

    change = roma.UpdateAppReq(remark="paid", favorite=True)
    updated = sdk.update_roma_app(roma.UpdateRomaAppRequest(*app, change))
    assert (updated.name, updated.remark, updated.favorite) == ("billing (测试)", "paid", True)
    shown = sdk.check_roma_app_details(roma.CheckRomaAppDetailsRequest(*app))
    assert (shown.remark, shown.key) == ("paid", "billing-1")

    validated = sdk.validate_roma_app(roma.ValidateRomaAppRequest(instance, name="billing (测试)"))
    assert validated.id == created.id
    assert sdk.delete_roma_app(roma.DeleteRomaAppRequest(*app)).status_code == 200
    by_key = roma.ValidateRomaAppRequest(instance, key="billing-1")
    assert refused(partial(sdk.validate_roma_app, by_key)).status_code == 404


def test_errors_arrive_with_code_and_request_id(sandbox: Sandbox, sdk: roma.RomaClient) -> None:
    request = roma.CheckRomaAppSecretRequest(app_id="nothing", instance_id=sandbox.credentials["roma"]["instance_id"])
    error = refused(partial(sdk.check_roma_app_secret, request))
    assert (error.status_code, error.error_code) == (404, "ROMA.00014001")
    assert len(error.request_id) == 32


def test_application_with_a_token(sandbox: Sandbox) -> None:
    known, owner = sandbox.credentials["roma"], Roma(sandbox)
    token = owner.log_in().headers["X-Subject-Token"]
    sdk = with_token(known["url"], token, known["project_id"])
    request = roma.ResetRomaAppSecretRequest(known["app_id"], known["instance_id"])
    made = sdk.reset_roma_app_secret(request).secret
    shown = sdk.check_roma_app_secret(roma.CheckRomaAppSecretRequest(known["app_id"], known["instance_id"]))
    assert shown.secret == made == owner.secret(known["app_id"])
    nothing = roma.CreateRomaAppRequest(known["instance_id"])
    assert refused(partial(sdk.create_roma_app, nothing)).error_code == "ROMA.13001"
    elsewhere = with_token(known["url"], token, "another")
    for stranger, status, code in (
        (with_token(known["url"], "wrong", known["project_id"]), 400, "ROMA.1002"),
        (elsewhere, 403, "ROMA.00000101"),
    ):
        error = refused(partial(stranger.list_roma_app, roma.ListRomaAppRequest(known["instance_id"])))
        assert (error.status_code, error.error_code) == (status, code)
        assert len(error.request_id) == 32


def test_login_with_temporary_keys_needs_security_token(sandbox: Sandbox) -> None:
    known = sandbox.credentials["roma"]
    keys = known["temporary_access_key"], known["temporary_secret_key"], known["project_id"]
    request = roma.ListRomaAppRequest(known["instance_id"])
    assert client(known["url"], *keys, known["security_token"]).list_roma_app(request).total == 1
    for wrong in (None, known["security_token"][:-1]):
        stranger = client(known["url"], *keys, wrong)
        assert refused(partial(stranger.list_roma_app, request)).status_code == 400
    sandbox.advance("24h")
    late = client(known["url"], *keys, known["security_token"])
    assert refused(partial(late.list_roma_app, request)).status_code == 400


def test_login_with_wrong_keys_refused(sandbox: Sandbox) -> None:
    known = sandbox.credentials["roma"]
    request = roma.ListRomaAppRequest(known["instance_id"])
    for access_key, secret_key in ((known["access_key"], "x" * 32), ("X" * 20, known["secret_key"])):
        stranger = client(known["url"], access_key, secret_key, known["project_id"])
        assert refused(partial(stranger.list_roma_app, request)).error_code == "ROMA.1002"
    weak = client(known["url"], known["weak_access_key"], known["weak_secret_key"], known["project_id"])
    assert refused(partial(weak.list_roma_app, request)).status_code == 403
