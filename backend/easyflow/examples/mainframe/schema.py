"""The demo's own tables, in the schema easyflow_demo of the same database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, DateTime, MetaData, Numeric, Table, Text, Uuid, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.schema import CreateSchema

SCHEMA = "easyflow_demo"

metadata = MetaData(schema=SCHEMA)

accounts = Table(
    "accounts",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("credit_limit", Numeric(12, 2), nullable=False),
    Column("cash_limit", Numeric(12, 2), nullable=False),
    Column("expires_on", Date, nullable=False),
    Column("balance", Numeric(12, 2), nullable=False),
    Column("cycle_credit", Numeric(12, 2), nullable=False),
    Column("cycle_debit", Numeric(12, 2), nullable=False),
)

# No foreign key: a card whose account is missing is one of the cases the rule decides.
cards = Table(
    "cards",
    metadata,
    Column("card_number", Text, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
)

postings = Table(
    "postings",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("amount", Numeric(11, 2), nullable=False),
    Column("posted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("job_id", Uuid, nullable=False),
)

# Any number that nobody else locks: the first eight letters of the schema's name.
_LOCK = int.from_bytes(b"easyflow") >> 1


async def create_all(session: AsyncSession) -> None:
    """Create the schema and its tables where they are missing, in the session's transaction; others wait for it."""
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    await session.execute(CreateSchema(SCHEMA, if_not_exists=True))
    connection = await session.connection()
    await connection.run_sync(metadata.create_all)
