"""Work that is stored together with the rows it is about."""

from __future__ import annotations

from pydantic import BaseModel
from sqlalchemy import BigInteger, Boolean, Column, MetaData, Table, Text, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from easyflow import Context, NewJob, enqueue, task

metadata = MetaData()
orders = Table(
    "orders",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False, default=False),
)


class OrderId(BaseModel):
    """Which order."""

    order_id: int


@task("orders.confirm", effects="transactional")
async def confirm(ctx: Context, payload: OrderId) -> None:
    """Confirm an order; the update commits together with the end of the job."""
    await ctx.session.execute(update(orders).where(orders.c.id == payload.order_id).values(confirmed=True))


async def place_order(session: AsyncSession, customer: str) -> int:
    """Store an order and the job that confirms it: both commit with the session, or neither does."""
    stored = await session.execute(insert(orders).values(customer=customer).returning(orders.c.id))
    order_id: int = stored.scalar_one()
    await enqueue(NewJob(task="orders.confirm", payload={"order_id": order_id}), session=session)
    return order_id
