"""Every order in which the statements of two or three actors can follow each other, on a real PostgreSQL.

Actors run the product's own functions over a connection that stops before each statement and each commit. Who goes on
is decided there, one order after the other, until each was tried: an actor that stands behind another one's lock has
no say until it is free.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from easyflow.storage.sql import Connection
from tests.support.mutations import mutated

DEADLINE_SECONDS = 10.0
POLL_SECONDS = 0.001
MOST_ORDERS = 1_000
# What is only written down: it meets nothing that another actor does.
ASIDE = frozenset({"record_event", "record_audit", "record_run_event"})

Act = Callable[[Connection], Awaitable[Any]]


@dataclass
class Scene:
    """One set-up: what each actor is about to do, by its name, and what must hold afterwards.

    `check` is given what each actor returned, or the exception it raised.
    """

    acts: dict[str, Act]
    check: Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Played:
    """One order: the statements as they were allowed to begin, and what did not hold afterwards."""

    order: list[str]
    broken: str | None = None
    choices: list[tuple[tuple[int, ...], int]] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the order, a line for each statement, and what was broken by it."""
        return "\n".join([*(f"{n:3}. {line}" for n, line in enumerate(self.order, 1)), f"  => {self.broken}"])


class Stepped:
    """A connection that waits for its turn before each statement, each commit and each rollback."""

    def __init__(self, connection: Connection, turn: Callable[[str], Awaitable[None]]) -> None:
        self._connection = connection
        self._turn = turn

    def __getattr__(self, name: str) -> Any:
        """Whatever else a connection can do needs no turn."""
        return getattr(self._connection, name)

    async def fetch(self, text: str, *arguments: Any) -> Any:
        """Run a statement in its turn."""
        await self._turn(_name(text))
        return await self._connection.fetch(text, *arguments)

    async def fetchrow(self, text: str, *arguments: Any) -> Any:
        """Run a statement in its turn."""
        await self._turn(_name(text))
        return await self._connection.fetchrow(text, *arguments)

    async def execute(self, text: str, *arguments: Any) -> Any:
        """Run a statement in its turn."""
        await self._turn(_name(text))
        return await self._connection.execute(text, *arguments)

    async def turn(self, what: str) -> None:
        """Wait for a turn before something that is done `at_once`."""
        await self._turn(what)

    @property
    def at_once(self) -> Connection:
        """The connection itself, for what needs no turn."""
        return self._connection

    def transaction(self) -> Any:
        """Begin without waiting: BEGIN sees nothing and holds nothing. The end waits for its turn."""
        return _SteppedTransaction(self._connection.transaction(), self._turn)


class _SteppedTransaction:
    def __init__(self, transaction: Any, turn: Callable[[str], Awaitable[None]]) -> None:
        self._transaction = transaction
        self._turn = turn

    async def start(self) -> None:
        await self._transaction.start()

    async def commit(self) -> None:
        await self._turn("commit")
        await self._transaction.commit()

    async def rollback(self) -> None:
        await self._turn("rollback")
        await self._transaction.rollback()

    async def __aenter__(self) -> None:
        await self.start()

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        await (self.rollback() if kind else self.commit())


class Orders:
    """Two or three held connections, one more that watches them, and every order of what they are given to do."""

    def __init__(self, watcher: Connection, connections: Sequence[Connection]) -> None:
        self._watcher = watcher
        self._connections = connections

    async def played(self, set_up: Callable[[int], Awaitable[Scene]]) -> AsyncIterator[Played]:
        """Play every order, each on a set-up of its own (`set_up` is given its number); fails beyond a thousand."""
        prefix: list[int] = []
        for number in range(MOST_ORDERS):
            one = await _Play(self._watcher, self._connections, prefix).run(await set_up(number))
            yield one
            following = _next(one.choices)
            if following is None:
                return
            prefix = following
        raise AssertionError(f"more than {MOST_ORDERS} orders")


def _next(choices: list[tuple[tuple[int, ...], int]]) -> list[int] | None:
    """The choices that lead to the next order, depth first; None when this was the last."""
    while choices and choices[-1][1] == choices[-1][0][-1]:
        choices = choices[:-1]
    if not choices:
        return None
    might, chosen = choices[-1]
    return [*(each for _, each in choices[:-1]), might[might.index(chosen) + 1]]


class _Actor:
    """One act on its way: waiting for its turn, in a statement, behind a lock, or over."""

    def __init__(self, name: str, connection: Connection, act: Act) -> None:
        self.name = name
        self.pid = connection.get_server_pid()
        self.waits_for: str | None = None
        self._granted = asyncio.Event()
        stepped = cast("Connection", Stepped(connection, self._turn))
        self.task = asyncio.ensure_future(act(stepped))

    async def _turn(self, what: str) -> None:
        if what in ASIDE:
            return
        self.waits_for = what
        await self._granted.wait()
        self._granted.clear()

    def go(self) -> str:
        """Give it its turn; returns what it does with it."""
        what, self.waits_for = self.waits_for, None
        self._granted.set()
        return f"{self.name}: {what}"

    @property
    def outcome(self) -> Any:
        """What it returned, or raised."""
        return self.task.exception() or self.task.result()


class _Play:
    def __init__(self, watcher: Connection, connections: Sequence[Connection], prefix: list[int]) -> None:
        self._watcher = watcher
        self._connections = connections
        self._prefix = prefix
        self._played = Played([])

    async def run(self, scene: Scene) -> Played:
        """Play to the end and check."""
        actors = [_Actor(*each) for each in zip(scene.acts, self._connections, scene.acts.values(), strict=False)]
        assert len(actors) == len(scene.acts) <= len(self._connections)
        async with _ended(actors):
            while not all(actor.task.done() for actor in actors):
                await self._until_still(actors)
                might = tuple(n for n, actor in enumerate(actors) if actor.waits_for)
                if might:
                    self._played.order.append(actors[self._choose(might)].go())
        try:
            await scene.check({actor.name: actor.outcome for actor in actors})
        except AssertionError as failed:
            self._played.broken = str(failed) or "an invariant"
        return self._played

    def _choose(self, might: tuple[int, ...]) -> int:
        if len(might) == 1:
            return might[0]
        number = len(self._played.choices)
        chosen = self._prefix[number] if number < len(self._prefix) else might[0]
        assert chosen in might, f"this order cannot be repeated: {self._played.order}"
        self._played.choices.append((might, chosen))
        return chosen

    async def _until_still(self, actors: list[_Actor]) -> None:
        """Wait until each actor waits for its turn, is over, or stands behind a lock of another; one of them may go."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            busy = [actor for actor in actors if not actor.waits_for and not actor.task.done()]
            blocked = [actor for actor in busy if await self._stands_behind(actor, actors)]
            # Two that block each other are still, but a deadlock is found: one of them will be free.
            if len(blocked) == len(busy) and (len(busy) < len(actors) or not busy) and self._same(busy):
                return
            assert time.monotonic() < deadline, f"neither finished nor blocked: {[actor.name for actor in busy]}"
            await asyncio.wait([actor.task for actor in busy], timeout=POLL_SECONDS)

    def _same(self, busy: list[_Actor]) -> bool:
        """Whether what was busy before the watcher looked is so still."""
        return all(not actor.waits_for and not actor.task.done() for actor in busy)

    async def _stands_behind(self, actor: _Actor, actors: list[_Actor]) -> bool:
        others = [each.pid for each in actors if each is not actor]
        asked = "select pg_blocking_pids($1) && $2::integer[]"
        return bool(await self._watcher.fetchval(asked, actor.pid, others))


@asynccontextmanager
async def _ended(actors: list[_Actor]) -> AsyncIterator[None]:
    """Leave no act behind, whatever happens."""
    try:
        yield
    finally:
        for actor in actors:
            actor.task.cancel()
        await asyncio.gather(*(actor.task for actor in actors), return_exceptions=True)


def _name(text: str) -> str:
    """The name of one of EasyFlow's statements; the statement itself when a test made it."""
    first = text.lstrip().splitlines()[0]
    return first.removeprefix("-- ")[:60]


@dataclass(frozen=True)
class Pair:
    """Acts that meet, and the guard that keeps them apart, as a context in which it is missing."""

    name: str
    set_up: Callable[[Connection, int], Awaitable[Scene]]
    unguarded: Callable[[Connection], AbstractAsyncContextManager[None]]


def unguarded_by(*broken: tuple[str, str, str]) -> Callable[[Connection], AbstractAsyncContextManager[None]]:
    """A context in which parts of statements are missing: (statement, part, what stands in its place)."""

    @asynccontextmanager
    async def without(home: Connection) -> AsyncIterator[None]:
        with ExitStack() as stack:
            for name, part, instead in broken:
                stack.enter_context(mutated(name, (part, instead)))
            yield

    return without


async def orders_of(connect: Callable[[], Awaitable[Connection]]) -> Orders:
    """Connections for three actors, and one that watches them; a deadlock among them is found in 50 ms."""
    watcher, *actors = [await connect() for _ in range(4)]
    for each in actors:
        await each.execute("set deadlock_timeout = '50ms'")
    return Orders(watcher, actors)


async def assert_every_order_holds(connect: Callable[[], Awaitable[Connection]], pair: Pair) -> None:
    """Fail with the first order in which the invariant of a pair does not hold; tells how many there were."""
    orders, home, number = await orders_of(connect), await connect(), 0
    async for each in orders.played(partial(pair.set_up, home)):
        assert each.broken is None, str(each)
        number += 1
    sys.stdout.write(f"{pair.name}: holds in all of {number} orders\n")
    assert number > 1, "nothing met"


async def assert_some_order_breaks(connect: Callable[[], Awaitable[Connection]], pair: Pair) -> None:
    """Fail when the invariant of a pair holds in every order although its guard is missing; tells which breaks it."""
    orders, home, number = await orders_of(connect), await connect(), 0
    async with pair.unguarded(home):
        async for each in orders.played(partial(pair.set_up, home)):
            number += 1
            if each.broken is not None:
                sys.stdout.write(f"{pair.name}: order {number} breaks it\n{each}\n")
                return
    raise AssertionError(f"{pair.name} does not need its guard: it held in all of {number} orders")
