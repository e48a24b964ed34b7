"""The native media engine; only the media package imports it."""
