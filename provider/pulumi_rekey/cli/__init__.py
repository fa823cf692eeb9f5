"""The `rekey` command."""
