"""What a vendor's "no" means for every resource: wrong credentials, a missing right, a missing object.

Cloud Director answers 403 both where a right is missing and where an object is: only the whole list tells them apart.
"""

import re
from collections.abc import Callable

import pytest
from pulumi_rekey.errors import BadAnswer, Error, Forbidden, NotFound, Unauthenticated

from tools.vendors import SECRET_SETTINGS

from .case import Outputs
from .in_process import InProcess
from .test_lifecycle import only

REFUSAL = '{"minorErrorCode": "ACCESS_TO_RESOURCE_IS_FORBIDDEN", "message": "x", "stackTrace": null}'
WRONG = "Hunter2-is-wrong"
#: The commands that ask whether the object is there.
asking = pytest.mark.parametrize("command", [InProcess.refresh, InProcess.destroy], ids=["refresh", "delete"])


of_cloud_director = only(lambda case: case.endpoint == "vcd", "program")


def paths(program: InProcess) -> tuple[str, str]:
    """Regular expressions of the paths of the object and of the list that it is in."""
    path = program.case.calls.refresh[1].removeprefix("GET ").removesuffix("/{id}")
    return f"{path}/{program.id}$", f"{path}$"


# -- who asks ---------------------------------------------------------------------------------------------------------


def test_login_with_wrong_credentials_is_refused_without_showing_them(program: InProcess) -> None:
    before = program.case.objects()
    secret = {
        path.partition(".")[2] for path, (vendor, _) in SECRET_SETTINGS.items() if vendor == program.case.endpoint
    }
    program.settings |= dict.fromkeys(secret, WRONG)
    with pytest.raises(Unauthenticated, match=r"nothing was .*; correct the credentials of this endpoint") as failed:
        program.apply()
    assert WRONG not in str(failed.value)
    assert program.state is None
    assert program.case.objects() == before


def test_create_by_account_without_the_right_names_the_right(program: InProcess) -> None:
    before = program.case.objects()
    program.log_in_as("weak")
    with pytest.raises(Forbidden, match=r"the account needs the (right|role|rule set|permission) "):
        program.apply()
    assert program.state is None
    assert program.case.objects() == before


@asking
def test_missing_is_not_said_by_account_without_the_right(
    program: InProcess, command: Callable[[InProcess], object]
) -> None:
    """The secret is left alone, too. Only Cloud Director has tenants with sessions of their own."""
    outputs = program.apply()
    state = program.state
    for account in ("weak", "tenant") if program.case.endpoint == "vcd" else ("weak",):
        program.log_in_as(account)
        with pytest.raises(Forbidden):
            command(program)
        assert program.state == state
        assert program.case.accepts(outputs)


# -- what is missing --------------------------------------------------------------------------------------------------


def remove(program: InProcess, outputs: Outputs) -> None:
    """Let somebody delete the object; where nobody can, the vendor begins anew."""
    if program.case.removable:
        program.case.remove_by_hand(outputs)
    else:
        program.sandbox.reset()


def test_refresh_of_missing_object_forgets_it(program: InProcess) -> None:
    remove(program, program.apply())
    assert program.refresh() is None


def test_delete_of_missing_object_succeeds(program: InProcess) -> None:
    remove(program, program.apply())
    assert all(said.startswith("nothing had to be ended") for said in program.destroy())
    assert program.state is None


def test_adopt_of_missing_object_is_refused(program: InProcess) -> None:
    missing = program.case.existing()
    remove(program, missing)
    program.sandbox.dialect(navigator__missing_app="404")
    before = program.case.objects()
    with pytest.raises(NotFound, match="nothing was created; correct"):
        program.apply(at=missing[program.case.id_output], rotation={"on_adopt": "rotate"})
    assert program.state is None
    assert program.case.objects() == before


@only(lambda case: case.creates and case.at_a_vendor, "program")
def test_adopt_of_what_is_not_shown_names_adopt_and_the_right(program: InProcess) -> None:
    """Nothing is in a state yet that could be taken out of it."""
    there = program.case.existing()
    program.log_in_as("tenant" if program.case.endpoint == "vcd" else "weak")
    with pytest.raises(Forbidden) as refused:
        program.apply(at=there[program.case.id_output])
    said = "nothing was created; correct `adopt` if there is no such object; else the account needs the r"
    assert said in str(refused.value)
    assert not re.search(r"state delete|gone", str(refused.value))


@only(lambda case: not case.creates and case.at_a_vendor, "program")
def test_takeover_of_what_is_not_shown_names_the_ids_and_the_right(program: InProcess) -> None:
    """No vendor's page tells an id that is wrong from a right that is missing."""
    program.log_in_as("weak")
    with pytest.raises(Forbidden) as refused:
        program.apply()
    assert re.search(
        "nothing was created; correct `[a-z_]+` or `[a-z_]+` if there is no such object; else the account needs the ",
        str(refused.value),
    )


@of_cloud_director
@asking
@pytest.mark.parametrize("status", [403, 404])
def test_missing_is_not_said_of_object_in_the_list(
    program: InProcess, status: int, command: Callable[[InProcess], object]
) -> None:
    outputs = program.apply()
    program.sandbox.fault(paths(program)[0], status=status, body=REFUSAL, count=0)
    with pytest.raises(Forbidden, match=r'the account needs the right "OIDC Server: Manage Settings"'):
        command(program)
    program.sandbox.clear_faults()
    assert program.case.knows(outputs)


@of_cloud_director
@asking
@pytest.mark.parametrize(
    "page",
    [
        '{"values": [], "resultTotal": 1}',
        '{"values": [], "resultTotal": -1}',
        '{"values": []}',
        '{"resultTotal": 0}',
        '{"values": {}, "resultTotal": 0}',
        "[]",
        "",
        "<html>",
    ],
)
def test_missing_is_not_said_by_list_that_does_not_add_up(
    program: InProcess, page: str, command: Callable[[InProcess], object]
) -> None:
    outputs = program.apply()
    one, every = paths(program)
    program.sandbox.fault(one, status=403, body=REFUSAL, count=0)
    program.sandbox.fault(every, status=200, body=page, count=0)
    with pytest.raises(BadAnswer):
        command(program)
    program.sandbox.clear_faults()
    assert program.case.knows(outputs)


@of_cloud_director
@asking
def test_missing_is_not_said_by_empty_list_of_a_tenant(
    program: InProcess, command: Callable[[InProcess], object]
) -> None:
    outputs = program.apply()
    program.log_in_as("tenant")
    program.sandbox.fault(paths(program)[1], status=200, body='{"values": [], "resultTotal": 0}', count=0)
    with pytest.raises(Forbidden):
        command(program)
    program.sandbox.clear_faults()
    assert program.case.knows(outputs)


@of_cloud_director
@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_missing_is_not_said_by_list_that_is_refused(program: InProcess, status: int) -> None:
    program.apply()
    state = program.state
    one, every = paths(program)
    program.sandbox.fault(one, status=403, body=REFUSAL, count=0)
    program.sandbox.fault(every, status=status, body=REFUSAL, count=0)
    with pytest.raises(Error):
        program.refresh()
    assert program.state == state


@of_cloud_director
def test_missing_is_not_said_before_the_last_page(program: InProcess) -> None:
    for _ in range(130):
        program.case.existing()
    # Under another name than theirs, which would be in the way.
    program.apply(changed=True)
    program.sandbox.fault(paths(program)[0], method="GET", status=403, body=REFUSAL, count=0)
    program.sandbox.forget_calls()
    with pytest.raises(Forbidden):
        program.refresh()
    every = paths(program)[1].removesuffix("$")
    assert [call["path"] for call in program.sandbox.calls()].count(every) == 2
