"""Many stacks beside each other on shared backends: what they take, and that their locks hold."""
