"""Calls, their legs, and what may be done with them."""
