"""The tasks that every worker has, whatever else it loads."""
