"""Tools of this repository: the engine, the demonstration."""
