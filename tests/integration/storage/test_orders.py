"""The driver of orders: it plays each of them once, and nobody goes on who stands behind a lock."""

from __future__ import annotations

from math import comb
from typing import Any

import pytest

from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.orders import Act, Pair, Scene, assert_every_order_holds, orders_of


def saying(*words: str) -> Act:
    async def act(connection: Connection) -> None:
        for word in words:
            await connection.fetch(f"select '{word}'")

    return act


async def nothing_to_check(said: dict[str, Any]) -> None:
    assert [each for each in said.values() if each is not None] == []


async def orders_played(connect: Connect, acts: dict[str, Act]) -> list[str]:
    async def set_up(n: int) -> Scene:
        return Scene(acts, nothing_to_check)

    return ["; ".join(each.order) async for each in (await orders_of(connect)).played(set_up)]


async def test_two_actors_that_never_meet_go_in_every_order(connect: Connect) -> None:
    played = await orders_played(connect, {"a": saying("1", "2", "3"), "b": saying("4", "5")})
    assert len(played) == len(set(played)) == comb(5, 2)


async def test_three_actors_that_never_meet_go_in_every_order(connect: Connect) -> None:
    played = await orders_played(connect, {"a": saying("1", "2"), "b": saying("3"), "c": saying("4")})
    assert len(played) == len(set(played)) == 12


async def test_who_stands_behind_a_lock_goes_on_when_it_is_free(connect: Connect) -> None:
    def locking() -> Act:
        async def act(connection: Connection) -> None:
            async with connection.transaction():
                await connection.execute("lock table easyflow.queues")

        return act

    played = await orders_played(connect, {"a": locking(), "b": locking()})
    lock, commit = "lock table easyflow.queues", "commit"
    assert sorted(played) == sorted(
        [
            f"{one}: {lock}; {one}: {commit}; {other}: {lock}; {other}: {commit}"
            for one, other in (("a", "b"), ("b", "a"))
        ]
        + [
            f"{one}: {lock}; {other}: {lock}; {one}: {commit}; {other}: {commit}"
            for one, other in (("a", "b"), ("b", "a"))
        ]
    )


async def test_the_order_that_breaks_an_invariant_is_told(connect: Connect) -> None:
    async def set_up(home: Connection, n: int) -> Scene:
        async def check(said: dict[str, Any]) -> None:
            assert n != 1, "the second order is wrong"

        return Scene({"a": saying("1"), "b": saying("2")}, check)

    with pytest.raises(AssertionError, match=r"1\. b: select '2'\n  2\. a: select '1'\n  => the second order is wrong"):
        await assert_every_order_holds(connect, Pair("a x b", set_up, lambda home: pytest.fail("not asked for")))
