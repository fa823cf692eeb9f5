"""What an application needs to sign its users in and to call APIs."""

import pulumi
import pulumi_rekey as rekey


class Application(pulumi.ComponentResource):
    """A relying party at VMware Cloud Director, and an OAuth app with its secret at Cloud Partner Navigator."""

    def __init__(
        self,
        name: str,
        *,
        callback: str,
        org_id: str,
        rotation: rekey.Rotation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("example:index:Application", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        self.sign_in = rekey.OidcRelyingParty(
            f"{name}-sign-in", client_name=name, redirect_uris=[callback], rotation=rotation, opts=mine
        )
        # Saved before it is sent, so that a run that dies in between sends the same one again.
        made = rekey.GeneratedSecret(f"{name}-api-secret", vendor="navigator", rotation=rotation, opts=mine)
        self.api = rekey.OrgOAuthApp(
            f"{name}-api",
            org_id=org_id,
            display_name=name,
            secret=made.secret,
            rotation=rekey.Rotation(grace="24h"),
            opts=mine,
        )
        self.register_outputs({})

    @property
    def connection(self) -> dict[str, pulumi.Output[str | None]]:
        """What the application is deployed with."""
        return {
            "clientId": self.sign_in.client_id,
            "clientSecret": self.sign_in.client_secret,
            "apiClientId": self.api.oauth_app_id,
            "apiSecret": self.api.secret,
        }
