"""Runs of workflows: whatever changes one is decided and written behind the lock of its row."""
