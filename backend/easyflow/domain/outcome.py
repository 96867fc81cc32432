"""How an attempt ends: what a handler returned or raised, turned into one move."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Literal, cast

from easyflow.domain.retry import RetryPolicy

MESSAGE_CHARS = 10_000
TRACEBACK_CHARS = 50_000


class Retry(Exception):
    """Raise from a handler to try again after `after` seconds; spends the error budget."""

    def __init__(self, reason: str = "", *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = None if after is None else float(after)


class Snooze(Exception):
    """Raise from a handler to run again after `after` seconds; spends no budget."""

    def __init__(self, after: float, reason: str = "") -> None:
        super().__init__(reason)
        self.after = float(after)


class Fail(Exception):
    """Raise from a handler to end the job FAILED at once; `code` is a reason a program can read."""

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt did not succeed, safe to store."""

    type: str
    message: str
    traceback: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The handler returned; `result` is JSON text, None for null.

    `failed_items` are those of a job of a map that failed nevertheless: position and reason, each position once.
    """

    result: str | None = None
    failed_items: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PutBack:
    """The job runs again after `delay_seconds`; a snooze charges nothing."""

    outcome: Literal["retried", "snoozed"]
    delay_seconds: float
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The job is over; `reason` says which rule ended it."""

    reason: str
    fault: Fault
    loss: int = 0


@dataclass(frozen=True, slots=True)
class InDoubt:
    """An effect may or may not have happened, and must not be repeated blindly: a person decides."""

    reason: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Vanished:
    """The child process that ran the job is gone: the ledger tells what may be done, and a loss is charged."""

    loss_limit: int
    message: str


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The job goes back unharmed: drained, or never begun."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The handler was stopped in a process of its own: this holds unless the ledger there holds an effect in doubt."""

    outcome: PutBack | Failed | HandedBack


Outcome = Succeeded | PutBack | Failed | InDoubt | Vanished | Stopped | HandedBack

LONGEST_SNOOZE_SECONDS = 366 * 86_400.0


Word = Literal["Snooze", "Fail", "Retry", "DeadlinePassed", "error"]


def word_of(raised: BaseException) -> Word:
    """Return what a handler said by raising this."""
    for kind in (Snooze, Fail, Retry):
        if isinstance(raised, kind):
            return cast("Word", kind.__name__)
    return "error"


def decide(
    word: Word,
    after: float | None,
    fault: Fault,
    *,
    policy: RetryPolicy,
    retry_count: int,
    max_attempts: int | None,
    chance: float,
) -> PutBack | Failed:
    """Turn what a handler said into its outcome; whether an effect is in doubt was asked before."""
    if word == "Snooze":
        return PutBack("snoozed", _bounded(after or 0.0), None)
    if word == "Fail":
        return Failed("handler gave up", fault)
    if not policy.allows(retry_count, max_attempts):
        return Failed("attempts exhausted", fault)
    return PutBack("retried", policy.delay_seconds(retry_count, chance) if after is None else _bounded(after), fault)


def _bounded(seconds: float) -> float:
    """Keep a wait inside what a timestamp can carry; NaN becomes no wait."""
    return min(max(seconds, 0.0), LONGEST_SNOOZE_SECONDS) if not isnan(seconds) else 0.0
