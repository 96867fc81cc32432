"""One running development stack over stand-ins for its programs, looked at from outside."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from easyflow.local.ports import free_port
from tests.support import stand_in
from tests.support.waiting import within


class Stack:
    """One running `dev`, with what it wrote."""

    def __init__(self, folder: Path, port: int, *words: str, **environment: str) -> None:
        self.folder = folder
        self.port = port
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")}
        self.process = subprocess.Popen(
            [sys.executable, stand_in.__file__, "dev", str(folder), str(port), *words],
            env={**kept, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._written: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def written(self) -> str:
        """Everything it wrote so far, its children and its last sentence included."""
        return "".join(self._written)

    def wait_for(self, words: str, seconds: float = 20) -> None:
        """Return once these words were written."""
        within(seconds, lambda: words in self.written, lambda: f"{words!r} in:\n{self.written}")

    def wait_for_end(self, seconds: float = 20) -> int:
        """Return its exit code."""
        within(seconds, lambda: self.process.poll() is not None, lambda: self.written)
        self._reader.join(5)
        return self.process.returncode

    def answer(self, words: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def child(self, command: str) -> int:
        """The process id of one of its children."""
        shown = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], check=True, capture_output=True, text=True).stdout
        for pid, parent, arguments in (line.split(None, 2) for line in shown.splitlines()):
            if int(parent) == self.process.pid and command in arguments:
                return int(pid)
        raise AssertionError(f"no {command} in:\n{shown}")

    def is_up(self, host: str = "127.0.0.1") -> bool:
        """Whether its API answers."""
        return status(self.port, "/readyz", host) == 200

    def end(self) -> None:
        """Stop it whatever its state, and read what is left."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        assert self.process.stdin is not None
        self.process.stdin.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as written:
            self._written.extend(iter(written.readline, ""))


@contextmanager
def stack(folder: Path, *words: str, port: int | None = None, **environment: str) -> Iterator[Stack]:
    """Start a stack in `folder`; it is ended afterwards."""
    started = Stack(folder, port or free_port(), *words, **environment)
    try:
        yield started
    finally:
        started.end()


def data_of(folder: Path) -> Path:
    """Where the local database of a working folder is."""
    return folder / ".easyflow" / "postgres" / "data"


def status(port: int, path: str, host: str = "127.0.0.1") -> int | None:
    """How a GET is answered; None when nobody answers."""
    answered = fetch(port, path, host)
    return None if answered is None else answered[0]


def fetch(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str] | None:
    """Status and body of a GET; None when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
