"""The session of a resource without a vendor: all that the reconciler needs of one, and nothing that sends."""

from pulumi_rekey.endpoints.no_vendor import NoVendor
from pulumi_rekey.endpoints.session import Runtime

from .conftest import Time


def test_no_vendor_has_what_the_reconciler_uses_and_no_address(time: Time) -> None:
    runtime = Runtime(sleep=time.sleep)
    session = NoVendor("Ticket", runtime)
    assert (session.name, session.endpoint, session.runtime) == ("Ticket", None, runtime)
    assert session.checks.of("a ticket", lambda: True)
    with session.exclusive, session.exclusive:
        pass
    assert not hasattr(session, "request")
