"""Failpoints: named places at which a test may kill, stop, delay, fail or disconnect a process. Inert unless asked for.

`EASYFLOW_FAILPOINTS` holds rules, separated by commas: a point, an action, and what narrows them down.

    P5:kill@3                                at the third hit of P5 in this process
    P4:delay=0.5/task=payments.charge        at every hit by a job of this task
    P10:drop/job=0190...-...-.../once        for this job, and once over all processes
    P11:stop/after=begun/once                once a file `begun` lies in the folder

Each fault is written to `hits.jsonl` in `EASYFLOW_FAILPOINTS_FOLDER` before it acts, so that a test can prove it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg

from easyflow.errors import EasyFlowError, Misconfigured
from easyflow.settings import Settings

Answer = TypeVar("Answer")

_RULE = re.compile(r"(P\d+):([a-z]+)(?:=(\d+(?:\.\d+)?))?(?:@([1-9]\d*))?((?:/(?:once|(?:job|task|after)=[^/,]+))*)")
_ACTIONS = ("kill", "stop", "delay", "raise", "drop", "note")


class Point(Enum):
    """Where a fault can strike; `str()` gives number and name."""

    P0 = "idle"
    P1 = "claim sent"
    P2 = "claim committed, unheard"
    P3 = "claimed, handler not started"
    P4 = "intent committed, call not made"
    P5 = "effect done, unheard"
    P6 = "answer heard, result not recorded"
    P7 = "result recorded"
    P8 = "completion transaction open"
    P9 = "commit sent"
    P10 = "committed, unheard"
    P11 = "heartbeat in flight"
    P12 = "draining"

    def __str__(self) -> str:
        """Return it as people say it, such as "P4 intent committed, call not made"."""
        return f"{self.name} {self.value}"


# Losing the connection there means that the answer, though it came, was never heard.
_UNHEARD = frozenset({Point.P2, Point.P10})
_WITHOUT_CONNECTION = frozenset({Point.P3, Point.P12})


class InjectedFault(EasyFlowError):
    """A failpoint raised this because a test asked for it."""

    code = "injected_fault"
    status = 500


class Breakable(Protocol):
    """A database connection, as far as a failpoint cares."""

    def terminate(self) -> None:
        """Cut it off at once."""


@dataclass(slots=True)
class Rule:
    """One wish of a test: what to do where, and to whom."""

    text: str
    point: Point
    action: str
    seconds: float
    nth: int | None
    job: str | None
    task: str | None
    once: bool
    after: str | None
    hits: int = 0


def parse(text: str) -> list[Rule]:
    """Read the rules of `EASYFLOW_FAILPOINTS`; raises Misconfigured naming the first that cannot be understood."""
    return [_rule(each.strip()) for each in text.split(",") if each.strip()]


def arm(settings: Settings) -> None:
    """Turn the failpoints on that the settings ask for; called once at the start of each process.

    Raises Misconfigured in production mode, without a folder, and for a rule that makes no sense.
    """
    if not settings.failpoints:
        return
    if settings.mode == "production":
        raise Misconfigured(
            "EASYFLOW_FAILPOINTS is set in production mode: unset it, or set EASYFLOW_MODE=development for a test"
        )
    if settings.failpoints_folder is None:
        raise Misconfigured("EASYFLOW_FAILPOINTS needs EASYFLOW_FAILPOINTS_FOLDER, where each fault is written down")
    _armed[:] = [_Armed(parse(settings.failpoints), settings.failpoints_folder)]


def armed() -> bool:
    """Say whether any fault may strike in this process."""
    return bool(_armed)


def disarm() -> None:
    """Turn all failpoints of this process off."""
    _armed.clear()


async def reach(point: Point, jobs: Iterable[object] = (), connection: Breakable | None = None) -> None:
    """Let a fault strike here; a delay holds up only who awaits.

    `jobs` are what is at stake: rows, attempts' rows or endings, anything with a `job_id` and perhaps a `task`.
    `connection` is what `drop` cuts. Raises InjectedFault when a rule says `raise`.
    """
    if not _armed:
        return
    seconds = _armed[0].strike(point, jobs, connection)
    if seconds:
        await asyncio.sleep(seconds)


def exchange(
    sent: Point,
    heard: Point | None,
    talk: Coroutine[Any, Any, Answer],
    connection: Breakable | None = None,
    jobs: Iterable[object] = (),
) -> Coroutine[Any, Any, Answer]:
    """Return `talk`, a statement that is not begun yet, with one point while it is under way and one behind it.

    At `heard` the jobs are those of its answer, where `jobs` are not given; at `sent` there are none then. While a
    connection prepares a statement it has not run lately, what is under way is that preparation; a COMMIT needs none.
    """
    if not _armed:
        return talk
    return _exchanged(sent, heard, talk, connection, jobs)


async def _exchanged(
    sent: Point,
    heard: Point | None,
    talk: Coroutine[Any, Any, Answer],
    connection: Breakable | None,
    jobs: Iterable[object],
) -> Answer:
    talking = asyncio.ensure_future(talk)
    try:
        await asyncio.sleep(0)
        await reach(sent, jobs, connection)
    finally:
        # Whoever asked hears what became of it first: nothing may still use the connection behind his back.
        outcome = await asyncio.gather(talking, return_exceptions=True)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    if heard is not None:
        await reach(heard, jobs or (outcome[0] if isinstance(outcome[0], list) else ()), connection)
    return outcome[0]


class _Armed:
    """The rules of one process, and the folder it shares with the others."""

    def __init__(self, rules: list[Rule], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rules = rules
        self._folder = folder
        self._tasks: dict[str, str] = {}

    def strike(self, point: Point, jobs: Iterable[object], connection: Breakable | None) -> float:
        """Do what the rules for a point say; returns the seconds to wait, which is left to the caller."""
        ids = self._ids(jobs)
        seconds = 0.0
        for rule in self._rules:
            if rule.point is point and self._begun(rule) and self._meant(rule, ids):
                rule.hits += 1
                if rule.nth in (None, rule.hits) and self._first(rule):
                    self._write_down(rule, ids)
                    seconds += _act(rule, connection)
        return seconds

    def _ids(self, jobs: Iterable[object]) -> list[str]:
        """Return whom this is about, and remember their tasks: an ending does not say which it was."""
        ids = []
        for each in jobs:
            known = each if isinstance(each, Mapping | asyncpg.Record) else None
            job_id = str(known["job_id"] if known is not None else getattr(each, "job_id", each))
            if known is not None and "task" in known:
                self._tasks[job_id] = known["task"]
            ids.append(job_id)
        return ids

    def _begun(self, rule: Rule) -> bool:
        return rule.after is None or (self._folder / rule.after).exists()

    def _meant(self, rule: Rule, ids: list[str]) -> bool:
        by_job = rule.job is None or rule.job in ids
        return by_job and (rule.task is None or rule.task in map(self._tasks.get, ids))

    def _first(self, rule: Rule) -> bool:
        """Say whether nobody else has done it, and keep others from doing it."""
        if not rule.once:
            return True
        marker = self._folder / (re.sub(r"[^A-Za-z0-9.=@-]", "_", rule.text) + ".done")
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def _write_down(self, rule: Rule, ids: list[str]) -> None:
        said = {"at": time.time(), "pid": os.getpid(), "point": rule.point.name, "name": rule.point.value}
        line = json.dumps({**said, "action": rule.action, "rule": rule.text, "hit": rule.hits, "jobs": ids}) + "\n"
        log = os.open(self._folder / "hits.jsonl", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.write(log, line.encode())
        os.close(log)


# Empty in every process that nobody tests: all that is looked at on the way of a job.
_armed: list[_Armed] = []


def _act(rule: Rule, connection: Breakable | None) -> float:
    if rule.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if rule.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if rule.action == "raise":
        raise InjectedFault(f"a failpoint raised this at {rule.point}")
    if rule.action == "drop":
        if connection is None:
            raise InjectedFault(f"a failpoint found no connection to drop at {rule.point}")
        connection.terminate()
        if rule.point in _UNHEARD:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    return rule.seconds


def _rule(text: str) -> Rule:
    read = _RULE.fullmatch(text)
    if read is None or read[1] not in Point.__members__ or read[2] not in _ACTIONS:
        raise Misconfigured(
            f"EASYFLOW_FAILPOINTS: {text!r} is no rule; say P0 to P12, a colon, one of {', '.join(_ACTIONS)}, "
            "and if you like =SECONDS, @N, /job=ID, /task=NAME, /after=FILE, /once"
        )
    point = Point[read[1]]
    if (read[2] == "delay") != (read[3] is not None):
        raise Misconfigured(f"EASYFLOW_FAILPOINTS: {text!r}: a delay, and nothing else, takes =SECONDS")
    if read[2] == "drop" and point in _WITHOUT_CONNECTION:
        raise Misconfigured(f"EASYFLOW_FAILPOINTS: {text!r}: there is no connection to drop at {point}")
    told = dict(part.split("=", 1) for part in read[5].split("/") if "=" in part)
    nth = int(read[4]) if read[4] else None
    once = "once" in read[5].split("/")
    seconds = float(read[3] or 0)
    return Rule(text, point, read[2], seconds, nth, told.get("job"), told.get("task"), once, told.get("after"))
