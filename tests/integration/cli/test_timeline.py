"""`easyflow timeline`: what the guard says, and the words that release it."""

from __future__ import annotations

import pytest

from easyflow.cli.connection import actor
from easyflow.storage import timeline
from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow

TIMES = ("--lost-from", "2020-01-01T00:00:00Z", "--lost-until", "2020-01-01T01:00:00Z")


async def trip(database: Connection) -> None:
    """Trip the guard."""
    await timeline.adopt(database)
    kept = (await timeline.look(database)).kept
    assert kept is not None
    assert await timeline.trip(database, kept, actor="worker:1", said=["it went back"], epoch=1)


async def test_it_is_shown_what_differs_and_what_to_do(easyflow: Easyflow, database: Connection) -> None:
    assert "no worker has looked" in (await easyflow("timeline", "show")).out
    await timeline.adopt(database)
    assert "watching: every task is claimed" in (await easyflow("timeline", "show")).out
    await trip(database)
    shown = (await easyflow("timeline", "show")).out
    assert "tripped: unsafe jobs are paused: say what was lost with `easyflow timeline release`" in shown
    assert "difference 1   it went back" in shown
    assert (await easyflow("timeline", "show", "--json")).json["differences"] == ["it went back"]
    doctor = await easyflow("doctor")
    assert "FAIL  timeline" in doctor.out
    assert "it went back: run `easyflow timeline show`" in doctor.out


@pytest.mark.parametrize("words", [TIMES, ("--nothing-lost",)])
async def test_a_release_is_done_at_once_where_nothing_runs(
    easyflow: Easyflow, database: Connection, words: tuple[str, ...]
) -> None:
    await trip(database)
    released = await easyflow("timeline", "release", *words, "--reason", "it burned")
    assert "watching" in released.out
    rows = await database.fetch("select actor, act, reason from easyflow.audit")
    assert [tuple(row) for row in rows] == [(actor(), "release timeline", "it burned")]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "--lost-from"),
        (("--lost-from", "2020-01-01T00:00:00Z"), 2, "--lost-until"),
        ((*TIMES, "--nothing-lost"), 2, "or --nothing-lost"),
        (("--lost-from", "yesterday", "--lost-until", "today"), 2, "RFC 3339"),
        ((*TIMES, "--seen-version", "1"), 1, "at version 2 now, not 1"),
    ],
)
async def test_a_release_that_does_not_fit_changes_nothing(
    easyflow: Easyflow, database: Connection, words: tuple[str, ...], code: int, says: str
) -> None:
    await trip(database)
    refused = await easyflow("timeline", "release", *words, "--reason", "r")
    assert (refused.code, refused.out) == (code, "")
    assert says in refused.sentence
    assert (await timeline.describe(database))["state"] == "tripped"


async def test_nobody_can_release_what_nobody_watches(easyflow: Easyflow, database: Connection) -> None:
    refused = await easyflow("timeline", "release", "--nothing-lost", "--reason", "r")
    assert (refused.code, refused.sentence.endswith("start a worker")) == (1, True)


async def test_a_guard_that_is_blind_is_a_warning(easyflow: Easyflow, database: Connection) -> None:
    await timeline.adopt(database)
    await database.execute("update easyflow.timeline set system_identifier = null")
    (found,) = [one for one in (await easyflow("doctor", "--json")).json["items"] if one["subject"] == "timeline"]
    assert found["level"] == "warn"
    assert "grant execute on function pg_control_system()" in found["message"]
    assert "blind" in (await easyflow("timeline", "show")).out
