"""What breaks things, one at a time with pauses between, drawn from the seed; each fault is written down."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from tests.soak.clock import NOT_INSTALLED
from tests.soak.mischief import ALL, CLOCKS, ZOMBIES
from tests.soak.stage import Stage

LONGEST_FAULT_SECONDS = 60.0
PAUSES = (0.2, 1.5)
FRUITLESS = 6


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault as it was written down; `target` is None when it found nothing to strike."""

    at: float
    fault: str
    target: str | None
    seconds: float


@dataclass(slots=True, eq=False)
class Nemesis:
    """Strikes until its time is over and every kind of fault has struck."""

    stage: Stage
    chance: Random
    log: Path
    seen: Counter[str] = field(default_factory=Counter)
    fruitless: Counter[str] = field(default_factory=Counter)
    last_at: float = 0.0

    def skipped(self) -> dict[str, str]:
        """The kinds of fault that cannot be here, each with the reason."""
        return {} if self.stage.can_step else dict.fromkeys(CLOCKS, NOT_INSTALLED)

    def missing(self) -> list[str]:
        """The kinds of fault that have not struck yet."""
        return [kind for kind in self._possible() if not self.seen[kind]]

    async def strike_for(self, seconds: float) -> None:
        """Strike at random; behind two thirds of the time what has not struck yet comes first, beyond the end too."""
        began = time.monotonic()
        while (gone := time.monotonic() - began) < seconds or self._hopeful():
            await asyncio.sleep(self.chance.uniform(*PAUSES))
            late = gone > seconds * 2 / 3
            candidates = self._hopeful() if late else []
            await self._strike(self.chance.choice(candidates or [*self._possible(), *ZOMBIES, *ZOMBIES]))

    def _possible(self) -> list[str]:
        return [kind for kind in ALL if kind not in self.skipped()]

    def _hopeful(self) -> list[str]:
        return [kind for kind in self.missing() if self.fruitless[kind] < FRUITLESS]

    async def _strike(self, kind: str) -> None:
        at = time.time()
        try:
            async with asyncio.timeout(LONGEST_FAULT_SECONDS):
                target = await ALL[kind](self.stage, self.chance)
        except (AssertionError, TimeoutError) as failed:
            raise RuntimeError(f"the fault {kind!r} could not be brought about or taken back: {failed}") from failed
        self.last_at = time.time()
        (self.fruitless if target is None else self.seen)[kind] += 1
        with self.log.open("a") as log:
            log.write(json.dumps(asdict(Blow(at, kind, target, self.last_at - at))) + "\n")


def read_blows(log: Path) -> list[Blow]:
    """Read every fault that was written down, in order."""
    return [Blow(**json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []
