"""What the tasks do to the demo's tables, each in the transaction of the session it is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession

from easyflow.examples.mainframe.posting import AccountState, Charge, Posted, Rejected, decide
from easyflow.examples.mainframe.records import Account, CardXref
from easyflow.examples.mainframe.schema import accounts, cards, postings


class Entry(Charge, Protocol):
    """A transaction with the identity that keeps it from being booked twice."""

    @property
    def transaction_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Booking:
    """A booked transaction; `already` says that an earlier job had booked it."""

    account_id: int
    amount: Decimal
    balance: Decimal
    already: bool


async def load(session: AsyncSession, account_records: Iterable[Account], card_records: Iterable[CardXref]) -> None:
    """Put in the accounts and cards that are not there yet; those that are keep what was booked on them."""
    account_rows = [
        {
            "id": account.id,
            "credit_limit": account.credit_limit,
            "cash_limit": account.cash_limit,
            "expires_on": account.expires_on,
            "balance": account.balance,
            "cycle_credit": account.cycle_credit,
            "cycle_debit": account.cycle_debit,
        }
        for account in account_records
    ]
    card_rows = [{"card_number": card.card_number, "account_id": card.account_id} for card in card_records]
    await session.execute(insert_or_skip(accounts).values(account_rows).on_conflict_do_nothing())
    await session.execute(insert_or_skip(cards).values(card_rows).on_conflict_do_nothing())


async def post(session: AsyncSession, entry: Entry, *, job_id: UUID, overdraft_approved: bool) -> Booking | Rejected:
    """Book one transaction, or say why not; the account stays locked until the transaction ends.

    A transaction that is already booked is not booked again, whoever asks: the answer is the first booking.
    """
    account_id = await session.scalar(select(cards.c.account_id).where(cards.c.card_number == entry.card_number))
    account = None if account_id is None else await _locked(session, account_id)
    # Read under the lock: whoever booked this transaction before has committed by now.
    earlier = (await session.execute(select(postings).where(postings.c.transaction_id == entry.transaction_id))).first()
    if earlier is not None and account is not None:
        return Booking(earlier.account_id, earlier.amount, account.balance, already=True)
    decision = decide(entry, account_id=account_id, account=account, overdraft_approved=overdraft_approved)
    if isinstance(decision, Rejected):
        return decision
    await _book(session, entry, decision, job_id)
    return Booking(decision.account.id, entry.amount, decision.account.balance, already=False)


async def _locked(session: AsyncSession, account_id: int) -> AccountState | None:
    columns = (
        accounts.c.id,
        accounts.c.credit_limit,
        accounts.c.expires_on,
        accounts.c.balance,
        accounts.c.cycle_credit,
        accounts.c.cycle_debit,
    )
    row = (await session.execute(select(*columns).where(accounts.c.id == account_id).with_for_update())).first()
    return None if row is None else AccountState(*row)


async def _book(session: AsyncSession, entry: Entry, decision: Posted, job_id: UUID) -> None:
    after = decision.account
    await session.execute(
        update(accounts)
        .where(accounts.c.id == after.id)
        .values(balance=after.balance, cycle_credit=after.cycle_credit, cycle_debit=after.cycle_debit)
    )
    await session.execute(
        insert(postings).values(
            transaction_id=entry.transaction_id, account_id=after.id, amount=entry.amount, job_id=job_id
        )
    )
