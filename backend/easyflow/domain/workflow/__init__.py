"""Workflows as data: what a definition says, and what a run of it does next."""
