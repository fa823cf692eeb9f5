"""The four vendors' servers on one local port, written from the vendors' own pages.

Run it with `python -m pulumi_rekey.sandbox`. It keeps everything in memory, tells its credentials at
`GET /_sandbox/credentials`, and says no where the vendors do.
"""
