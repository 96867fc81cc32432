"""Bringing the database to this release's schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from easyflow.errors import Misconfigured
from easyflow.storage.database import connect, sqlalchemy_url
from easyflow.storage.sql import Connection

_PLACES = (Path(__file__).parents[3] / "alembic", Path(__file__).parents[1] / "migrations")


def migrate(url: str) -> None:
    """Run every missing migration in one transaction; of several callers one does it and the others wait.

    Starts an event loop of its own: call it where none runs. Raises what the database raises; then nothing changed.
    """
    command.upgrade(alembic_config(url), "head")


def alembic_config(url: str) -> Config:
    """Return alembic's configuration for a database, wherever the migrations lie: checkout or wheel."""
    folder = next((place for place in _PLACES if (place / "env.py").is_file()), None)
    if folder is None:
        raise Misconfigured("the migrations are missing from this installation; install easyflow again")
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", sqlalchemy_url(url).replace("%", "%%"))
    return config


def wanted_revision() -> str:
    """Return the revision this release needs."""
    head = ScriptDirectory.from_config(alembic_config("postgresql://unused")).get_current_head()
    assert head is not None
    return head


async def present_revision(url: str) -> str | None:
    """Return the database's revision, None when it was never migrated; raises StorageUnavailable."""
    connection = await connect(url)
    try:
        return await read_revision(connection)
    finally:
        await connection.close()


async def read_revision(connection: Connection) -> str | None:
    """Return the revision of the database behind a connection, None when it was never migrated."""
    if await connection.fetchval("select to_regclass('easyflow.alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("select version_num from easyflow.alembic_version")
    return revision
