"""Recordings of vendors' systems, and of their pages."""
