"""Started marks: which attempts an executor has begun, in memory its supervisor shares.

They outlive the executor: when it dies, they tell which jobs it was running and which it had only claimed. A row in the
database for each start would cost half of the throughput.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

_TIME_BYTES = 8
_TOKEN_BYTES = 16


class Mark(NamedTuple):
    """One started attempt."""

    token: bytes
    kill_at: float
    apart: bool


class Marks:
    """A table of slots, each empty or one started attempt: its claim token, its last moment, whether it runs apart.

    The executor writes them, its supervisor reads at any time. Each time is one aligned store of eight bytes: `struct`
    clears its target before it writes, and a supervisor that looked in between saw the moment 0.0 and killed an
    executor for a deadline nobody had missed. A slot without a running handler says `inf`. Its byte of state is
    written last on begin and first on end, so that a process killed in between leaves no half mark. In the other
    direction goes one number: until when the executor's lease was renewed. Times are CLOCK_MONOTONIC, the same in
    every process of the machine.
    """

    def __init__(self, descriptor: int, slots: int) -> None:
        """Map the table behind a descriptor made by `create`."""
        self.descriptor = descriptor
        self.slots = slots
        self._memory = mmap.mmap(descriptor, _size(slots))
        # In this order: times (the last is the lease's), tokens, one byte each for state and for apart.
        self._whole = memoryview(self._memory)
        self._times = self._whole[: (slots + 1) * _TIME_BYTES].cast("d")
        self._tokens = (slots + 1) * _TIME_BYTES
        self._states = self._tokens + slots * _TOKEN_BYTES
        self._aparts = self._states + slots
        self._free = list(range(slots - 1, -1, -1))

    @classmethod
    def create(cls, slots: int) -> Marks:
        """Make an empty table in anonymous memory; its descriptor can be inherited."""
        descriptor = os.memfd_create("easyflow-marks")
        os.ftruncate(descriptor, _size(slots))
        marks = cls(descriptor, slots)
        for slot in range(slots):
            marks._times[slot] = inf
        return marks

    def begin(self, token: bytes, kill_at: float, apart: bool = False) -> int:
        """Mark an attempt as started, `apart` in a process of its own; returns its slot.

        Raises IndexError when all are taken.
        """
        slot = self._free.pop()
        start = self._tokens + slot * _TOKEN_BYTES
        self._memory[start : start + _TOKEN_BYTES] = token
        self._memory[self._aparts + slot] = apart
        self._times[slot] = kill_at
        self._memory[self._states + slot] = 1
        return slot

    def over(self, slot: int) -> None:
        """Note that the handler has ended and only its ending is to be recorded: no deadline applies any more."""
        self._times[slot] = inf

    def vanished(self, slot: int) -> None:
        """Note that an attempt in a process of its own has died of itself: its executor's end excuses it no more."""
        self._memory[self._aparts + slot] = False

    def end(self, slot: int) -> None:
        """Clear a mark: the attempt's ending is recorded."""
        self._memory[self._states + slot] = 0
        self._times[slot] = inf
        self._free.append(slot)

    def renewed(self, until: float) -> None:
        """Tell the executor how long its lease lasts; behind that it claims nothing."""
        self._times[self.slots] = until

    @property
    def lease_until(self) -> float:
        """Until when the executor's lease lasts, as far as its supervisor has told."""
        return self._times[self.slots]

    @property
    def free(self) -> int:
        """How many more attempts can be marked."""
        return len(self._free)

    def started(self) -> Iterator[Mark]:
        """Yield the mark of every started attempt."""
        states = self._memory[self._states : self._aparts]
        slot = states.find(1)
        while slot >= 0:
            start = self._tokens + slot * _TOKEN_BYTES
            token = self._memory[start : start + _TOKEN_BYTES]
            yield Mark(token, self._times[slot], bool(self._memory[self._aparts + slot]))
            slot = states.find(1, slot + 1)

    def close(self) -> None:
        """Give the memory back."""
        self._times.release()
        self._whole.release()
        self._memory.close()
        os.close(self.descriptor)


def _size(slots: int) -> int:
    return (slots + 1) * _TIME_BYTES + slots * (_TOKEN_BYTES + 2)
