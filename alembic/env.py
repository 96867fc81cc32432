"""Run migrations against EASYFLOW_DATABASE_DIRECT_URL or EASYFLOW_DATABASE_URL; one runner wins, others wait."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from easyflow.settings import settings
from easyflow.storage.database import sqlalchemy_url

SCHEMA = "easyflow"
MIGRATION_LOCK = 7_305_811_120_424_001


def migrate(connection: Connection) -> None:
    """Take the migration lock for this transaction, then run what is missing."""
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    connection.execute(text(f"create schema if not exists {SCHEMA}"))
    context.configure(connection=connection, version_table_schema=SCHEMA, transactional_ddl=True)
    context.run_migrations()


async def run() -> None:
    """Open one connection and migrate in one transaction."""
    url = context.config.get_main_option("sqlalchemy.url") or settings().direct_url
    engine = create_async_engine(sqlalchemy_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


asyncio.run(run())
