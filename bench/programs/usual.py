"""The same relying parties by a dynamic provider written the usual way: its class stands in the program."""

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

API = "/cloudapi/1.0.0/openIdProvider/relyingParties"


class PartyProvider(ResourceProvider):
    def __init__(self, url, token):
        super().__init__()
        self.url = url
        self.token = token

    def call(self, method, path, **payload):
        import httpx

        login = httpx.post(
            f"{self.url}/oauth/provider/token", data={"grant_type": "refresh_token", "refresh_token": self.token}
        )
        headers = {
            "accept": "application/json;version=37.2",
            "authorization": f"Bearer {login.json()['access_token']}",
        }
        answer = httpx.request(method, f"{self.url}{API}{path}", headers=headers, **payload)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def create(self, props):
        body = {"clientName": props["client_name"], "redirectUris": props["redirect_uris"]}
        made = self.call("POST", "", json=body)
        return CreateResult(made["id"], {**props, "client_id": made["clientId"], "client_secret": made["clientSecret"]})

    def diff(self, id, olds, news):
        return DiffResult(changes=olds["release"] != news["release"])

    def update(self, id, olds, news):
        made = self.call("POST", f"/{id}/regenerateSecret")
        return UpdateResult({**news, "client_id": made["clientId"], "client_secret": made["clientSecret"]})

    def delete(self, id, props):
        self.call("DELETE", f"/{id}")


class Party(Resource):
    client_id: pulumi.Output[str]
    client_secret: pulumi.Output[str]


config = pulumi.Config()
provider = PartyProvider(config.require("url"), config.require("token"))
for number in range(config.require_int("count")):
    Party(
        provider,
        f"party-{number}",
        {
            "client_name": f"party {number}",
            "redirect_uris": [f"https://party-{number}.example.com/callback"],
            "release": config.require("release"),
            "client_id": None,
            "client_secret": None,
        },
        pulumi.ResourceOptions(additional_secret_outputs=["client_secret"]),
    )
