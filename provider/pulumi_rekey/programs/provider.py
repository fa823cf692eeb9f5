"""An explicit provider of the native front end: endpoints of its own, for the resources that are given it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from ..frontend.version import package_version
from .arguments import judge, types_of
from .front_end import PACKAGE, is_native


class Provider(pulumi.ProviderResource):
    """Endpoints beside those of the stack's configuration, such as those of another site.

    ::

        dr = rekey.Provider("dr", endpoints={"vcd": {"url": "https://dr.example.com", "apiToken": token}}, owner=owner)
        rekey.OidcRelyingParty("portal", ..., opts=pulumi.ResourceOptions(provider=dr))

    Only the native front end has it. Changed settings change no resource.

    :param endpoints: Settings by the names of endpoints, with the keys of ``rekey:endpoints``. Secret.
    :param owner: What ``rekey:owner`` is to the stack: by it an interrupted create knows its own objects. Secret.
    """

    def __init__(
        self,
        name: str,
        *,
        endpoints: pulumi.Input[Mapping[str, pulumi.Input[Mapping[str, Any]]]],
        owner: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        judge(name, types_of(Provider.__init__), {"endpoints": endpoints, "owner": owner}, ("endpoints", "owner"))
        if not is_native():
            raise pulumi.RunError(f"{name}: only the native front end has providers: set rekey:frontend to native")
        settings = {
            "endpoints": pulumi.Output.secret(endpoints),
            "owner": None if owner is None else pulumi.Output.secret(owner),
            # The stack's configuration is for the default provider, and resources of all are rotated by it.
            "rotateNow": pulumi.Config(PACKAGE).get_object("rotateNow"),
        }
        options = pulumi.ResourceOptions(version=package_version())
        super().__init__(PACKAGE, name, settings, pulumi.ResourceOptions.merge(options, opts))
