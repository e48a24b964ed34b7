"""The composition root: builds everything, HTTP API, event feed, command line."""
