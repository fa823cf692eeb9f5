"""The credentials in credentials/."""

import pulumi_rekey as rekey

rekey.load("credentials")
