"""The engine's own cost: plain components with the inputs and outputs of the relying parties, secrets included."""

import pulumi

config = pulumi.Config()
release = config.require("release")
policy = {"triggers": {"release": release}, "max_age": "90d"}
for number in range(config.require_int("count")):
    inputs = {
        "client_name": f"party {number}",
        "redirect_uris": [f"https://party-{number}.example.com/callback"],
        "rotation": policy,
    }
    party = pulumi.ComponentResource("bench:index:Party", f"party-{number}", inputs)
    party.register_outputs(
        {
            **inputs,
            "rotation": {"triggers": {"release": release}},
            "relying_party_id": f"urn:vcloud:oidcRelyingParty:00000000-0000-0000-0000-{number:012}",
            "client_id": f"00000000-0000-0000-0000-{number:012}",
            "client_secret": pulumi.Output.secret(f"{release:.>24}{number:0>16}"),
            "generation": 1,
            "rotated_at": "2026-11-24T16:35:32Z",
            "next_rotation_at": "2027-02-22T16:35:32Z",
            "rotation_reason": f"release {release}",
            "address": "http://127.0.0.1:18181",
        }
    )
