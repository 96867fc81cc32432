"""The API as a process of its own, asked over real connections."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from easyflow.errors import Misconfigured
from easyflow.local.ports import free_port, loopback_addresses
from easyflow.serving.listening import listen
from tests.conftest import Connect
from tests.support.api import problem, register_tasks
from tests.support.factories import TASK

SERVE = """
import sys
from easyflow.api.server import serve
from easyflow.settings import settings
serve(settings(), sys.argv[1], int(sys.argv[2]))
"""
MIB = 1024 * 1024


class Served:
    """One API process; `ready` before anything else."""

    def __init__(self, url: str, host: str = "localhost") -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, host, str(self.port)],
            env={**os.environ, "EASYFLOW_DATABASE_URL": url, "EASYFLOW_DATABASE_DIRECT_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.client = httpx.AsyncClient(base_url=f"http://localhost:{self.port}", timeout=20)

    async def ready(self) -> None:
        """Return once it can work."""
        async with asyncio.timeout(30):
            while not await self._is_ready():
                assert self.process.poll() is None, self.output()
                await asyncio.sleep(0.05)

    async def ended(self) -> int:
        """Return its exit code."""
        return await asyncio.to_thread(self.process.wait, 20)

    def output(self) -> str:
        """Everything it wrote, once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()

    def largest_memory(self) -> int:
        """The most memory it ever had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    async def end(self) -> None:
        """Stop it whatever its state."""
        await self.client.aclose()
        if self.process.poll() is None:
            self.process.kill()
            await self.ended()
        assert self.process.stdout is not None
        self.process.stdout.close()

    async def _is_ready(self) -> bool:
        try:
            return (await self.client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
async def served(database_url: str, connect: Connect) -> AsyncIterator[Served]:
    """The API on the test's database, ready, with a task that takes everything."""
    await register_tasks(await connect())
    process = Served(database_url)
    try:
        await process.ready()
        yield process
    finally:
        await process.end()


async def test_every_name_of_this_machine_is_answered(served: Served) -> None:
    hosts = ["localhost", *(f"[{each}]" if ":" in each else each for each in loopback_addresses())]
    for host in hosts:
        reply = await served.client.get(f"http://{host}:{served.port}/healthz")
        assert (host, reply.status_code) == (host, 200)


async def test_fifty_parallel_submits_over_as_many_connections_make_one_job(served: Served) -> None:
    replies = await asyncio.gather(
        *(served.client.post("/api/v1/jobs", json={"task": TASK}, headers={"idempotency-key": "k"}) for _ in range(50))
    )
    assert sorted(reply.status_code for reply in replies) == [200] * 49 + [201]
    assert len({reply.json()["id"] for reply in replies}) == 1


async def test_a_stop_answers_what_has_begun_and_ends_well(served: Served) -> None:
    submitted = await served.client.post("/api/v1/jobs", json={"task": TASK})
    address = f"/api/v1/jobs/{submitted.json()['id']}"
    looks = [asyncio.create_task(served.client.get(address, params={"wait_seconds": 60})) for _ in range(3)]
    # The looks have arrived when a later question on another connection was answered.
    await asyncio.sleep(0)
    await asyncio.gather(*(served.client.get("/healthz") for _ in range(5)))
    served.process.send_signal(signal.SIGTERM)
    for look in looks:
        assert (await look).json()["state"] == "READY"
    assert await served.ended() == 0
    output = served.output()
    assert "api.stopped" in output
    assert "Traceback" not in output


async def test_ctrl_c_ends_it_well_too(served: Served) -> None:
    served.process.send_signal(signal.SIGINT)
    assert await served.ended() == 0


async def test_a_killed_api_leaves_its_port_to_the_next_one(served: Served, database_url: str) -> None:
    served.process.kill()
    await served.ended()
    for bound in listen("localhost", served.port, keyed=False):
        bound.close()


async def test_a_body_without_end_is_refused_with_flat_memory(served: Served) -> None:
    await served.client.post("/api/v1/jobs", json={"task": TASK})
    before = served.largest_memory()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        b"POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n%b\r\n" % (MIB, b" " * MIB)
    for _ in range(256):
        writer.write(chunk)
        await writer.drain()
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 413 ")
    assert served.largest_memory() - before < 16 * MIB
    assert (await served.client.get("/readyz")).status_code == 200


async def test_what_is_no_http_is_refused_and_harms_nobody(served: Served) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET \r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(sent)
        assert (await asyncio.wait_for(reader.read(), 20)).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 "))
        writer.close()
        await writer.wait_closed()
    assert (await served.client.get("/healthz")).status_code == 200


async def test_another_sites_name_for_this_machine_is_refused(served: Served) -> None:
    problem(await served.client.get("/readyz", headers={"host": "rebound.example.org"}), 403, "forbidden")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org", "", "host.localhost"])  # noqa: S104
def test_an_address_others_could_reach_is_refused(host: str) -> None:
    with pytest.raises(Misconfigured, match="set EASYFLOW_API_KEY"):
        listen(host, 0, keyed=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_port_in_use_is_one_clear_sentence(host: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured) as refused:
            listen(host, port, keyed=False)
    assert refused.value.message == (
        f"port {port} is in use by another program: stop that program, or choose another port with --port"
    )


def test_a_single_loopback_address_is_listened_on_alone() -> None:
    bound = listen("127.0.0.2", 0, keyed=False)
    try:
        assert [each.getsockname()[0] for each in bound] == ["127.0.0.2"]
    finally:
        for each in bound:
            each.close()
