"""The soak's own parts: what it draws, that no fault is left out, and that it sees what must not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from uuid_utils.compat import uuid7

from tests.conftest import Connect
from tests.soak import nemesis as nemesis_module
from tests.soak.mischief import CLOCKS, DATABASE_CLOCK
from tests.soak.nemesis import Blow, Nemesis, read_blows
from tests.soak.orders import TASKS, draw
from tests.soak.recovery import waits
from tests.soak.report import PASSED, lines
from tests.soak.run import Soaked
from tests.soak.stage import POISON, Stage
from tests.soak.verdict import judge
from tests.support.checker import Histories
from tests.support.client_history import Request
from tests.support.database_history import Attempt, DatabaseHistory, Effect, Job, Ticket
from tests.support.project import ROOT
from tests.support.recorder import Recorded

UNSAFE = Job("j", 1.0, "lab.unsafe", "unsafe", 20, "ada-1")
DONE = Ticket("j", 9.0, "finished", "SUCCEEDED", 2, 0, "default")
FIRST = Attempt("j", 1, "lost", 2.0, 4.0, 2.0)
SECOND = Attempt("j", 2, "succeeded", 5.5, 9.0, 5.6)
HAPPENED = Effect("j", 1, 2.5, 2, 1, "happened", "unsafe", "lab", "j.1.x", 8.0, "operator")
ONCE = Recorded(1, 3.0, "j.1.x", 1, "j", "lab", 1, "performed", 1, False)
ASKED = Request("ada", 1, "submit", 0.5, "ada-1", "{}", "j", "ok", None, 0.9)
DATABASE = DatabaseHistory(
    jobs={"j": UNSAFE},
    attempts={"j": [FIRST, SECOND]},
    effects={"j": [HAPPENED]},
    tickets={"j": [DONE]},
    keys={"ada-1": "j"},
)
ATTEMPT = """
    insert into easyflow.attempts (job_id, lease_no, executor_id, outcome, claimed_at, finished_at)
    values ($1, $2, $3, $4, to_timestamp($5), to_timestamp($5))
"""
JOB = """
    insert into easyflow.jobs (id, created_at, run_at, priority, task, queue, payload)
    values ($1, now(), now(), 0, 'lab.pure', $2, '{}')
"""
RIGHT = Histories([ASKED], DATABASE, [ONCE], {})


def of(seed: int) -> list[Any]:
    chance = Random(seed)
    return [draw(chance, f"k{n}") for n in range(400)]


def test_what_is_asked_for_depends_on_the_seed_alone_and_is_of_every_kind() -> None:
    assert of(7) == of(7)
    assert of(7) != of(8)
    assert {order.task for order in of(7)} == set(TASKS)
    assert all(
        any(word in {**order.payload, **order.options} for order in of(7))
        for word in ("drop", "refuse", "failures", "concurrency_key", "ordering_key", "delay_seconds", "max_attempts")
    )


@pytest.fixture
def struck(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Kinds of fault that only count, one of which never finds a target, in place of the true ones."""
    counted: Counter[str] = Counter()

    def kind(name: str, target: str | None) -> Any:
        async def strike(stage: Stage, chance: Random) -> str | None:
            counted[name] += 1
            return target

        return strike

    kinds = {"a": kind("a", "x"), "b": kind("b", "x"), "never": kind("never", None), **dict.fromkeys(CLOCKS)}
    monkeypatch.setattr(nemesis_module, "ALL", kinds)
    monkeypatch.setattr(nemesis_module, "ZOMBIES", ("a",))
    monkeypatch.setattr(nemesis_module, "PAUSES", (0.0, 0.001))
    return counted


async def test_every_kind_of_fault_strikes_though_the_time_is_over_and_none_is_left_out_silently(
    struck: Counter[str], tmp_path: Path
) -> None:
    nemesis = Nemesis(cast(Stage, SimpleNamespace(can_step=False)), Random(1), tmp_path / "faults.jsonl")
    await nemesis.strike_for(0.0)
    assert struck["a"]
    assert struck["b"]
    assert struck["never"] == nemesis_module.FRUITLESS
    assert nemesis.missing() == ["never"]
    assert all("not installed" in nemesis.skipped()[clock] for clock in CLOCKS)
    assert [blow.fault for blow in read_blows(tmp_path / "faults.jsonl")].count("a") == struck["a"]


def test_what_is_right_is_found_right_and_counted() -> None:
    found = judge(RIGHT, [], Counter())
    assert found.breaches == []
    assert found.jobs["unsafe"] == {"SUCCEEDED": 1}
    assert (found.effects["unsafe"], found.duplicates["unsafe"]) == (1, 0)
    assert found.submits["acknowledged"] == 1


def test_an_effect_that_happened_twice_is_a_breach_whatever_an_operator_said() -> None:
    twice = judge(replace(RIGHT, recorder=[ONCE, replace(ONCE, seq=2, lease=2, fence=2)]), [], Counter())
    assert twice.duplicates["unsafe"] == 1
    assert any("happened 2 times" in breach for breach in twice.breaches)


def test_a_success_without_its_effect_and_an_acknowledged_job_that_is_gone_are_breaches() -> None:
    idle = judge(replace(RIGHT, recorder=[]), [], Counter())
    assert any("never happened" in breach for breach in idle.breaches)
    gone = judge(Histories([ASKED]), [], Counter())
    assert gone.submits["lost"] == 1
    assert any("acknowledged" in breach for breach in gone.breaches)


def test_a_doubt_counts_as_false_when_its_effect_had_not_happened() -> None:
    doubted = replace(DATABASE, attempts={"j": [replace(FIRST, outcome="in_doubt", at=2.9), SECOND]})
    assert judge(replace(RIGHT, database=doubted), [], Counter()).doubts["had not happened"] == 1
    later = replace(DATABASE, attempts={"j": [replace(FIRST, outcome="in_doubt"), SECOND]})
    assert judge(replace(RIGHT, database=later), [], Counter()).doubts["happened"] == 1


def test_the_logs_of_workers_are_counted_by_their_events(tmp_path: Path) -> None:
    log = tmp_path / "worker-1.log"
    log.write_text('{"event": "job.finish_rejected"}\nSegmentation fault\n{"event": "claim.handed_back"}\n')
    found = judge(RIGHT, [log], Counter({"settle answered 409": 3}))
    assert found.sometimes["stale finishes rejected"] == 1
    assert found.sometimes["claims nobody heard of, handed back"] == 1
    assert found.sometimes["second settlers refused (409)"] == 3


def test_a_report_says_what_struck_what_was_skipped_and_what_came_of_it() -> None:
    blows = [Blow(3.5, "kill an executor", "executor 1", 0.0), Blow(4.5, "kill an API", None, 0.0)]
    soaked = Soaked(
        7, 60.0, "a machine", 1.0, judge(RIGHT, [], Counter()), blows, dict.fromkeys(CLOCKS, "no clock"), 1.5
    )
    told = "\n".join(lines(ROOT, soaked))
    assert PASSED in told
    for line in (
        "| kill an executor | 1 |",
        "| kill an API | 0 |",
        "| step the database's clock | skipped: no clock |",
    ):
        assert line in told
    assert "seed 7" in told
    assert "| unsafe | 1 | 1 | 0 | 0 | 0 | 1 | 0 |" in told


async def test_a_killed_executors_jobs_are_followed_to_their_next_claim(connect: Connect) -> None:
    database = await connect()
    executor, other, job, poisonous = uuid7(), uuid7(), uuid7(), uuid7()
    told = ((1, executor, "lost", 100.0), (2, other, "lost", 103.0), (3, other, "succeeded", 105.0))
    for job_id, queue in ((job, "default"), (poisonous, POISON)):
        await database.execute(JOB, job_id, queue)
        for lease_no, whose, outcome, at in told:
            await database.execute(ATTEMPT, job_id, lease_no, whose, outcome, at)
    kill = Blow(101.0, "kill an executor", f"executor {executor} (pid 7)", 0.0)
    assert await waits(database, [kill]) == {"kill an executor": [2.0], "kill a supervisor": []}
    stepped = [kill, Blow(115.0, DATABASE_CLOCK, "PostgreSQL: +5 s and back", 4.0)]
    assert await waits(database, stepped) == {"kill an executor": [], "kill a supervisor": []}
