"""Find out how a live system behaves wherever the vendor's pages are silent: `rekey probe`.

A module a vendor says which facts there are, what the pages say of each and what each answer means here, and makes the
calls that tell. What it makes bears a mark, by which `--clean` finds it after an interruption.
"""
