"""The one door in: every job, from API, command line or user code, is checked and stored here."""
