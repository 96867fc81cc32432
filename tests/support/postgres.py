"""A real PostgreSQL for the tests: one server, a template migrated once, a fresh copy of it for each test."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal, cast

import asyncpg

from easyflow.local.postgres import LocalPostgres

TEMPLATE = "easyflow_template"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own with mode 0700 is made in it
ROOM_BYTES = 4 * 1024**3
# A commit still survives the death of the server, only no longer that of the machine. Crash tests want it durable.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "1min",
    "max_connections": "200",
}


@contextmanager
def scratch_folder(fallback: Path) -> Iterator[Path]:
    """A folder in memory where there is room for one (a copy of the template then takes 10 ms), else `fallback`."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield fallback
        return
    for abandoned in MEMORY.glob("easyflow-tests-*"):
        _remove_unless_used(abandoned)
    folder = Path(tempfile.mkdtemp(prefix="easyflow-tests-", dir=MEMORY))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_unless_used(folder: Path) -> None:
    """Remove what a killed test run left in memory; a server in use holds the lock of its folder."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # in use, being made just now, or another user's


@contextmanager
def running_server(
    home: Path, *, durable: bool = False, changes: Mapping[str, str] | None = None
) -> Iterator[LocalPostgres]:
    """A server of its own in `home`, stopped at the end; EASYFLOW_TEST_POSTGRES=system takes Debian's instead."""
    prefer = os.environ.get("EASYFLOW_TEST_POSTGRES", "embedded")
    server = LocalPostgres(
        home,
        prefer=cast(Literal["embedded", "system"], prefer),
        changes={**({} if durable else FAST), **(changes or {})},
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def make_template(server: LocalPostgres) -> None:
    """Create the migrated database that `fresh_database` copies; once per server."""
    admin = await asyncpg.connect(server.url("postgres"))
    try:
        await admin.execute(f"create database {TEMPLATE}")
    finally:
        await admin.close()
    migrate(server.url(TEMPLATE))


def migrate(url: str) -> None:
    """Bring a database to the newest migration, as a deployment does; raises with alembic's words when it cannot."""
    # A process of its own: alembic's environment runs an event loop, and so do the tests.
    upgrade = f"from easyflow.storage.migrations import migrate; migrate({url!r})"
    done = subprocess.run([sys.executable, "-c", upgrade], check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"the migrations failed:\n{done.stdout}{done.stderr}")


@asynccontextmanager
async def fresh_database(
    admin: asyncpg.Connection, server: LocalPostgres, template: str = TEMPLATE
) -> AsyncIterator[str]:
    """The address of a new copy of the template; dropped at the end, whoever is still connected."""
    name = f"test_{uuid.uuid4().hex}"
    # Copying files needs a checkpoint, which costs little without fsync; logging the copy costs more.
    await admin.execute(f"create database {name} template {template} strategy file_copy")
    try:
        yield server.url(name)
    finally:
        await admin.execute(f"drop database {name} with (force)")
