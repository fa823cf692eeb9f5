"""VMware's own client for Cloud Director, which knows nothing of Rekey."""
