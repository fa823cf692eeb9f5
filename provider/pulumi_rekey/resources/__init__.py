"""One file a resource: its inputs, its state and its verbs, in the vendor's words."""
