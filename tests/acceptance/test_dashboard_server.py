"""The dashboard and the API as processes of their own, with a key, and without one where they need it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from easyflow.local.ports import free_port
from tests.conftest import Connect
from tests.support.access import KEY, bearer, session_of
from tests.support.api import problem, register_tasks
from tests.support.dashboard import build
from tests.support.factories import TASK
from tests.support.waiting import until

DASHBOARD = """
import sys
from pathlib import Path
from easyflow.dashboard.server import serve
from easyflow.settings import settings
serve(settings(), sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
"""
COMMAND = [sys.executable, "-m", "easyflow.cli.main"]
MIB = 1024 * 1024


def surroundings(folder: Path, **changes: str) -> dict[str, str]:
    """The environment without any setting of ours but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")}
    return kept | {"HOME": str(folder)} | {f"EASYFLOW_{name.upper()}": value for name, value in changes.items()}


class Pair:
    """An API on every address of this machine, which asks for its key, and a dashboard's server before it."""

    def __init__(self, folder: Path, url: str) -> None:
        api_port, self.port = free_port(), free_port()
        self.log = folder / "log"
        environment = surroundings(
            folder, database_url=url, api_key=KEY, api_url=f"http://localhost:{api_port}", dashboard_prefix="/flows"
        )
        self._environment, self._folder = environment, folder
        self._api = [*COMMAND, "api", "--host", "0.0.0.0", "--port", str(api_port)]  # noqa: S104
        self.api = self._started(self._api)
        static = str(build(folder / "static"))
        self.dashboard = self._started([sys.executable, "-c", DASHBOARD, "localhost", str(self.port), static])
        self.origin = f"http://localhost:{self.port}"
        self.client = httpx.AsyncClient(base_url=f"{self.origin}/flows", timeout=20)

    async def lose_api(self) -> None:
        """Kill the API."""
        self.api.kill()
        await asyncio.to_thread(self.api.wait, 20)

    def restart_api(self) -> None:
        """Start the API again, where it was."""
        self.api = self._started(self._api)

    async def is_ready(self) -> bool:
        """Whether both answer."""
        try:
            return (await self.client.get("/api/v1/session")).status_code == 200
        except httpx.TransportError:
            return False

    async def sign_in(self) -> None:
        """Trade the key for a cookie, which the client keeps."""
        reply = await self.client.post("/api/v1/session", json={"key": KEY}, headers={"origin": self.origin})
        assert session_of(reply)["path"] == "/flows"

    def largest_memory(self) -> int:
        """The most memory the dashboard's server ever had, in bytes."""
        status = Path(f"/proc/{self.dashboard.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    async def end(self) -> None:
        """Stop both whatever their state."""
        await self.client.aclose()
        for process in (self.dashboard, self.api):
            process.kill()
            await asyncio.to_thread(process.wait, 20)

    def _started(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)


@pytest.fixture
async def pair(tmp_path: Path, database_url: str, connect: Connect) -> AsyncIterator[Pair]:
    """Both servers, answering, with a task that takes everything."""
    await register_tasks(await connect())
    processes = Pair(tmp_path, database_url)
    try:
        await until(30, processes.is_ready, processes.log.read_text)
        yield processes
    finally:
        await processes.end()


async def test_a_person_signs_in_submits_and_watches_and_the_server_still_stops_promptly(pair: Pair) -> None:
    assert '<base href="/flows/">' in (await pair.client.get("/jobs/anything")).text
    problem(await pair.client.get("/api/v1/jobs"), 401, "unauthenticated")
    await pair.sign_in()
    async with pair.client.stream("GET", "/api/v1/stream") as stream:
        events = stream.aiter_lines()
        assert [line async for line in _until(events, "event: hello")]
        reply = await pair.client.post("/api/v1/jobs", json={"task": TASK}, headers={"origin": pair.origin})
        assert reply.status_code == 201, reply.text
        assert [line async for line in _until(events, "event: changed")]
        asked = time.monotonic()
        pair.dashboard.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(pair.dashboard.wait, 20) == 0
        assert time.monotonic() - asked < 6  # of the eight seconds that other answers get
        async for _ in events:
            continue  # to its end, which is no error
    log = pair.log.read_text()
    assert "dashboard.stopped" in log
    assert "Traceback" not in log
    assert KEY not in log


async def test_a_large_body_passes_through_flat_memory(pair: Pair) -> None:
    reply = await pair.client.post("/api/v1/jobs", json={"task": TASK}, headers=bearer())
    assert reply.status_code == 201, reply.text
    before = pair.largest_memory()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(31):
            yield b" " * MIB
        yield b'{"jobs": [{"task": "%b"}]}' % TASK.encode()

    headers = {**bearer(), "content-type": "application/json"}
    reply = await pair.client.post("/api/v1/jobs/batch", content=body(), headers=headers)
    assert reply.status_code == 201, reply.text
    assert pair.largest_memory() - before < 12 * MIB


async def test_the_api_that_comes_back_is_found_again(pair: Pair) -> None:
    await pair.sign_in()
    await pair.lose_api()
    reply = await pair.client.get("/api/v1/jobs")
    problem(reply, 503, "api_unavailable")
    assert reply.headers["retry-after"] == "2"
    assert (await pair.client.get("/")).status_code == 200
    pair.restart_api()
    await until(30, pair.is_ready, pair.log.read_text)
    assert (await pair.client.get("/api/v1/jobs")).status_code == 200  # with the session of before


@pytest.mark.parametrize("server", ["api", "dashboard"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])  # noqa: S104
def test_where_others_could_reach_it_no_server_starts_without_a_key(tmp_path: Path, server: str, host: str) -> None:
    environment = surroundings(tmp_path, database_url="postgresql://unused")
    ended = subprocess.run(
        [*COMMAND, server, "--host", host, "--port", str(free_port())],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"others could reach the address {host}: set EASYFLOW_API_KEY, or listen on localhost" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("server", ["api", "dashboard"])
def test_no_server_starts_with_a_weak_key(tmp_path: Path, server: str) -> None:
    environment = surroundings(tmp_path, database_url="postgresql://unused", api_key="hunter2hunter2")
    ended = subprocess.run(
        [*COMMAND, server], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "EASYFLOW_API_KEY: " in ended.stderr
    assert "at least 20 visible ASCII characters" in ended.stderr
    assert "hunter2" not in ended.stderr
    assert ended.stderr.count("\n") == 1


async def _until(lines: AsyncIterator[str], wanted: str) -> AsyncIterator[str]:
    """The lines up to the wanted one; nothing when the stream ends before."""
    async with asyncio.timeout(15):
        async for line in lines:
            if line == wanted:
                yield line
                return
