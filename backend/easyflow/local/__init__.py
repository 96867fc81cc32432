"""The development stack on one machine: PostgreSQL without an installation, the API and a worker."""
