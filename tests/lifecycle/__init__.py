"""A credential's lifecycle on the real engine: one harness, and a case for each resource."""
