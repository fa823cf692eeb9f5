"""The commands of `rekey`."""
