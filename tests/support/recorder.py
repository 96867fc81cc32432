"""The effect recorder: a process outside of EasyFlow and its database, at which tasks do what must not happen twice.

Every request is appended to a file and flushed to the disk before it is answered, so that what the file tells really
happened, whoever dies meanwhile. `python -m tests.support.recorder FILE` runs it; it says its port, and ends with its
standard input. `tests/support/effects.py` starts it and reads the file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from tests.support.http_server import Asked, http_reply, http_server

Verdict = Literal["performed", "repeated", "stale", "refused"]
MODES = ("plain", "dedup", "fence", "dedup+fence")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it was written down; `dropped` when its connection was cut instead of answered."""

    seq: int
    at: float
    key: str
    fence: int
    job: str
    name: str
    lease: int
    verdict: Verdict
    receipt: int | None
    dropped: bool


@dataclass(slots=True)
class Manners:
    """How requests are treated that do not say it themselves; `drop` and `refuse` count down, `slow` is in seconds."""

    mode: str = "dedup"
    drop: int = 0
    refuse: int = 0
    slow: float = 0.0


class Recorder:
    """What has happened, by key and by job; an earlier process's file is read first."""

    def __init__(self, file: Path, manners: Manners) -> None:
        file.touch()
        self.manners = manners
        self._seen: Counter[str] = Counter()
        self._receipts: dict[str, int] = {}
        self._highest: dict[str, int] = {}
        self._seq = 0
        for line in file.read_text().splitlines():
            self._learn(Recorded(**json.loads(line)))
        self._file = os.open(file, os.O_APPEND | os.O_WRONLY)

    async def answer(self, asked: Asked) -> bytes:
        """Answer one request: an effect, a question about one, or other manners from now on."""
        address = urlsplit(asked.path)
        if address.path == "/manners":
            self.manners = Manners(**{**asdict(self.manners), **json.loads(asked.body)})
            return _json(200, asdict(self.manners))
        key = address.path.removeprefix("/effects").strip("/") or asked.headers.get("idempotency-key", "")
        if asked.method == "GET":
            receipt = self._receipts.get(key)
            return _json(404, {}) if receipt is None else _json(200, {"receipt": receipt})
        return await self._perform(asked, key, dict(parse_qsl(address.query)))

    async def _perform(self, asked: Asked, key: str, told: dict[str, str]) -> bytes:
        job = told.get("job") or key.split(".")[0]
        fence = int(asked.headers.get("easyflow-fence") or told.get("lease") or 0)
        mode = told.get("mode", self.manners.mode)
        verdict = self._judge(key, job, fence, mode, told)
        self._seq += 1
        receipt = self._receipts.get(key) if verdict == "repeated" else self._seq if verdict == "performed" else None
        dropped = receipt is not None and self._counts("drop", key, told)
        lease, name = int(told.get("lease") or fence), told.get("name", "")
        entry = Recorded(self._seq, time.time(), key, fence, job, name, lease, verdict, receipt, dropped)
        os.write(self._file, json.dumps(asdict(entry)).encode() + b"\n")
        os.fsync(self._file)
        self._learn(entry)
        await asyncio.sleep(float(told.get("slow", self.manners.slow)))
        if dropped:
            asked.writer.transport.abort()
            return b""
        status = {"performed": 200, "repeated": 200, "stale": 412, "refused": 422}[verdict]
        return _json(status, {"receipt": receipt} if receipt else {"verdict": verdict})

    def _judge(self, key: str, job: str, fence: int, mode: str, told: dict[str, str]) -> Verdict:
        if self._counts("refuse", key, told):
            return "refused"
        if "fence" in mode and fence < self._highest.get(job, 0):
            return "stale"
        return "repeated" if "dedup" in mode and key in self._receipts else "performed"

    def _counts(self, what: Literal["drop", "refuse"], key: str, told: dict[str, str]) -> bool:
        """Say whether this request is among the first so many of its key, or of all from now on."""
        if what in told:
            return self._seen[key] < int(told[what])
        left = getattr(self.manners, what)
        setattr(self.manners, what, max(left - 1, 0))
        return bool(left)

    def _learn(self, entry: Recorded) -> None:
        self._seq = max(self._seq, entry.seq)
        self._seen[entry.key] += 1
        self._highest[entry.job] = max(self._highest.get(entry.job, 0), entry.fence)
        if entry.verdict == "performed":
            self._receipts.setdefault(entry.key, entry.seq)


def _json(status: int, value: Any) -> bytes:
    return http_reply(status, json.dumps(value).encode(), content_type="application/json", connection="close")


async def _serve(file: Path, manners: Manners, port: int) -> None:
    async with http_server(Recorder(file, manners).answer, port=port) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        os._exit(0)  # a request that is held up does not keep it alive


def main() -> None:
    """Serve until standard input ends."""
    said = argparse.ArgumentParser(description="Write down effects before answering.")
    said.add_argument("file", type=Path)
    said.add_argument("--mode", choices=MODES, default="dedup")
    said.add_argument("--port", type=int, default=0)
    told = said.parse_args()
    asyncio.run(_serve(told.file, Manners(told.mode), told.port))


if __name__ == "__main__":
    main()
