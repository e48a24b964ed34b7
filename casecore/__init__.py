"""Records, and the only SQL."""
