"""Manifests: what is read, what is refused and how, and what becomes of it on the real engine."""
