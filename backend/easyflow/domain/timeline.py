"""The timeline guard's decisions: is this still the history that was told before, and whom does it concern?

A promoted standby, a restored backup and a storage snapshot may have lost committed intents. Where that can be, a task
whose effect must not be repeated blindly waits until a person says which time was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from easyflow.domain.states import Effects

GuardState = Literal["watching", "tripped", "releasing"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database lies: its cluster, the cluster's timeline, its own oid; None is what the role may not read."""

    system_identifier: int | None
    timeline_id: int | None
    database_oid: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What a worker was told, kept outside of the database; `beats` are its witness's last that was acknowledged.

    `counter` is the position up to which the server's log was flushed: no crash takes it back.
    """

    lineage: UUID
    epoch: int
    place: Place
    counter: int | None
    witness: UUID
    beats: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The database's own word about itself; `found` is where it was when the guard tripped last."""

    lineage: UUID
    version: int
    epoch: int
    state: GuardState
    place: Place
    counter: int | None
    found: Place | None


@dataclass(frozen=True, slots=True)
class View:
    """One look at a server: where it is, what its database says, and the beats it knows of the looker's witness."""

    standby: bool
    place: Place
    counter: int | None
    kept: Kept | None
    beats: int | None


def is_guarded(effects: Effects, key_window_seconds: float | None) -> bool:
    """Say whether a task waits while the guard is tripped: its effect must not be repeated blindly, or not for long."""
    return effects is Effects.UNSAFE or (effects is Effects.KEYED and key_window_seconds is not None)


def differences(view: View, memory: Memory | None) -> list[str]:
    """Say in sentences what speaks against this being the history that was told before; empty means nothing does."""
    kept = view.kept
    if kept is None:
        return []
    found = [*_moved(kept.place, view.place), *_back(kept.counter, view.counter)]
    if memory is None:
        return found
    if memory.lineage != kept.lineage:
        return [*found, "this is not the database this worker knew: another one is in its place"]
    if kept.epoch < memory.epoch:
        return [*found, f"release {memory.epoch - 1} of this guard is missing: the database is older than that"]
    if kept.epoch > memory.epoch:
        return found
    told = [*_moved(memory.place, view.place), *_back(memory.counter, view.counter), *_missing(memory, view.beats)]
    return list(dict.fromkeys([*found, *told]))


def is_news(kept: Kept, view: View, memory: Memory | None) -> bool:
    """Say whether differences are to be written down: the guard watches, or trips again over something else."""
    if kept.state == "watching":
        return True
    later = memory is not None and memory.lineage == kept.lineage and memory.epoch > kept.epoch
    return later or kept.found is None or bool(_moved(kept.found, view.place))


def remembered(view: View, memory: Memory | None, witness: UUID, is_open: bool) -> Memory | None:
    """Return what to remember after a look: everything while it is open, what was known before while it is not.

    Once it is written down that another database is in the place of the known one, that one is forgotten.
    """
    kept = view.kept
    if kept is None or not is_open:
        replaced = memory is not None and kept is not None and memory.lineage != kept.lineage
        return None if replaced and kept is not None and kept.state != "watching" else memory
    fresh = Memory(kept.lineage, kept.epoch, view.place, view.counter, witness, 0)
    if memory is None or memory.epoch < kept.epoch or memory.lineage != kept.lineage:
        return fresh
    return replace(memory, place=view.place, counter=view.counter)


def lsn(position: int) -> str:
    """Write a position in the log as PostgreSQL does."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def _moved(known: Place, found: Place) -> list[str]:
    said = []
    if _differ(known.system_identifier, found.system_identifier):
        said.append(
            f"the system identifier is {found.system_identifier}, it was {known.system_identifier}: another cluster"
        )
    if _differ(known.timeline_id, found.timeline_id):
        said.append(
            f"the timeline is {found.timeline_id}, it was {known.timeline_id}: a standby was promoted, "
            "or a backup was restored"
        )
    if _differ(known.database_oid, found.database_oid):
        said.append(f"the database's oid is {found.database_oid}, it was {known.database_oid}: it was made anew")
    return said


def _back(known: int | None, found: int | None) -> list[str]:
    if known is None or found is None or found >= known:
        return []
    return [f"the commit counter is {lsn(found)}, it was {lsn(known)}: the storage went back in time"]


def _missing(memory: Memory, beats: int | None) -> list[str]:
    known = beats or 0
    if known >= memory.beats:
        return []
    return [f"beat {memory.beats} of worker {memory.witness} was committed, and the database knows only {known}"]


def _differ(known: int | None, found: int | None) -> bool:
    return known is not None and found is not None and known != found
