"""Effects outside the database: a bank that honours keys, and one that can be asked."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from easyflow import Context, DidNotHappen, Happened, Unknown, task
from easyflow.context import Effect

# Stands for the bank: what it was told, by our key.
BOOKED: dict[str, int] = {}


class Payment(BaseModel):
    """What to pay, in cents."""

    account: str
    amount: int


class Receipt(BaseModel):
    """The bank's word."""

    number: int


def transfer(payment: Payment, key: str) -> Receipt:
    """Pay once for each key."""
    if payment.amount <= 0:
        raise DidNotHappen("the bank takes positive amounts only")
    BOOKED.setdefault(key, payment.amount)
    return Receipt(number=len(BOOKED))


@task("payments.pay", effects="keyed", key_window="24h", timeout="30s")
async def pay(ctx: Context, payload: Payment) -> Receipt:
    """Pay at a bank that honours our key for a day."""
    receipt: Receipt = await ctx.effect("transfer", lambda key: transfer(payload, key), returns=Receipt)
    ctx.log.info("paid", number=receipt.number)
    return receipt


async def ask(ctx: Context, effect: Effect) -> Any:
    """Say what became of a transfer whose answer never came."""
    if not BOOKED:
        return Unknown("the bank is closed")
    return Happened({"number": 1}) if effect.key in BOOKED else DidNotHappen("no such transfer")


@task("payments.pay_by_wire", effects="queryable", reconcile=ask)
async def pay_by_wire(ctx: Context, payload: Payment) -> Receipt:
    """Pay at a bank that knows no keys, but answers questions."""
    receipt: Receipt = await ctx.effect("transfer", lambda key: transfer(payload, key), returns=Receipt)
    return receipt
