"""How long Rekey takes, beside the floor that the engine itself sets."""
