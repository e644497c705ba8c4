"""The edge: requests and responses, form and query parsing, limits, CORS, the HTTP server."""
