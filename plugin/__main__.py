"""The native plugin, as Pulumi starts one from a folder."""

from pulumi_rekey.native.__main__ import main

main()
