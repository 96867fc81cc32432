"""What the night came to, and how it compares with the figures it must come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from easyflow.examples.mainframe.posting import OVER_LIMIT
from easyflow.examples.mainframe.records import Transaction
from easyflow.examples.mainframe.schema import SCHEMA, accounts, postings

# What the three files hold, and what the batch program makes of them.
TRANSACTIONS = 300
PURCHASES = Decimal("129200.83")
RETURNS = Decimal("-24399.29")
OPENING_BALANCES = Decimal("12269.00")
REJECTED = 38
REJECTED_AMOUNT = Decimal("26846.84")


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts and sums over the demo's tables."""

    posted: int
    posted_amount: Decimal
    balances: Decimal
    cycle_credit: Decimal
    cycle_debit: Decimal


@dataclass(frozen=True, slots=True)
class Rejection:
    """One transaction that waits as a dead letter: why, and how much."""

    transaction_id: str
    code: str
    amount: Decimal


async def read_summary(database: AsyncSession | AsyncConnection) -> Summary | None:
    """Read the sums in one statement, so of one moment; None when the demo has never been started."""
    read = await _read(database, day=())
    return None if read is None else read[0]


async def read_totals(
    database: AsyncSession | AsyncConnection, day: Collection[Transaction]
) -> tuple[Summary, list[Transaction]] | None:
    """Read the sums and which transactions of the day are not posted, of one moment; None like `read_summary`.

    While the night runs, those that still wait for their turn are among the ones not posted.
    """
    read = await _read(database, day)
    if read is None:
        return None
    summary, posted = read
    return summary, [transaction for transaction in day if transaction.id not in posted]


def verify(summary: Summary, rejected: Iterable[Rejection]) -> list[str]:
    """Compare a finished night with the verified results; empty when everything is exact.

    `rejected` are the open dead letters: 38 after the first pass, fewer as overdrafts are approved, none in the end.
    Each deviation is one sentence.
    """
    left = list(rejected)
    left_amount = sum((rejection.amount for rejection in left), Decimal(0))
    posted_amount = PURCHASES + RETURNS - left_amount
    figures: list[tuple[str, int | Decimal, int | Decimal]] = [
        ("transactions posted", summary.posted, TRANSACTIONS - len(left)),
        ("amount posted", summary.posted_amount, posted_amount),
        ("sum of balances", summary.balances, OPENING_BALANCES + posted_amount),
        ("cycle credit", summary.cycle_credit, PURCHASES - left_amount),
        ("cycle debit", summary.cycle_debit, RETURNS),
    ]
    wrong = [f"{name}: {found} instead of {expected}" for name, found, expected in figures if found != expected]
    return [*_wrong_rejections(left, left_amount), *wrong]


_NOTHING = Decimal("0.00")
_SUMMED = (accounts.c.balance, accounts.c.cycle_credit, accounts.c.cycle_debit)


async def _read(
    database: AsyncSession | AsyncConnection, day: Collection[Transaction]
) -> tuple[Summary, set[str]] | None:
    """The sums, and which transactions of the day are posted."""
    if (await database.execute(select(func.to_regclass(f"{SCHEMA}.postings")))).scalar() is None:
        return None
    of_the_day = postings.c.transaction_id.in_([transaction.id for transaction in day])
    booked = select(
        func.count(),
        func.coalesce(func.sum(postings.c.amount), _NOTHING),
        func.array_agg(postings.c.transaction_id).filter(of_the_day).label("posted"),
    ).subquery()
    held = select(*[func.coalesce(func.sum(column), _NOTHING) for column in _SUMMED]).subquery()
    row = (await database.execute(select(booked, held).join_from(booked, held, true()))).one()
    count, amount, posted, *sums = row
    return Summary(count, amount, *sums), set(posted or ())


def _wrong_rejections(rejected: Sequence[Rejection], amount: Decimal) -> list[str]:
    wrong = [
        f"transaction {rejection.transaction_id} was rejected for reason {rejection.code} instead of {OVER_LIMIT}"
        for rejection in rejected
        if rejection.code != OVER_LIMIT
    ]
    if len({rejection.transaction_id for rejection in rejected}) != len(rejected):
        wrong.append("a transaction was rejected more than once")
    if len(rejected) > REJECTED:
        wrong.append(f"transactions rejected: {len(rejected)} instead of at most {REJECTED}")
    if len(rejected) == REJECTED and amount != REJECTED_AMOUNT:
        wrong.append(f"amount rejected: {amount} instead of {REJECTED_AMOUNT}")
    return wrong
