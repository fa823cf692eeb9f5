"""The examples, as a user runs them."""
