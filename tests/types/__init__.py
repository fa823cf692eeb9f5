"""Programs that type checkers read and nobody runs: `make lint` has mypy and pyright judge them.

A line that must be refused is ignored, by the name of the error; an ignore that nothing needs is an error itself.
"""
