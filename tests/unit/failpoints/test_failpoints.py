"""Failpoints strike whom, where and how often they are told to, write it down first, and are nothing unasked."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow import failpoints
from easyflow.errors import Misconfigured
from easyflow.failpoints import InjectedFault, Point, exchange, reach
from easyflow.settings import Settings
from tests.support.faults import Faults, faults

ENDLESS = 1000.0


@dataclass
class Ending:
    """An ending as the finisher has it: it does not say which task it was."""

    job_id: UUID


class Line:
    """A connection that only knows whether it was cut."""

    cut = False

    def terminate(self) -> None:
        self.cut = True


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.disarm()


def arm(folder: Path, *rules: str) -> Faults:
    """Order faults for this very process."""
    ordered = faults(folder, *rules)
    failpoints.arm(Settings(**ordered.settings))
    return ordered


def row(job_id: UUID | None = None, task: str = "a.task") -> dict[str, Any]:
    return {"job_id": job_id or uuid4(), "task": task}


async def struck(point: Point, *jobs: object) -> bool:
    """Whether a rule that says `raise` meant this."""
    try:
        await reach(point, jobs)
    except InjectedFault:
        return True
    return False


async def test_nothing_strikes_where_nobody_asked(tmp_path: Path) -> None:
    ordered = faults(tmp_path)
    failpoints.arm(Settings(failpoints_folder=ordered.folder))
    for point in Point:
        await reach(point, (row(),))
    answered = asyncio.sleep(0, "answer")
    assert exchange(Point.P1, Point.P2, answered) is answered
    assert await answered == "answer"
    assert ordered.strikes() == []


def test_production_mode_refuses_failpoints(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="EASYFLOW_FAILPOINTS is set in production mode"):
        failpoints.arm(Settings(failpoints="P0:note", failpoints_folder=tmp_path))


def test_without_a_folder_no_fault_could_be_proven() -> None:
    with pytest.raises(Misconfigured, match="EASYFLOW_FAILPOINTS_FOLDER"):
        failpoints.arm(Settings(mode="development", failpoints="P0:note"))


@pytest.mark.parametrize("command", [["worker"], ["api"]])
def test_a_process_in_production_mode_does_not_start_with_failpoints(command: list[str]) -> None:
    known = {"EASYFLOW_FAILPOINTS": "P5:kill", "EASYFLOW_DATABASE_URL": "postgresql://localhost:1/none"}
    done = subprocess.run(
        [sys.executable, "-m", "easyflow.cli.main", *command],
        env={**os.environ, **known},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert "EASYFLOW_FAILPOINTS is set in production mode" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    ["P13:kill", "P1", "P1:explode", "P1:kill@0", "P1:kill/twice", "P1:kill=3", "P1:delay", "P3:drop", "P1:kill@x"],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_text(wrong: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        failpoints.parse(f"P5:kill@3, {wrong}")
    assert repr(wrong) in refused.value.message


async def test_only_the_named_point_strikes_and_it_has_a_name_to_read(tmp_path: Path) -> None:
    arm(tmp_path, "P4:raise")
    assert [point for point in Point if await struck(point)] == [Point.P4]
    with pytest.raises(InjectedFault, match="P4 intent committed, call not made"):
        await reach(Point.P4)


async def test_the_third_hit_is_the_third(tmp_path: Path) -> None:
    arm(tmp_path, "P5:raise@3")
    assert [await struck(Point.P5) for _ in range(5)] == [False, False, True, False, False]


async def test_a_fault_for_one_job_counts_and_strikes_that_job_only(tmp_path: Path) -> None:
    meant, other = uuid4(), uuid4()
    arm(tmp_path, f"P3:raise@2/job={meant}")
    jobs = [other, meant, other, meant, meant]
    assert [await struck(Point.P3, row(job_id)) for job_id in jobs] == [False, False, False, True, False]


async def test_a_fault_for_a_task_strikes_its_jobs_also_where_only_their_id_is_known(tmp_path: Path) -> None:
    arm(tmp_path, "P8:raise/task=payments.charge")
    charge, other = uuid4(), uuid4()
    assert not await struck(Point.P3, row(charge, "payments.charge"))
    assert not await struck(Point.P3, row(other, "payments.refund"))
    assert not await struck(Point.P8, Ending(other))
    assert await struck(Point.P8, Ending(other), Ending(charge))


async def test_once_is_once_over_all_processes(tmp_path: Path) -> None:
    arm(tmp_path, "P3:raise/once")
    assert [await struck(Point.P3) for _ in range(3)] == [True, False, False]
    failpoints.disarm()
    arm(tmp_path, "P3:raise/once")
    assert not await struck(Point.P3)


async def test_a_fault_waits_for_the_file_that_lets_it_loose(tmp_path: Path) -> None:
    ordered = arm(tmp_path, "P0:raise@2/after=begun")
    assert not await struck(Point.P0)
    (ordered.folder / "begun").touch()
    assert [await struck(Point.P0) for _ in range(3)] == [False, True, False]


async def test_each_fault_is_written_down_with_what_was_at_stake(tmp_path: Path) -> None:
    first, second = uuid4(), uuid4()
    ordered = arm(tmp_path, "P8:note", "P8:raise@2")
    await reach(Point.P8, [Ending(first), Ending(second)])
    assert await struck(Point.P8, Ending(first))
    assert [(each.point, each.action, each.hit, each.jobs) for each in ordered.strikes()] == [
        ("P8", "note", 1, (first, second)),
        ("P8", "note", 2, (first,)),
        ("P8", "raise", 2, (first,)),
    ]
    assert ordered.strikes(Point.P8)[0].pid == os.getpid()
    assert ordered.strikes(Point.P1) == []


async def test_a_delay_holds_up_only_who_awaits(tmp_path: Path) -> None:
    arm(tmp_path, f"P4:delay={ENDLESS}")
    waiting = asyncio.create_task(reach(Point.P4))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    began = time.monotonic()
    failpoints.disarm()
    arm(tmp_path, "P4:delay=0.05")
    await reach(Point.P4)
    assert time.monotonic() - began >= 0.05


async def test_drop_cuts_the_connection_it_is_handed(tmp_path: Path) -> None:
    arm(tmp_path, "P8:drop@1")
    line = Line()
    await reach(Point.P8, (), line)
    assert line.cut
    failpoints.disarm()
    arm(tmp_path, "P8:drop")
    with pytest.raises(InjectedFault, match="no connection to drop"):
        await reach(Point.P8)


async def test_what_was_committed_stays_unheard_when_the_connection_is_dropped_behind_it(tmp_path: Path) -> None:
    arm(tmp_path, "P10:drop")
    line, committed = Line(), asyncio.Event()

    async def commit() -> str:
        committed.set()
        return "done"

    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await exchange(Point.P9, Point.P10, commit(), line)
    assert committed.is_set()
    assert line.cut


async def test_a_statement_has_begun_and_is_not_answered_when_it_is_struck_in_flight(tmp_path: Path) -> None:
    arm(tmp_path, "P1:drop")
    line, answer = Line(), asyncio.Event()
    told: list[str] = []

    async def talk() -> None:
        told.append(f"sent, line cut: {line.cut}")
        await answer.wait()
        told.append(f"answered, line cut: {line.cut}")
        raise ConnectionResetError

    asking = asyncio.create_task(exchange(Point.P1, Point.P2, talk(), line))
    for _ in range(5):
        await asyncio.sleep(0)
    assert line.cut
    answer.set()
    with pytest.raises(ConnectionResetError):
        await asking
    assert told == ["sent, line cut: False", "answered, line cut: True"]


async def test_a_fault_raised_in_flight_is_heard_only_when_the_statement_is_over(tmp_path: Path) -> None:
    arm(tmp_path, "P9:raise")
    answer = asyncio.Event()
    asking = asyncio.create_task(exchange(Point.P9, Point.P10, answer.wait()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not asking.done()
    answer.set()
    with pytest.raises(InjectedFault):
        await asking


async def test_behind_an_exchange_the_jobs_are_those_of_its_answer(tmp_path: Path) -> None:
    meant = uuid4()
    arm(tmp_path, f"P2:raise/job={meant}")
    assert await exchange(Point.P1, Point.P2, asyncio.sleep(0, [row()]))
    with pytest.raises(InjectedFault):
        await exchange(Point.P1, Point.P2, asyncio.sleep(0, [row(), row(meant)]))


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_a_process_strikes_itself_behind_its_last_words(action: str, number: signal.Signals, tmp_path: Path) -> None:
    ordered = faults(tmp_path, f"P5:{action}@2")
    program = (
        "import asyncio; from easyflow import failpoints; from easyflow.settings import settings;"
        "failpoints.arm(settings()); reach = failpoints.reach(failpoints.Point.P5); asyncio.run(reach);"
        "print('once', flush=True); asyncio.run(failpoints.reach(failpoints.Point.P5)); print('twice', flush=True)"
    )
    known = {f"EASYFLOW_{name.upper()}": str(value) for name, value in ordered.settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, **known}, stdout=subprocess.PIPE, text=True
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert (os.WSTOPSIG(status) if os.WIFSTOPPED(status) else os.WTERMSIG(status)) == number
    assert [each.action for each in ordered.strikes()] == [action]
    if number == signal.SIGSTOP:
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=20)[0] == "once\ntwice\n"
    else:
        process.returncode = -number
        assert process.stdout is not None
        assert process.stdout.read() == "once\n"
        process.stdout.close()
