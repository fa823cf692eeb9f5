"""The rotation policy: what a user says of it, and what it decides. Pure: no clock, no chance and no I/O."""
