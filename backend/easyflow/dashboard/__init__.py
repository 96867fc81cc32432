"""The dashboard's server: the built pages, and the API behind the same origin."""
