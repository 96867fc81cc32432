"""The loops that run jobs: a supervisor that never runs user code, and executors that do."""
