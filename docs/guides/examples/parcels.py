"""A task that says by itself how its attempt ended."""

from __future__ import annotations

from pydantic import BaseModel

from easyflow import Context, Fail, Retry, RetryPolicy, Snooze, task

# Stands for the carrier's own system.
PLACES = {"A1": "delivered", "B2": "on the road", "C3": "office closed"}


class Parcel(BaseModel):
    """Which parcel."""

    number: str


@task("parcels.follow", effects="pure", retry=RetryPolicy(max_attempts=3, first_seconds=0.1), timeout="10s")
async def follow(ctx: Context, payload: Parcel) -> str:
    """Follow a parcel until it is delivered."""
    place = PLACES.get(payload.number)
    if place is None:
        raise Fail(f"nobody knows the parcel {payload.number}", code="unknown_parcel")
    if place == "on the road":
        raise Snooze(after=3600)
    if place == "office closed":
        raise Retry("the office does not answer", after=0.2)
    return place
