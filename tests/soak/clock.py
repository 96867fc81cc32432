"""A clock that can be stepped under a process while it runs, where libfaketime is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Under libfaketime 0.9.10 the sleep of Python's `time` fails: it asks for an absolute time of the monotonic clock.
_AWAKE = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)[3:] or None\n"
# Where Debian's package faketime has it.
_PLACES = "usr/lib/*/faketime/libfaketime.so.1"
NOT_INSTALLED = "not installed: libfaketime (on Debian: apt-get install faketime)"


def find_library(given: Path | None = None) -> Path | None:
    """Return the library, the given one if any; None when it is not installed."""
    return given or next(iter(sorted(Path("/").glob(_PLACES))), None)


class Clock:
    """The clock of whatever is started inside `worn()`; without the library it cannot be stepped."""

    def __init__(self, file: Path, library: Path | None) -> None:
        """Show the true time; `file` must be readable for those who wear it."""
        self._file = file
        self._library = library
        if library is not None:
            self.step(0)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Let what is started meanwhile read this clock; only the time of day is stepped, never the monotonic one."""
        if self._library is None:
            yield
            return
        ours = {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(self._file.with_name(f"{self._file.name}.python")),
        }
        Path(ours["PYTHONPATH"]).mkdir(exist_ok=True)
        Path(ours["PYTHONPATH"], "sitecustomize.py").write_text(_AWAKE)
        before = {name: os.environ.get(name) for name in ours}
        os.environ.update(ours)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def step(self, seconds: float) -> None:
        """Show this many seconds more than the true time, less if negative; seen within a second."""
        written = self._file.with_name(f"{self._file.name}.new")
        written.write_text(f"{seconds:+g}\n")
        written.chmod(0o644)
        written.replace(self._file)
