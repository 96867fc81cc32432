"""A line to PostgreSQL that can be cut, fall silent, be slow, or lose the one answer that matters.

In a test: `async with running_proxy(url) as proxy`, and connect to `proxy.url`. As a process of its own, for tests that
have no event loop to spare: `with proxy_process(url) as proxy`, and `proxy.tell("cut")`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.support.project import ROOT
from tests.support.wire import ERROR, READY, Asked, Messages

Then = Literal["cut", "silence"]
SECONDS = 10.0


@dataclass(slots=True, eq=False)
class _Line:
    """One connection through the proxy: both ends, and what it waits for."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: Asked = field(default_factory=Asked)
    requests: Messages = field(default_factory=Messages)
    answers: Messages = field(default_factory=Messages)
    doomed: deque[str | None] = field(default_factory=deque)
    held: list[bytes] = field(default_factory=list)
    failed: bool = False
    silent: bool = False
    ways: list[asyncio.Task[None]] = field(default_factory=list)

    def cut(self) -> None:
        """Break it at both ends."""
        for end in (self.client, self.server):
            end.transport.abort()
        for way in self.ways:
            way.cancel()


class Proxy:
    """Carries connections to a server; every act is for all of them, those to come too, until it is taken back."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._to = url
        self._lines: set[_Line] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._delay = 0.0
        self._shut = False
        self._swallow: Counter[str] = Counter()
        self._then: Then = "cut"
        self._refuse: Counter[str] = Counter()
        self.swallowed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.url = ""

    def cut(self) -> None:
        """Break every connection; new ones are carried."""
        for line in list(self._lines):
            line.cut()

    def shut(self) -> None:
        """Break every connection and refuse new ones, until `heal`."""
        self._shut = True
        self.cut()

    def blackhole(self) -> None:
        """Carry nothing in either direction and tell neither end, until `heal`: then what was sent arrives."""
        self._open.clear()

    def delay(self, seconds: float) -> None:
        """Hold up everything, in each direction, by so many seconds."""
        self._delay = seconds

    def swallow(self, what: str, times: int = 1, then: Then = "cut") -> None:
        """Lose the server's whole answer to the next so many requests with this statement, once it has succeeded.

        `what` is COMMIT, another first word, the name in a statement's first line (`-- claim_jobs`), or the COMMIT of a
        transaction with such a statement (`COMMIT of claim_jobs`). Behind it the connection is cut, or (`silence`) says
        nothing more in either direction.
        """
        self._swallow[what] = times
        self._then = then

    def refuse(self, what: str, times: int = 1) -> None:
        """Break the connection of the next so many requests with this statement: the server never hears of them."""
        self._refuse[what] = times

    def heal(self) -> None:
        """Be an honest line again; connections that fell silent for good are cut."""
        self._open.set()
        self._delay, self._shut = 0.0, False
        self._swallow.clear()
        self._refuse.clear()
        for line in [each for each in self._lines if each.silent]:
            line.cut()

    def state(self) -> dict[str, Any]:
        """How many connections it carries, and how often which answer was swallowed."""
        return {"connections": len(self._lines), "swallowed": dict(self.swallowed), "to_swallow": dict(self._swallow)}

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side hangs up, or the line breaks."""
        if self._shut:
            writer.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, to_server)
        self._lines.add(line)
        line.ways = [
            asyncio.create_task(self._pass(line, reader, to_server, self._follow)),
            asyncio.create_task(self._pass(line, from_server, writer, self._answered)),
        ]
        await asyncio.wait(line.ways, return_when=asyncio.FIRST_COMPLETED)
        for way in line.ways:
            way.cancel()
        await asyncio.gather(*line.ways, return_exceptions=True)
        self._lines.discard(line)
        for end in (writer, to_server):
            end.close()

    async def _pass(self, line: _Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter, look: Any) -> None:
        while True:
            data = await source.read(65_536)
            if self._delay:
                await asyncio.sleep(self._delay)
            # Neither end hears of anything in a black hole, not even that the other hung up.
            await self._open.wait()
            if line.silent:
                await asyncio.Event().wait()
            if not data:
                return
            passed = look(line, data)
            if passed:
                sink.write(passed)
                await sink.drain()

    def _follow(self, line: _Line, data: bytes) -> bytes:
        """Note what is asked; every request that will be answered takes its place in the row of answers."""
        for kind, message in line.requests.split(data, opening=not line.asked.introduced):
            labels = line.asked.learn(kind, message)
            if labels is not None and self._refuses(labels):
                line.cut()
                return b""
            if labels is not None:
                line.doomed.append(self._reserve(labels))
            elif not line.asked.introduced:
                line.answers.bare += 1  # whether to encrypt: the answer is a single byte
        return data

    def _refuses(self, labels: list[str]) -> bool:
        for each in labels:
            if self._refuse[each] > 0:
                self._refuse[each] -= 1
                self.refused[each] += 1
                return True
        return False

    def _reserve(self, labels: list[str]) -> str | None:
        for each in labels:
            if self._swallow[each] > 0:
                self._swallow[each] -= 1
                return each
        return None

    def _answered(self, line: _Line, data: bytes) -> bytes:
        """Let answers pass, but hold back the doomed ones until it is known whether they succeeded."""
        passed = b""
        for kind, message in line.answers.split(data):
            doomed = line.doomed[0] if line.doomed and kind else None
            if doomed is None:
                passed += message
            else:
                line.held.append(message)
                line.failed |= kind == ERROR
            if kind == READY and line.doomed:
                line.doomed.popleft()
                if doomed is not None:
                    passed += self._lose(line, doomed)
        return passed

    def _lose(self, line: _Line, what: str) -> bytes:
        held, line.held = b"".join(line.held), []
        if line.failed:
            line.failed = False
            self._swallow[what] += 1
            return held
        self.swallowed[what] += 1
        line.silent = True
        if self._then == "cut":
            line.cut()
        return b""


@asynccontextmanager
async def running_proxy(url: str, port: int = 0) -> AsyncIterator[Proxy]:
    """A proxy in this process to the database at `url`, on a free port or the given one; cut at the end."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.carry, "127.0.0.1", port)
    address = urlsplit(url)
    place = f"{address.hostname}:{address.port}"
    proxy.url = url.replace(place, f"127.0.0.1:{server.sockets[0].getsockname()[1]}", 1)
    try:
        yield proxy
    finally:
        server.close()
        proxy.shut()
        await asyncio.sleep(0)


class ProxyProcess:
    """A proxy that is a process of its own, told what to do a line at a time."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.proxy", url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url: str = self._hear()["url"]

    def tell(self, act: str, **facts: Any) -> dict[str, Any]:
        """Have it do one of the acts of `Proxy`, such as `tell("swallow", what="COMMIT")`; returns its state then."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": act, **facts}) + "\n")
        self.process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told


@contextmanager
def proxy_process(url: str) -> Iterator[ProxyProcess]:
    """A proxy to the database at `url` in a process of its own, which ends with this one."""
    proxy = ProxyProcess(url)
    try:
        yield proxy
    finally:
        proxy.process.communicate(timeout=SECONDS)


async def _serve(url: str) -> None:
    """Do what each line of standard input says, and answer each with the proxy's state."""
    async with running_proxy(url) as proxy:
        _say({"url": proxy.url})
        while line := await asyncio.to_thread(sys.stdin.readline):
            told = json.loads(line)
            getattr(proxy, told.pop("do"))(**told)
            _say(proxy.state())
        os._exit(0)


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Carry connections until standard input ends."""
    said = argparse.ArgumentParser(description="Carry connections to PostgreSQL, and lose some of them.")
    said.add_argument("url")
    asyncio.run(_serve(said.parse_args().url))


if __name__ == "__main__":
    main()
