"""The folder `.easyflow` of a checkout: what one development stack keeps, and the lock that makes it the only one."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from easyflow.local.errors import CannotStart
from easyflow.local.placement import remove_cluster

NAME = ".easyflow"


class StackFolder:
    """`.easyflow` under one working folder; mode 0700, ignored by git."""

    def __init__(self, working_folder: Path) -> None:
        self.path = working_folder.absolute() / NAME

    @property
    def postgres(self) -> Path:
        """The home of the local database."""
        return self.path / "postgres"

    @property
    def state(self) -> Path:
        """Where its workers keep what no restore of the database may take back."""
        return self.path / "state"

    @property
    def environment(self) -> Path:
        """A file for other terminals to read (`. .easyflow/environment`); there while the stack runs."""
        return self.path / "environment"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Own this folder; raises CannotStart, naming the process, while another stack does."""
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as wrong:
            raise CannotStart(f"the folder {self.path} cannot be used: {wrong.strerror}") from None
        with lock:
            self._own(lock)
            (self.path / ".gitignore").write_text("*\n")
            try:
                yield
            finally:
                self.environment.unlink(missing_ok=True)

    def write_environment(self, values: Mapping[str, str]) -> None:
        """Leave what another terminal needs; only its owner may read it, because it holds a password."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
        self.environment.unlink(missing_ok=True)
        self.environment.touch(mode=0o600)
        self.environment.write_text("".join(lines))

    def remove_contents(self) -> None:
        """Remove the local database and everything else in the folder; the caller holds the lock."""
        remove_cluster(self.postgres)
        for entry in self.path.iterdir():
            if entry.name in ("lock", ".gitignore"):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _own(self, lock: IO[str]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise CannotStart(
                f"another EasyFlow is running in this folder (process {owner}): stop it, or work in another folder"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
