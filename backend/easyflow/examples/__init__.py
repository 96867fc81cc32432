"""User code that runs, and that the guide quotes."""
