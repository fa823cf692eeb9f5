"""What a user's program imports: a constructor for each resource, the rotation policy, and `Pair`."""
