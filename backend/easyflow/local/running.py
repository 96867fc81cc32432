"""Joining a stack that runs already: what it tells other terminals, taken over by a program in the same folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from easyflow.local.folder import StackFolder

DATABASE = ("EASYFLOW_DATABASE_URL", "EASYFLOW_DATABASE_DIRECT_URL")


def join_running_stack(folder: Path) -> None:
    """Set in this process what the stack in `folder` shares, as `. .easyflow/environment` would; else do nothing.

    A database that the environment names already comes first, and so does every other variable that is set. A file
    that somebody else could have written is not read: its values decide which code a worker loads.
    """
    if any(os.environ.get(name) for name in DATABASE):
        return
    for name, value in _shared(StackFolder(folder).environment):
        os.environ.setdefault(name, value)


def _shared(file: Path) -> list[tuple[str, str]]:
    try:
        found = file.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            return []
        words = shlex.split(file.read_text())
    except (OSError, ValueError):
        return []
    pairs = [word.partition("=") for word in words]
    return [(name, value) for name, equals, value in pairs if equals and name.startswith("EASYFLOW_")]
