"""Every world, and the guards that each of them needs: what stands between it and a counterexample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from easyflow.domain.states import Effects
from tests.explorer.desk_world import DeskWorld
from tests.explorer.effect_world import EffectWorld
from tests.explorer.guards import Guards
from tests.explorer.key_world import KeyWorld
from tests.explorer.queue_world import QueueWorld
from tests.explorer.search import Explored, Move, World, explore
from tests.explorer.submit_world import SubmitWorld
from tests.explorer.timeline_world import TimelineWorld


@dataclass(frozen=True)
class Place:
    """One world as it is explored, and its guards: without any single one of them something goes wrong in it."""

    name: str
    make: Callable[[str, Guards], World]
    guards: tuple[str, ...]

    def explored(self, *off: str) -> Explored:
        """Explore it, without the guards in `off`."""
        return explore(self.make(self.name, Guards(GUARDS, off)))


def _effect(effects: Effects | None, **beginning: Any) -> Callable[[str, Guards], World]:
    return lambda name, guards: EffectWorld(name, effects, guards, **beginning)


PLACES: tuple[Place, ...] = (
    Place(
        "one request sent twice",
        partial(SubmitWorld, bodies=(0, 0)),
        ("T1 key unique", "T1 key and job in one transaction"),
    ),
    Place("two requests with one idempotency key", partial(SubmitWorld, bodies=(0, 1)), ("T1 same body",)),
    Place(
        "two jobs of a concurrency key",
        partial(KeyWorld, ordered=False),
        (
            "T2 key admitted",
            "T22 room",
            "T22 room counted behind the key lock",
            "T22 sweep",
            "T23 key admitted",
            "T28 key admitted",
        ),
    ),
    Place(
        "two jobs of an ordering key",
        partial(KeyWorld, ordered=True),
        ("T7 head keeps its key", "T13 head keeps its key"),
    ),
    Place(
        "a limited queue",
        QueueWorld,
        ("T3 below the queue's limit", "T3 counted behind the queue's lock", "T3 queue open"),
    ),
    Place(
        "two operators",
        DeskWorld,
        (
            "T14 doubt lock",
            "T14 in doubt",
            "T14 version",
            "T17 letter lock",
            "T17 letter open",
            "T17 version",
            "T24 letter open",
            "T24 version",
            "T30 in doubt",
        ),
    ),
    Place(
        "an unsafe effect",
        _effect(Effects.UNSAFE, faults=2),
        (
            "T3 answer read back",
            "T3 ticket locked",
            "T4 executor live",
            "T5 lease lock",
            "T5 token",
            "T6 answer read back",
            "T6 no effect open",
            "T6 token",
            "T7 errors below the limit",
            "T7 no effect in doubt",
            "T7 token",
            "T8 token",
            "T11 executor dead",
            "T11 lease lock",
            "T11 ledger read behind the lock",
            "T11 loss charged",
            "T11 token",
            "T12 losses at the limit",
            "T12 token",
            "T13 in doubt",
            "T13 token",
            "T20 token",
            "T21 token",
            "T32 unstarted at the limit",
        ),
    ),
    Place(
        "an unsafe effect, settled and replayed",
        _effect(Effects.UNSAFE, faults=1, settles=1, replays=1),
        ("T5 not repeated blindly", "T5 recorded result", "T5 result token", "T17 ledger kept"),
    ),
    Place("an unsafe effect, cancelled", _effect(Effects.UNSAFE, faults=1, settles=1, cancels=1), ("T16 flag only",)),
    Place("a keyed effect", _effect(Effects.KEYED, faults=2), ("T5 same key in every attempt",)),
    Place(
        "a keyed effect whose key is forgotten",
        _effect(Effects.KEYED, faults=1, windows=1, settles=1),
        ("T5 key window", "T5 only a first call is refused"),
    ),
    Place(
        "a keyed effect of two requests",
        _effect(Effects.KEYED, faults=1, others=1, settles=1),
        ("T5 same request",),
    ),
    Place(
        "a database that goes back in time",
        TimelineWorld,
        ("T3 timeline watched", "T33 parked for review", "T33 claims waited for"),
    ),
    Place("a queryable effect", _effect(Effects.QUERYABLE, faults=2), ("T5 receiver asked first",)),
    Place(
        "no effect, cancelled",
        _effect(None, faults=2, cancels=1),
        (
            "T6 cancel flag",
            "T7 cancel flag",
            "T8 cancel flag",
            "T11 cancel flag",
            "T12 cancel flag",
            "T20 cancel flag",
            "T21 cancel flag",
        ),
    ),
)

GUARDS: tuple[str, ...] = tuple(guard for place in PLACES for guard in place.guards)

# Moves that no world takes, each with the reason as a sentence.
OUT_OF_SCOPE: dict[Move, str] = {}


def moves_taken(explored: Iterable[Explored]) -> set[Move]:
    """Return every move that was taken in any of them."""
    return {move for one in explored for move in one.taken}
