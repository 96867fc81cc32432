"""The guard in its parts: a supervisor's watch, an executor's comparison, and the file that outlives both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from easyflow.domain.states import Effects
from easyflow.domain.timeline import Kept
from easyflow.engine.state_folder import StateFolder
from easyflow.engine.timeline import ConnectionGuard, Watch
from easyflow.local.postgres import LocalPostgres
from easyflow.registry import TaskType, load
from easyflow.storage import timeline
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.postgres import fresh_database
from tests.support.waiting import until

ALL = ["pay.keyed", "pay.remembered", "pay.unsafe"]
UNGUARDED = ["pay.keyed"]
Worker = Callable[[], Watch]


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """Call it for the watch of one more worker on this machine; each beats at every turn."""
    return lambda: Watch(uuid4(), StateFolder(tmp_path / "state"), 0.0, lambda *topics: None)


@pytest.fixture
def tasks() -> list[TaskType]:
    """Payments of three classes."""
    known = load(["tests.support.paying_tasks"])
    return [known[name] for name in ALL]


async def kept_of(connection: Connection) -> Kept:
    kept = (await timeline.look(connection)).kept
    assert kept is not None
    return kept


async def release(connection: Connection) -> None:
    """Say that nothing was lost."""
    async with committed(connection):
        await timeline.release(
            connection, seen_version=(await kept_of(connection)).version, lost=None, actor="ann", reason="planned"
        )
    assert await timeline.review(connection) == "watching"


async def heard_by(watch: Watch, tasks: list[TaskType]) -> ConnectionGuard:
    guard = ConnectionGuard(uuid4(), tasks)
    guard.hear(watch.message())
    return guard


async def test_no_guarded_task_is_claimed_before_the_supervisor_has_looked(
    connect: Connect, worker: Worker, tasks: list[TaskType]
) -> None:
    connection = await connect()
    watch = worker()
    guard = await heard_by(watch, tasks)
    assert await guard.allowed(connection) == UNGUARDED
    assert await watch.turn(connection)
    guard.hear(watch.message())
    assert await guard.allowed(connection) == ALL


async def test_each_new_connection_is_compared_once_and_a_claim_over_it_asks_nothing_more(
    connect: Connect, worker: Worker, tasks: list[TaskType]
) -> None:
    connection = await connect()
    watch = worker()
    await watch.turn(connection)
    guard = await heard_by(watch, tasks)
    asked: list[str] = []
    connection.add_query_logger(lambda said: asked.append(said.query))
    for _ in range(100):
        assert await guard.allowed(connection) == ALL
    await connection.fetchval("select 1")  # loggers are called a moment later
    looks = [query for query in asked if query != "select 1"]
    assert [query.splitlines()[0] for query in looks] == ["-- read_timeline"]
    await connection.execute("update easyflow.timeline set timeline_id = 7")
    assert await guard.allowed(connection) == ALL
    another = await connect()
    assert await guard.allowed(another) == UNGUARDED
    kept = await kept_of(another)
    assert kept.state == "tripped"
    assert "the timeline is 1, it was 7" in (await timeline.describe(another))["differences"][0]
    assert await watch.turn(connection)
    guard.hear(watch.message())
    assert await guard.allowed(connection) == UNGUARDED


async def test_an_executor_hears_of_a_release_and_claims_everything_again(
    connect: Connect, worker: Worker, tasks: list[TaskType]
) -> None:
    connection = await connect()
    watch = worker()
    await watch.turn(connection)
    guard = await heard_by(watch, tasks)
    await connection.execute("update easyflow.timeline set database_oid = 7")
    await watch.turn(connection)
    guard.hear(watch.message())
    assert await guard.allowed(connection) == UNGUARDED
    await release(connection)
    assert await watch.turn(connection)
    guard.hear(watch.message())

    async def everything() -> bool:
        return await guard.allowed(connection) == ALL

    await until(5, everything)
    assert (await kept_of(connection)).state == "watching"


async def test_what_a_worker_remembers_is_compared_too(connect: Connect, worker: Worker, tasks: list[TaskType]) -> None:
    connection = await connect()
    watch = worker()
    await watch.turn(connection)
    told = watch.message()
    guard = ConnectionGuard(uuid4(), tasks)
    guard.hear({**told, "timeline": {**told["timeline"], "counter": told["timeline"]["counter"] + 2**40}})
    assert await guard.allowed(connection) == UNGUARDED
    assert (await kept_of(connection)).state == "tripped"


@pytest.mark.parametrize(
    "step_back",
    [
        "update easyflow.timeline_witnesses set beats = beats - 1",
        "delete from easyflow.timeline_witnesses",
        "update easyflow.timeline set epoch = 0",
        "update easyflow.timeline set lineage = gen_random_uuid()",
    ],
)
async def test_a_live_worker_misses_what_it_was_told(connect: Connect, worker: Worker, step_back: str) -> None:
    connection = await connect()
    watch = worker()
    for _ in range(3):
        await watch.turn(connection)
    assert (await kept_of(connection)).state == "watching"
    await connection.execute(step_back)
    with capture_logs() as said:
        await watch.turn(connection)
        await watch.turn(connection)
    assert [each["log_level"] for each in said if each["event"] == "timeline.tripped"] == ["error"]
    tripped = await kept_of(connection)
    assert tripped.state == "tripped"
    for _ in range(3):
        await watch.turn(connection)
    assert await kept_of(connection) == tripped, "it is written down once"
    await release(connection)
    with capture_logs() as said:
        for _ in range(3):
            await watch.turn(connection)
    assert [each["event"] for each in said] == ["timeline.released"]
    assert not watch.message()["paused"]
    assert (await kept_of(connection)).state == "watching"


async def test_a_worker_that_begins_misses_what_the_last_one_on_this_machine_was_told(
    connect: Connect, worker: Worker
) -> None:
    connection = await connect()
    await worker().turn(connection)
    await worker().turn(connection)
    assert (await kept_of(connection)).state == "watching"
    await connection.execute("delete from easyflow.timeline_witnesses")
    watch = worker()
    await watch.turn(connection)
    assert watch.message()["paused"]
    assert (await kept_of(connection)).state == "tripped"


async def test_a_file_that_is_older_than_the_marks_are_kept_misses_none(
    connect: Connect, worker: Worker, tmp_path: Path
) -> None:
    connection = await connect()
    await worker().turn(connection)
    (file,) = (tmp_path / "state").iterdir()
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "written_at": said["written_at"] - 61 * 86_400}))
    await connection.execute("delete from easyflow.timeline_witnesses")
    watch = worker()
    await watch.turn(connection)
    assert not watch.message()["paused"]


async def test_a_copy_of_a_database_on_the_same_server_is_not_the_database(
    database_admin: asyncpg.Connection, postgres_server: LocalPostgres, database_url: str, worker: Worker
) -> None:
    original = await asyncpg.connect(database_url)
    await worker().turn(original)
    await original.close()
    async with fresh_database(database_admin, postgres_server, template=database_url.rpartition("/")[2]) as url:
        copy = await asyncpg.connect(url)
        stranger = Watch(uuid4(), StateFolder(Path("/nonexistent")), 60.0, lambda *topics: None)
        await stranger.turn(copy)
        assert stranger.message()["paused"]
        assert "it was made anew" in (await timeline.describe(copy))["differences"][0]
        await copy.close()


async def test_a_folder_that_cannot_be_used_is_told_once_and_the_worker_goes_on(
    connect: Connect, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    watch = Watch(uuid4(), StateFolder(blocked / "state"), 0.0, lambda *topics: None)
    connection = await connect()
    with capture_logs() as said:
        for _ in range(3):
            await watch.turn(connection)
    assert [each["event"] for each in said] == ["state_folder.unusable"]
    assert not watch.message()["paused"]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"written_at": 0, "lineage": "x"}'])
def test_a_file_that_says_nothing_useful_is_no_memory(tmp_path: Path, content: str) -> None:
    (tmp_path / f"timeline-{UUID(int=1)}.json").write_text(content)
    with capture_logs() as said:
        assert StateFolder(tmp_path).read(UUID(int=1)) is None
    assert [each["event"] for each in said] == ["state_folder.unusable"]


async def test_an_older_word_does_not_replace_a_newer_one(connect: Connect, worker: Worker, tmp_path: Path) -> None:
    connection = await connect()
    watch = worker()
    await watch.turn(connection)
    (file,) = (tmp_path / "state").iterdir()
    newer = {**json.loads(file.read_text()), "counter": 2**60}
    file.write_text(json.dumps(newer))
    await watch.turn(connection)
    assert json.loads(file.read_text()) == newer
    assert [each.name for each in file.parent.iterdir()] == [file.name]


async def test_a_role_that_may_not_read_the_identifier_works_and_says_so_once(connect: Connect, worker: Worker) -> None:
    connection = await connect()
    name = f"weak_{uuid4().hex[:8]}"
    await connection.execute("revoke execute on function pg_control_system() from public")
    await connection.execute(f"create role {name}; grant usage on schema easyflow to {name}")
    await connection.execute(f"grant select, insert, update on all tables in schema easyflow to {name}")
    weak = await connect()
    await weak.execute(f"set role {name}")
    watch = worker()
    with capture_logs() as said:
        for _ in range(3):
            await watch.turn(weak)
    assert [each["event"] for each in said] == ["timeline.blind"]
    assert (await timeline.describe(weak))["blind"]
    assert not watch.message()["paused"]
    await weak.execute("reset role")
    await connection.execute("update easyflow.timeline set timeline_id = 7")
    await weak.execute(f"set role {name}")
    for _ in range(3):
        await watch.turn(weak)
    tripped = await kept_of(weak)
    assert (tripped.state, tripped.version) == ("tripped", 2)
    await weak.execute("reset role")
    await connection.execute(f"drop owned by {name}; drop role {name}")


def test_every_class_of_effects_is_either_guarded_or_not(tasks: list[TaskType]) -> None:
    guarded: dict[str, Any] = {task.name: (task.effects, task.key_window_seconds) for task in tasks}
    assert guarded == {
        "pay.keyed": (Effects.KEYED, None),
        "pay.remembered": (Effects.KEYED, 3600.0),
        "pay.unsafe": (Effects.UNSAFE, None),
    }
