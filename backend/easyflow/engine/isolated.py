"""Attempts in a process of their own, which may die alone: tasks with `isolation="process"`, and suspects.

The fork server makes the process on request. The two ends of a channel are tied: when the executor closes its own, or
dies, the process is killed with all its offspring; when the other closes, nothing of it is left.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from easyflow.context import Progress
from easyflow.domain.outcome import Fault, HandedBack, InDoubt, Outcome, Succeeded, Vanished
from easyflow.engine.attempt import Attempt, ProcessStopped
from easyflow.engine.fenced import Recorded
from easyflow.engine.values import PayloadRefused, ResultRefused
from easyflow.settings import settings
from easyflow.storage.admission import Key

STOP_POLL_SECONDS = 0.1
APART_AT_ONCE = 32
GONE_SECONDS = 6.0
REPORT_LIMIT = 2**26
TOLD = (
    "task",
    "payload",
    "queue",
    "lease_no",
    "claimed_at",
    "retry_count",
    "max_attempts",
    "timeout_seconds",
    "losses",
    "open_effects",
    "step_no",
    "part",
    "items",
)


class Isolation:
    """Runs attempts of one executor apart, as many at once as it may."""

    def __init__(
        self,
        executor_id: UUID,
        modules: list[str],
        result_bytes: int,
        door: socket.socket,
        died_alone: Callable[[str], None],
    ) -> None:
        """Know what every attempt is told, and the fork server's `door`.

        `died_alone` is called with the task of a job that has taken down a process in which it was alone.
        """
        self._told = {"executor_id": str(executor_id), "modules": modules, "result_bytes": result_bytes}
        self._door = door
        self._died_alone = died_alone
        self.quarantined: frozenset[str] = frozenset()
        self.slots = asyncio.Semaphore(APART_AT_ONCE)

    def is_due(self, attempt: Attempt) -> bool:
        """Say whether the job must run apart: it was among the lost, or its task takes processes down.

        From its first loss on, so that the blame for another is certain.
        """
        return attempt.row["losses"] > 0 or attempt.task.name in self.quarantined

    async def run(self, attempt: Attempt) -> Outcome | Recorded:
        """Run the attempt in a process of its own; one that ends without a report is a loss, whatever its exit code.

        Nothing of it is left when this returns. Raises ProcessStopped when the attempt was to stop.
        """
        try:
            channel = await self._ask(attempt)
        except ConnectionError:
            return HandedBack()  # the supervisor is gone, and the fork server with it
        ended = await _follow(attempt, channel)
        if ended.report is not None:
            return _outcome(attempt, ended.report)
        if attempt.stop is not None:
            raise ProcessStopped
        if not ended.began:
            return HandedBack()
        self._died_alone(attempt.task.name)
        said = f"its process ended without a result (exit status {ended.exit_status})"
        return Vanished(settings().loss_limit, said)

    async def _ask(self, attempt: Attempt) -> socket.socket:
        """Ask for a process, and return our side of its channel."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._request(attempt) as request:
                await _send(attempt, self._door, [theirs.fileno(), request.fileno()])
        except BaseException:
            ours.close()
            raise
        return ours

    def _request(self, attempt: Attempt) -> IO[bytes]:
        """Write what the child shall run into a file in memory: unlike a pipe, it takes all at once."""
        row = attempt.row
        ids = {name: str(row[name]) for name in ("job_id", "claim_token", "run_id") if row[name] is not None}
        file = os.fdopen(os.memfd_create("easyflow-request"), "w+b", buffering=0)
        file.write(json.dumps({**self._told, **ids, **{name: row[name] for name in TOLD}}).encode())
        file.seek(0)
        return file


@dataclass(slots=True)
class Ended:
    """What was heard of one process: whether it began, what the handler reported, and its exit status if known."""

    began: bool = False
    report: dict[str, Any] | None = None
    exit_status: int | None = None


async def _send(attempt: Attempt, door: socket.socket, descriptors: list[int]) -> None:
    """Bring a request to the door; waits while it is full, as long as the attempt is not to stop."""
    while attempt.stop is None:
        try:
            socket.send_fds(door, [b"\n"], descriptors, socket.MSG_DONTWAIT)
            return
        except BlockingIOError:
            await asyncio.sleep(STOP_POLL_SECONDS)
    raise ProcessStopped


async def _follow(attempt: Attempt, channel: socket.socket) -> Ended:
    """Follow the attempt until its process and all it started are gone, and end it when it is to stop."""
    reader, writer = await asyncio.open_unix_connection(sock=channel, limit=REPORT_LIMIT)
    ended = Ended()
    reading = asyncio.ensure_future(_read(attempt, reader, ended))
    try:
        while not reading.done() and attempt.stop is None:
            await asyncio.wait([reading], timeout=STOP_POLL_SECONDS)
        if not reading.done():
            channel.shutdown(socket.SHUT_WR)
            await asyncio.wait([reading], timeout=GONE_SECONDS)
        return ended
    finally:
        reading.cancel()
        writer.close()


async def _read(attempt: Attempt, reader: asyncio.StreamReader, ended: Ended) -> None:
    """Note what is said until the channel closes: by the keeper first and last, in between by the handler."""
    context = attempt.open_context()
    async for line in reader:
        said = _message(line)
        if "began" in said:
            ended.began = True
        elif "exit" in said:
            ended.exit_status = said["exit"]
        elif "progress" in said:
            context._progress = Progress(*said["progress"])
        elif said:
            ended.report = said


def _message(line: bytes) -> dict[str, Any]:
    """Read one message; what was cut off in the middle says nothing."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _outcome(attempt: Attempt, report: dict[str, Any]) -> Outcome | Recorded:
    """Turn the child's report into an outcome; what its handler raised is judged here, like any other."""
    if "result" in report:
        return Succeeded(report["result"], tuple((position, why) for position, why in report["failed_items"]))
    if "recorded" in report:
        return Recorded(frozenset(Key(*key) for key in report["recorded"]))
    if "in_doubt" in report:
        return InDoubt(report["in_doubt"], Fault(**report["fault"]))
    if "handed_back" in report:
        return HandedBack()
    if "cancelled" in report:
        return attempt.cancelled()
    fault = Fault(**report["fault"])
    if report["refused"]:
        raise _REFUSALS[report["refused"]](fault.message)
    return attempt.judge(report["word"], report["after"], fault)


_REFUSALS = {refusal.__name__: refusal for refusal in (PayloadRefused, ResultRefused)}
