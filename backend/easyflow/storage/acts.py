"""Acts on one object: the caller's key, the act, its audit row and its answer are one transaction, done once."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import asyncpg

from easyflow.domain import document
from easyflow.errors import Busy, KeyReused
from easyflow.storage.admission import Key, admit
from easyflow.storage.certainty import Lend, certainly
from easyflow.storage.database import afterwards, committed
from easyflow.storage.notifications import notify_control
from easyflow.storage.sql import Connection, statement

KIND = "act"
LONGEST_WAIT = "2s"


@dataclass(frozen=True, slots=True)
class Act:
    """What is asked: `word` on the object with this id, and `said`, the rest of the request as JSON values.

    The same `key` stands for the same three, whoever sends them; without one every request is an act of its own.
    """

    word: str
    object_id: str
    said: Any
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an act answers, word for word also when it is asked again: a status, and a body as JSON text.

    Once it is committed, `keys` may let other jobs go on, and with `control` workers are told at once. `replayed`: it
    was done before, under the same key.
    """

    status: int
    body: str
    keys: frozenset[Key] = frozenset()
    control: bool = False
    replayed: bool = False


Write = Callable[[Connection], Awaitable[Answer]]


async def carry_out(lend: Lend, act: Act, write: Write) -> Answer:
    """Do what `write` does in an open transaction, once for each key, and keep its answer; returns when committed.

    The same key and act again get the answer that was kept. Raises KeyReused for another act under this key; Busy when
    the first one, or whoever else holds the object, is not done within two seconds; CommitUnknown when nobody can tell
    whether it was committed; and what `write` raises: then nothing is stored, and the key is free.
    """
    token = act.key or uuid4().hex
    digest = document.digest([act.word, act.object_id, act.said])
    tried = False

    async def attempt(connection: Connection) -> Answer:
        nonlocal tried
        asked_before, tried = tried, True
        async with waiting_briefly(), committed(connection):
            await connection.execute(f"set local lock_timeout = '{LONGEST_WAIT}'")
            answer = await _taken(connection, token, digest)
            if answer is not None:
                return replace(answer, replayed=not asked_before)
            answer = await write(connection)
            await statement("keep_answer").fetch(connection, kind=KIND, key=token, answer=_written(answer))
        async with afterwards(connection):
            if answer.keys:
                await admit(connection, answer.keys)
            if answer.control:
                await notify_control(connection)
        return answer

    async def read_back(connection: Connection) -> Answer | None:
        kept = await _kept(connection, token, digest)
        return kept and replace(kept, replayed=False)

    return await certainly(lend, attempt, read_back)


async def _taken(connection: Connection, token: str, digest: bytes) -> Answer | None:
    """Take the key; returns the answer that is kept under it when it was taken before. Waits for who takes it now."""
    try:
        new = await statement("take_batch_key").fetchrow(connection, kind=KIND, key=token, digest=digest, object_ids=[])
    except asyncpg.LockNotAvailableError as held:
        raise Busy from held
    if new is not None:
        return None
    kept = await _kept(connection, token, digest)
    if kept is None:
        raise Busy("the idempotency key expired this very moment; repeat the request")
    return kept


async def _kept(connection: Connection, token: str, digest: bytes) -> Answer | None:
    row = await statement("read_answer").fetchrow(connection, kind=KIND, key=token)
    if row is None:
        return None
    if row["digest"] != digest:
        raise KeyReused("this idempotency key was used before for another act")
    told = json.loads(row["answer"])
    return Answer(told["status"], told["body"], replayed=True)


def _written(answer: Answer) -> str:
    # The body as text inside the JSON: it is given again as it was, with every digit and in its order.
    return json.dumps({"status": answer.status, "body": answer.body})


class waiting_briefly:
    """Turn the lock timeout of the transaction into Busy."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, asyncpg.LockNotAvailableError):
            raise Busy("somebody else holds this object at the moment; repeat the request shortly") from error
