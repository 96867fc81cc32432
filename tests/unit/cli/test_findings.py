"""What `easyflow doctor` makes of each figure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from easyflow.cli.findings import Finding, Surroundings, judge
from easyflow.settings import Settings

SERVER: dict[str, Any] = {
    "version": "15.18",
    "version_num": 150018,
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "isolation": "read committed",
    "max_connections": 100,
    "reserved_connections": 3,
    "standby": False,
    "sees_all": True,
}
UPKEEP: dict[str, Any] = {"days_ahead": 7, "frozen_at": None, "workers": 1, "executors": 2}
OLD: dict[str, Any] = {"pid": 7, "name": "psql", "username": "ann", "state": "idle in transaction", "seconds": 900.0}


def findings(**facts: Any) -> list[Finding]:
    """Judge sound surroundings in which these facts differ."""
    parts = {"revision": "0001", "wanted_revision": "0001", "clock_ahead_seconds": 0.01, "old": []}
    found = Surroundings(
        server={name: facts.get(name, value) for name, value in SERVER.items()},
        upkeep={name: facts.get(name, value) for name, value in UPKEEP.items()},
        **{name: facts.get(name, value) for name, value in parts.items()},
    )
    return list(judge(found, Settings(transactional_concurrency=facts.get("transactional_concurrency", 8))))


def test_sound_surroundings_are_all_ok() -> None:
    assert {finding.level for finding in findings()} == {"ok"}


@pytest.mark.parametrize(
    ("facts", "level", "subject", "says"),
    [
        ({"version_num": 140009}, "FAIL", "version", "too old"),
        ({"version_num": 180006}, "ok", "version", "PostgreSQL"),
        ({"version_num": 190000}, "warn", "version", "newer than any"),
        ({"standby": True}, "FAIL", "role", "point EASYFLOW_DATABASE_URL at the primary"),
        ({"revision": None}, "FAIL", "schema", "run `easyflow migrate`"),
        ({"revision": "0000"}, "FAIL", "schema", "this release needs 0001"),
        ({"fsync": "off"}, "FAIL", "durability", "fsync is off"),
        ({"full_page_writes": "off"}, "FAIL", "durability", "full_page_writes is off"),
        ({"synchronous_commit": "off"}, "FAIL", "durability", "synchronous_commit is off"),
        ({"synchronous_commit": "remote_apply"}, "ok", "durability", "synchronous_commit is remote_apply"),
        ({"isolation": "repeatable read"}, "FAIL", "isolation", "need read committed"),
        ({"clock_ahead_seconds": -2.0}, "warn", "clock", "2.0 s behind this machine's"),
        ({"clock_ahead_seconds": 90.0}, "FAIL", "clock", "90.0 s ahead of this machine's"),
        ({"frozen_at": datetime(2026, 1, 2, tzinfo=UTC)}, "FAIL", "clock override", "2026-01-02T00:00:00Z"),
        ({"days_ahead": 3}, "ok", "partitions", "3 days ahead"),
        ({"days_ahead": 2}, "FAIL", "partitions", "2 of at least 3 days ahead: start a worker"),
        ({"days_ahead": -1}, "FAIL", "partitions", "today's are missing"),
        ({"executors": 10, "workers": 2}, "FAIL", "connections", "may open 127 of 97 connections: raise max_connec"),
        ({"executors": 7}, "warn", "connections", "may open 91 of 97 connections"),
        ({"executors": 7, "transactional_concurrency": 1}, "ok", "connections", "may open 42 of 97"),
        ({"workers": 0, "executors": 0}, "ok", "connections", "one would have"),
        ({"old": [OLD]}, "warn", "transactions", "process 7 (psql, idle in transaction) has been in a tran"),
        ({"old": [{**OLD, "pid": None}]}, "warn", "transactions", "the prepared transaction psql is 15 min old"),
        ({"sees_all": False}, "warn", "transactions", "grant pg_read_all_stats"),
    ],
)
def test_each_rule_has_its_limit_and_says_what_to_do(
    facts: dict[str, Any], level: str, subject: str, says: str
) -> None:
    matching = [found for found in findings(**facts) if found.subject == subject and says in found.message]
    assert [found.level for found in matching] == [level], findings(**facts)
    assert {found.level for found in findings(**facts) if found not in matching} == {"ok"}


def test_a_database_without_the_schema_is_judged_without_its_upkeep() -> None:
    found = Surroundings(server=SERVER, clock_ahead_seconds=0.0, revision=None, wanted_revision="0001")
    assert {finding.subject for finding in judge(found, Settings())} == {
        "version", "role", "schema", "durability", "isolation", "clock", "transactions",
        "access",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("known", "level", "says"),
    [
        ({}, "ok", "only this machine is answered"),
        ({"api_host": "0.0.0.0"}, "FAIL", "others could reach EASYFLOW_API_HOST: set EASYFLOW_API_KEY"),  # noqa: S104
        ({"dashboard_host": "::"}, "FAIL", "others could reach EASYFLOW_DASHBOARD_HOST: set EASYFLOW_API_KEY"),
        ({"api_host": "10.0.0.1", "api_key": "k" * 20}, "ok", "the API asks for its key"),
    ],
)
def test_an_address_that_others_could_reach_needs_a_key(known: dict[str, Any], level: str, says: str) -> None:
    found = Surroundings(server=SERVER, clock_ahead_seconds=0.0, revision=None, wanted_revision="0001")
    [access] = [finding for finding in judge(found, Settings(**known)) if finding.subject == "access"]
    assert (access.level, says in access.message) == (level, True)
