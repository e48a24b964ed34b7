"""Trunks: whether they can be reached, and our registration with those that want one."""
