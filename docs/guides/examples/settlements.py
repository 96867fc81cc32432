"""A workflow: the claims of a file are checked in batches, somebody approves, and what is paid can be taken back."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from easyflow import Context, DidNotHappen, Workflow, task

# Stands for the bank: what it was told, by our key.
BOOKED: dict[str, int] = {}


class File(BaseModel):
    """What arrived: `account,cents` in each line."""

    lines: list[str]


class Claim(BaseModel):
    """One claim, in cents."""

    account: str
    amount: int


class Batch(BaseModel):
    """Some claims at once."""

    items: list[Claim]


class Payment(BaseModel):
    """What to pay for the whole file, in cents."""

    amount: int


@task("settlements.parse", effects="pure")
async def parse(ctx: Context, file: File) -> int:
    """Hand every claim over, and return how much they come to."""
    claims = [Claim(account=account, amount=int(cents)) for account, cents in (line.split(",") for line in file.lines)]
    await ctx.emit(claims)
    return sum(claim.amount for claim in claims)


@task("settlements.check", effects="pure")
async def check(ctx: Context, batch: Batch) -> None:
    """Check a batch; a claim that is wrong fails, and the others of its batch do not."""
    for position, claim in enumerate(batch.items):
        if claim.amount <= 0:
            ctx.fail_item(position, "the amount is not positive")


def book(amount: int, key: str) -> str:
    """Book once for each key."""
    if amount > 1_000_000:
        raise DidNotHappen("the bank books ten thousand at most")
    BOOKED.setdefault(key, amount)
    return key


@task("settlements.reserve", effects="keyed")
async def reserve(ctx: Context, payment: Payment) -> Any:
    """Set the money aside, under our key."""
    return await ctx.effect("reserve", lambda key: book(payment.amount, key))


@task("settlements.release", effects="keyed")
async def release(ctx: Context, payment: Payment) -> Any:
    """Let the money that was set aside go again."""
    return await ctx.effect("release", lambda key: book(-payment.amount, key))


@task("settlements.pay", effects="keyed")
async def pay(ctx: Context, payment: Payment) -> Any:
    """Pay what was set aside."""
    return await ctx.effect("pay", lambda key: book(payment.amount, key))


def settlement() -> Workflow:
    """Check every claim, set the money aside, ask the controller, and pay or let it go again."""
    w = Workflow("settlements.settle", input=File)
    parsed = w.step("parse", parse)
    checked = w.map("check", check, over=parsed, needs=[parsed], batch_size=100, tolerated_percent=2)
    amount = {"amount": parsed.result}
    reserved = w.step(
        "reserve", reserve, amount, needs=[checked], compensate_with={"task": "settlements.release", "input": amount}
    )
    asked = w.wait_for_signal("approve", needs=[reserved], timeout_seconds=86_400)
    w.fail("refuse", "the controller refused", needs=[asked], when=~asked.result.approved)
    w.step("pay", pay, amount, needs=[asked], when=asked.result.approved)
    w.output({"paid": parsed.result, "checked": checked.result.total})
    return w


settle = settlement()
