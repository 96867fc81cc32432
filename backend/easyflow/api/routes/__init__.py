"""One module for each kind of object the API serves."""
