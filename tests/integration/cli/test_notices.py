"""What an operator does on the command line is told to who looks on."""

from __future__ import annotations

from easyflow.storage.notifications import CHANGED
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.integration.cli.conftest import Easyflow
from tests.support.factories import FAILED, run_through, submit, ticket
from tests.support.waiting import until


async def test_every_act_names_what_it_changed(easyflow: Easyflow, database: Connection, connect: Connect) -> None:
    letters = [await run_through(database, FAILED) for _ in range(2)]
    [later] = await submit(database, ticket(delay_seconds=600.0))
    heard: list[str] = []
    await (await connect()).add_listener(CHANGED, lambda *told: heard.append(str(told[3])))
    for words, topics in (
        (("submit", "demo.echo", '{"message": "hello"}'), "jobs"),
        (("jobs", "run-now", str(later)), "jobs"),
        (("jobs", "cancel", str(later)), "jobs"),
        (("queues", "pause", "letters"), "queues"),
        (("dlq", "replay", str(letters[0]), "--reason", "fixed", "--yes"), "dead-letters,jobs"),
        (("dlq", "discard", str(letters[1]), "--reason", "old", "--yes"), "dead-letters,jobs"),
    ):
        called = await easyflow(*words)
        assert called.code == 0, called

        async def told() -> bool:
            return bool(heard)

        await until(10, told, lambda: " ".join(words))  # noqa: B023 - it is called before the next turn
        assert heard == [topics], words
        heard.clear()
