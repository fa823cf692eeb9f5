"""The native plugin: the same answers as the dynamic provider's, over the engine's own protocol."""
