"""One harness of a credential's life on the real engine, and a case for each resource."""
