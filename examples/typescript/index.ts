// A portal that signs its users in with VMware Cloud Director, and an application that calls APIs on ROMA Connect.

import * as pulumi from "@pulumi/pulumi";
import * as rekey from "pulumi-rekey";

const config = new pulumi.Config();
const rotation = { triggers: { rotate: config.get("rotate") ?? "never" } };

const portal = new rekey.OidcRelyingParty("portal", {
    client_name: config.get("clientName") ?? "Customer portal",
    redirect_uris: ["https://portal.example.com/callback", "https://portal.example.com/silent"],
    rotation,
});

// Saved before it is sent, so that a run that dies in between sends the same one again.
const secret = new rekey.GeneratedSecret("secret", { vendor: "roma", rotation });
const orders = new rekey.AppSecret("orders", {
    instance_id: config.require("instanceId"),
    app_id: config.require("appId"),
    secret: secret.secret,
});

export const clientId = portal.client_id;
export const clientSecret = portal.client_secret;
export const rotationReason = portal.rotation_reason;
export const ordersSecret = orders.secret;
