"""Doing effects at the recorder: what tasks call, and what a test starts, asks and reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from easyflow.failpoints import Point, reach
from tests.support.project import ROOT
from tests.support.recorder import Recorded

SECONDS = 10.0
# Made once: it takes longer than a whole request, and no request here is encrypted.
_TLS = ssl.create_default_context()


async def perform(url: str, key: str, *, fence: int, name: str = "", job_id: UUID | str = "", **how: Any) -> Any:
    """Do one effect; returns the receipt. Point P5 is behind the answer, before anybody has heard it.

    `how` is for the recorder: mode=, drop= and refuse= (so often for this key), slow=. Raises httpx.HTTPStatusError for
    a refusal and httpx.TransportError when no answer came.
    """
    async with httpx.AsyncClient(verify=_TLS, timeout=SECONDS) as client:
        answer = await client.post(f"{url}/effects", **_request(key, fence, name, job_id, how))
    await reach(Point.P5, (job_id or key.split(".")[0],))
    return answer.raise_for_status().json()["receipt"]


def perform_in_thread(url: str, key: str, *, fence: int, name: str = "", job_id: UUID | str = "", **how: Any) -> Any:
    """Do the same in a handler without a loop."""
    with httpx.Client(verify=_TLS, timeout=SECONDS) as client:
        answer = client.post(f"{url}/effects", **_request(key, fence, name, job_id, how))
    asyncio.run(reach(Point.P5, (job_id or key.split(".")[0],)))
    return answer.raise_for_status().json()["receipt"]


async def look_up(url: str, key: str) -> int | None:
    """Ask whether an effect happened, as `reconcile` does; its receipt, or None when it did not."""
    async with httpx.AsyncClient(verify=_TLS, timeout=SECONDS) as client:
        answer = await client.get(f"{url}/effects/{key}")
    return None if answer.status_code == 404 else answer.raise_for_status().json()["receipt"]


def _request(key: str, fence: int, name: str, job_id: UUID | str, how: dict[str, Any]) -> dict[str, Any]:
    facts = {"name": name, "lease": fence, **({"job": str(job_id)} if job_id else {}), **how}
    return {"params": facts, "headers": {"idempotency-key": key, "easyflow-fence": str(fence)}}


@dataclass(slots=True)
class RecorderProcess:
    """The recorder as a process of its own; `start` again after `kill` goes on at the same port with the same file."""

    file: Path
    mode: str = "dedup"
    port: int = 0
    process: subprocess.Popen[str] = field(init=False)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; it listens when this returns."""
        words = [sys.executable, "-m", "tests.support.recorder", str(self.file)]
        self.process = subprocess.Popen(
            [*words, "--mode", self.mode, "--port", str(self.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.kill()
        self.process.communicate(timeout=SECONDS)

    def close(self) -> None:
        """End it in order."""
        self.process.communicate(timeout=SECONDS)

    def behave(self, **manners: Any) -> None:
        """Treat requests differently from now on: mode=, drop= or refuse= the next so many, slow= seconds."""
        httpx.post(f"{self.url}/manners", json=manners, verify=_TLS).raise_for_status()

    def history(self, job_id: UUID | None = None) -> list[Recorded]:
        """Every request that was written down, in order; of one job if given."""
        found = [Recorded(**json.loads(line)) for line in self.file.read_text().splitlines()]
        return [each for each in found if job_id is None or each.job == str(job_id)]

    def times_performed(self) -> Counter[str]:
        """How often each key really happened."""
        return Counter(each.key for each in self.history() if each.verdict == "performed")


@contextlib.contextmanager
def running_recorder(folder: Path, mode: str = "dedup") -> Iterator[RecorderProcess]:
    """A recorder that writes into `folder`; ended at the end."""
    recorder = RecorderProcess(folder / "effects.jsonl", mode)
    recorder.start()
    try:
        yield recorder
    finally:
        if recorder.process.poll() is None:
            recorder.close()
