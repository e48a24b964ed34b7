"""The HTTP API: models, problems, OpenAPI, resources."""
