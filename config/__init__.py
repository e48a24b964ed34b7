"""Typed settings, tenant identity, logging and the demo tenant; imports nothing of ours."""
