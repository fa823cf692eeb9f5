"""The engine's own cost: plain components with the inputs and outputs of the relying parties, secrets included."""

import pulumi


class Party(pulumi.ComponentResource):
    """A component, written as Pulumi's documentation writes them: so its state has a stack trace."""

    def __init__(self, name, inputs, outputs):
        super().__init__("bench:index:Party", name, inputs)
        self.register_outputs({**inputs, **outputs})


config = pulumi.Config()
release = config.require("release")
policy = {"triggers": {"release": release}, "max_age": "90d"}
for number in range(config.require_int("count")):
    Party(
        f"party-{number}",
        {
            "client_name": f"party {number}",
            "redirect_uris": [f"https://party-{number}.example.com/callback"],
            "rotation": policy,
        },
        {
            "rotation": {
                "key": pulumi.Output.secret(f"{number:0>22}"),
                "triggers": {"release": f"{release:.>16}"},
            },
            "relying_party_id": f"urn:vcloud:oidcRelyingParty:00000000-0000-0000-0000-{number:012}",
            "client_id": f"00000000-0000-0000-0000-{number:012}",
            "client_secret": pulumi.Output.secret(f"{release:.>24}{number:0>16}"),
            "generation": 1,
            "rotated_at": "2026-11-24T16:35:32Z",
            "next_rotation_at": "2027-02-22T16:35:32Z",
            "rotation_reason": f"release {release}",
            "address": "http://127.0.0.1:18181",
        },
    )
