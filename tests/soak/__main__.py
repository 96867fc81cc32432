"""Soak: `python -m tests.soak --duration 180 --seed 7 --report docs/reports/soak.md`; 1 when anything is broken."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tests.soak.clock import find_library
from tests.soak.report import lines, write
from tests.soak.run import Soaked, soak
from tests.support.project import ROOT


def main() -> int:
    """Soak in a folder of its own, which stays when something is wrong; returns the exit status."""
    said = argparse.ArgumentParser(description="Break everything, for a while, and count what came of it.")
    said.add_argument("--duration", type=float, default=180.0, help="seconds of load; faults end somewhat earlier")
    said.add_argument("--seed", type=int, default=None, help="the same seed draws the same jobs and faults")
    said.add_argument("--lease", type=float, default=1.0, help="seconds of the workers' leases")
    said.add_argument("--report", type=Path, default=None, help="where to write the report")
    said.add_argument("--faketime", type=Path, default=None, help="libfaketime, where it is not installed")
    told = said.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if told.seed is None else told.seed
    folder = Path(tempfile.mkdtemp(prefix="easyflow-soak-"))
    print(f"soak: seed {seed}, {told.duration:g} s, in {folder}", flush=True)
    soaked = asyncio.run(_until_told(soak(folder, seed, told.duration, told.lease, find_library(told.faketime))))
    print("\n".join(lines(ROOT, soaked)))
    if told.report is not None:
        write(ROOT, told.report, soaked)
    if soaked.verdict.breaches:
        print(f"soak: seed {seed}: {len(soaked.verdict.breaches)} breaches; everything is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


async def _until_told(soaking: Coroutine[Any, Any, Soaked]) -> Soaked:
    """Soak, and stop in order also when asked to by SIGTERM."""
    current = asyncio.current_task()
    assert current is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, current.cancel)
    return await soaking


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(main())
    sys.exit(130)
