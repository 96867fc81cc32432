"""The rule of the nightly run: may this transaction be posted to this account, and what does that change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Protocol

CARD_UNKNOWN = "100"
ACCOUNT_UNKNOWN = "101"
OVER_LIMIT = "102"
EXPIRED = "103"


class Charge(Protocol):
    """What the rule needs to know of a transaction; a negative amount is a return."""

    @property
    def card_number(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def originated_on(self) -> date: ...


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account as far as posting reads and changes it; `cycle_debit` is zero or negative."""

    id: int
    credit_limit: Decimal
    expires_on: date
    balance: Decimal
    cycle_credit: Decimal
    cycle_debit: Decimal


@dataclass(frozen=True, slots=True)
class Posted:
    """The transaction is booked; `account` is the account afterwards."""

    account: AccountState


@dataclass(frozen=True, slots=True)
class Rejected:
    """The transaction is not booked; `code` as in the original program, `text` for the person who decides."""

    code: str
    text: str


def decide(
    charge: Charge, *, account_id: int | None, account: AccountState | None, overdraft_approved: bool = False
) -> Posted | Rejected:
    """Post or reject one transaction; `account_id` is what the card leads to, `account` what that id leads to.

    The checks and their order are the batch program's: where an account is both over its limit and expired, it
    reports the expiry. An approved overdraft lifts the limit and nothing else.
    """
    card = f"card ...{charge.card_number[-4:]}, amount {charge.amount}"
    if account_id is None:
        return Rejected(CARD_UNKNOWN, f"unknown card: {card}")
    if account is None:
        return Rejected(ACCOUNT_UNKNOWN, f"unknown account: {card}, account {account_id}")
    if account.expires_on < charge.originated_on:
        return Rejected(EXPIRED, f"account expired on {account.expires_on}: {card}, made on {charge.originated_on}")
    used = account.cycle_credit - account.cycle_debit
    if account.credit_limit < used + charge.amount and not overdraft_approved:
        return Rejected(OVER_LIMIT, f"over limit: {card}, limit {account.credit_limit}, used {used}")
    return Posted(_booked(account, charge.amount))


def _booked(account: AccountState, amount: Decimal) -> AccountState:
    if amount >= 0:
        return replace(account, balance=account.balance + amount, cycle_credit=account.cycle_credit + amount)
    return replace(account, balance=account.balance + amount, cycle_debit=account.cycle_debit + amount)
