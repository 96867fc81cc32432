"""Started marks: which attempts an executor has begun, in memory its supervisor shares.

They outlive the executor: when it dies, they tell which jobs it was running and which it had only claimed. A row in the
database for each start would cost half of the throughput.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

_ENTRY = struct.Struct("<d16s?")
_TIME = struct.Struct("<d")


class Mark(NamedTuple):
    """One started attempt."""

    token: bytes
    kill_at: float
    apart: bool


class Marks:
    """A table of slots, each empty or one started attempt: its claim token, its last moment, whether it runs apart.

    The executor writes them, its supervisor reads. A slot's byte of state is written last on begin and first on end,
    so that a process killed in between leaves no half mark. In the other direction goes one number: until when the
    executor's lease was renewed. Times are CLOCK_MONOTONIC, the same in every process of the machine.
    """

    def __init__(self, descriptor: int, slots: int) -> None:
        """Map the table behind a descriptor made by `create`."""
        self.descriptor = descriptor
        self.slots = slots
        self._memory = mmap.mmap(descriptor, _size(slots))
        self._free = list(range(slots - 1, -1, -1))

    @classmethod
    def create(cls, slots: int) -> Marks:
        """Make an empty table in anonymous memory; its descriptor can be inherited."""
        descriptor = os.memfd_create("easyflow-marks")
        os.ftruncate(descriptor, _size(slots))
        return cls(descriptor, slots)

    def begin(self, token: bytes, kill_at: float, apart: bool = False) -> int:
        """Mark an attempt as started, `apart` in a process of its own; returns its slot.

        Raises IndexError when all are taken.
        """
        slot = self._free.pop()
        _ENTRY.pack_into(self._memory, self.slots + slot * _ENTRY.size, kill_at, token, apart)
        self._memory[slot] = 1
        return slot

    def over(self, slot: int) -> None:
        """Note that the handler has ended and only its ending is to be recorded: no deadline applies any more."""
        _TIME.pack_into(self._memory, self.slots + slot * _ENTRY.size, inf)

    def end(self, slot: int) -> None:
        """Clear a mark: the attempt's ending is recorded."""
        self._memory[slot] = 0
        self._free.append(slot)

    def renewed(self, until: float) -> None:
        """Tell the executor how long its lease lasts; behind that it claims nothing."""
        _TIME.pack_into(self._memory, _size(self.slots) - _TIME.size, until)

    @property
    def lease_until(self) -> float:
        """Until when the executor's lease lasts, as far as its supervisor has told."""
        until: float = _TIME.unpack_from(self._memory, _size(self.slots) - _TIME.size)[0]
        return until

    @property
    def free(self) -> int:
        """How many more attempts can be marked."""
        return len(self._free)

    def started(self) -> Iterator[Mark]:
        """Yield the mark of every started attempt."""
        states = self._memory[: self.slots]
        slot = states.find(1)
        while slot >= 0:
            kill_at, token, apart = _ENTRY.unpack_from(self._memory, self.slots + slot * _ENTRY.size)
            yield Mark(token, kill_at, apart)
            slot = states.find(1, slot + 1)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self.descriptor)


def _size(slots: int) -> int:
    return slots + slots * _ENTRY.size + _TIME.size
