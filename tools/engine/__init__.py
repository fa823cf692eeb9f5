"""The Pulumi engine, where none is installed."""
