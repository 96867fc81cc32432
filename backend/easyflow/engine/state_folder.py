"""What a worker keeps outside of the database: for each, what it was told last. A snapshot cannot take this back."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from easyflow.domain.timeline import Memory, Place
from easyflow.observability import record

# Marks are removed from a database after three months: a file that is older must not miss them.
BELIEVED_DAYS = 60
WITNESS_DAYS = 90


class StateFolder:
    """One small file for each database, written whole or not at all; without a folder a worker only has its memory."""

    def __init__(self, path: Path) -> None:
        """Use this folder; it is made when it is first needed."""
        self._path = path
        self._complained = False

    def read(self, lineage: UUID) -> Memory | None:
        """Return what was told last of the database of this lineage, None when nothing can be read."""
        try:
            said = json.loads(self._file(lineage).read_text())
            memory = from_json(said)
            too_old = time.time() - said["written_at"] > BELIEVED_DAYS * 86_400
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            self._complain(wrong)
            return None
        return replace(memory, beats=0) if memory is not None and too_old else memory

    def write(self, memory: Memory) -> None:
        """Keep it, unless another worker here has kept what is newer; never raises."""
        before = self.read(memory.lineage)
        if before is not None and (before.epoch, before.counter or 0) > (memory.epoch, memory.counter or 0):
            return
        file = self._file(memory.lineage)
        unfinished = file.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with unfinished.open("w") as written:
                written.write(json.dumps({**(to_json(memory) or {}), "written_at": time.time()}) + "\n")
                written.flush()
                os.fsync(written.fileno())
            unfinished.replace(file)
        except OSError as wrong:
            self._complain(wrong)

    def _file(self, lineage: UUID) -> Path:
        return self._path / f"timeline-{lineage}.json"

    def _complain(self, wrong: Exception) -> None:
        if not self._complained:
            self._complained = True
            record.state_folder_unusable(self._path, wrong)


def to_json(memory: Memory | None) -> dict[str, Any] | None:
    """Return a memory as JSON for a file or a pipe."""
    if memory is None:
        return None
    return {**asdict(memory), "lineage": str(memory.lineage), "witness": str(memory.witness)}


def from_json(said: dict[str, Any] | None) -> Memory | None:
    """Return what `to_json` was given; raises KeyError, TypeError or ValueError for anything else."""
    if said is None:
        return None
    return Memory(
        UUID(said["lineage"]),
        int(said["epoch"]),
        Place(**said["place"]),
        said["counter"],
        UUID(said["witness"]),
        int(said["beats"]),
    )
