"""The clients of the soak: they submit at two APIs, ask again after lost answers, and write down what they heard."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from easyflow.client import AsyncClient, Refused, Unavailable
from tests.soak.orders import Order, draw, poison
from tests.support.client_history import ClientHistory

T = TypeVar("T")

MOST_OPEN = 150
TRY_SECONDS, PATIENCE_SECONDS, LAST_TRY_SECONDS = 4.0, 6.0, 60.0
# All of them together; each costs its worker a dozen processes.
POISON_EVERY_SECONDS = 12.0


@dataclass(slots=True, eq=False)
class Traffic:
    """What all clients share: how much work is open, when to stop, and what they saw the API do."""

    open_jobs: int = 0
    over: bool = False
    seen: Counter[str] = field(default_factory=Counter)
    poisoned_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True, eq=False)
class Person:
    """One client of both APIs, with a chance and a history of its own."""

    name: str
    chance: Random
    apis: list[AsyncClient]
    history: ClientHistory
    traffic: Traffic
    made: int = 0
    known: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def either(self) -> AsyncClient:
        """One of the APIs."""
        return self.chance.choice(self.apis)

    async def heard(self, act: str, doing: Coroutine[Any, Any, T], **about: Any) -> T | None:
        """Do one thing and write down how it ended; None when it was refused, or nobody knows."""
        with self.history.asking(act, **about) as asking:
            try:
                answer = await doing
            except Refused as refused:
                self.traffic.seen[f"{act} answered {refused.status}"] += 1
                if not refused.unsure:
                    asking.fail(refused.status)
            except Unavailable as away:
                self.traffic.seen[f"{act} not answered"] += 1
                if not away.unsure:
                    asking.fail()
            else:
                asking.ok(answer.id if act == "submit" else None)  # type: ignore[attr-defined]
                return answer
        return None

    async def submit_for_ever(self) -> None:
        """Submit one job after the other, some twice at once, some with a wrong body too, and cancel some."""
        while not self.traffic.over:
            await asyncio.sleep(self.chance.uniform(0.02, 0.35))
            if self.traffic.open_jobs > MOST_OPEN:
                continue
            self.made += 1
            key = f"{self.name}-{self.made}"
            order = draw(self.chance, key)
            if time.monotonic() - self.traffic.poisoned_at > POISON_EVERY_SECONDS:
                self.traffic.poisoned_at, order = time.monotonic(), poison(self.chance, key)
            await self._place(order)
            if self.chance.random() < 0.04 and self.known:
                job = self.chance.choice(self.known)
                await self.heard("cancel", self.either().cancel(job, reason="no more"), job=job)

    async def _place(self, order: Order) -> None:
        """Submit until there is an answer; with luck at both APIs at once, and once more with another body."""
        if self.chance.random() < 0.05:
            await asyncio.gather(*(self._submit(order, api) for api in self.apis))
        give_up = time.monotonic() + LAST_TRY_SECONDS
        stored: str | None = None
        while stored is None and time.monotonic() < give_up:
            stored = await self._submit(order, self.either())
            if stored is None:
                await asyncio.sleep(self.chance.uniform(0.1, 0.5))
        if stored is None:
            return
        self.known.append(stored)
        if self.chance.random() < 0.03:
            await self._submit(Order(order.task, {**order.payload, "seconds": 0.5}, order.options), self.either())

    async def _submit(self, order: Order, api: AsyncClient) -> str | None:
        body = {"task": order.task, "payload": order.payload, **order.options}
        asked = api.submit(order.task, order.payload, **order.options)
        stored = await self.heard("submit", asked, key=order.options["idempotency_key"], body=body)
        if stored is not None and stored.existing:
            self.traffic.seen["submit answered again"] += 1
        return None if stored is None else stored.id


@asynccontextmanager
async def people(
    names: list[str], seed: int, urls: list[str], histories: dict[str, ClientHistory], traffic: Traffic
) -> AsyncIterator[list[Person]]:
    """Clients of these APIs, each drawing from the seed by its name."""
    async with AsyncExitStack() as kept:
        apis = [
            await kept.enter_async_context(
                AsyncClient(url, timeout_seconds=TRY_SECONDS, patience_seconds=PATIENCE_SECONDS)
            )
            for url in urls
        ]
        yield [Person(name, Random(f"{seed}:{name}"), apis, histories[name], traffic) for name in names]
