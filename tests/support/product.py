"""EasyFlow as it is installed: API, worker and built dashboard over one database, each a process of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from easyflow.local.ports import free_port
from tests.support.frontend import FRONTEND_SECONDS, ready_frontend
from tests.support.plain_http import PLAIN, is_served
from tests.support.project import ROOT
from tests.support.waiting import until

STATIC = ROOT / "backend/easyflow/dashboard/static"
SOURCES = ("src", "public", "index.html", "vite.config.ts", "package-lock.json")
# A test does not wait as long as a night run does.
QUICK = {"lease_seconds": "3", "renew_seconds": "1", "drain_grace_seconds": "1", "executors": "1"}
COMMAND = [sys.executable, "-m", "easyflow.cli.main"]
PARTS = ("api", "worker", "dashboard")


def built_dashboard() -> Path:
    """The built pages, built anew when a source is younger than they are; of several callers at once one builds."""
    ready_frontend("all")
    with (ROOT / "frontend/vite.config.ts").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_old():
            command = [
                str(ROOT / "scripts/with-node.sh"),
                "npm",
                "run",
                "--silent",
                "build",
                "--",
                "--logLevel",
                "warn",
            ]
            done = subprocess.run(
                command, cwd=ROOT / "frontend", check=False, capture_output=True, text=True, timeout=FRONTEND_SECONDS
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return STATIC


def _is_old() -> bool:
    page = STATIC / "index.html"
    roots = [ROOT / "frontend" / name for name in SOURCES]
    # A file that was removed shows in the time of its folder.
    files = [each for root in roots for each in (root, *root.rglob("*"))]
    return not page.is_file() or page.stat().st_mtime < max(file.stat().st_mtime for file in files)


class Product:
    """One installation; a part may be killed and started again at its port."""

    def __init__(self, database_url: str, folder: Path, *, prefix: str = "", **settings: str) -> None:
        """Prepare it, without starting anything; `settings` are named as in `Settings`."""
        self.folder = folder
        self.database_url = database_url
        self.api_port, self.port = free_port(), free_port()
        self.origin = f"http://localhost:{self.port}"
        self.address = f"{self.origin}{prefix}"
        known = {"database_url": database_url, "api_url": self.api_url, "dashboard_prefix": prefix, **QUICK, **settings}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")}
        self._environment = {**kept, **{f"EASYFLOW_{name.upper()}": value for name, value in known.items()}}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        key = {"Authorization": f"Bearer {settings['api_key']}"} if "api_key" in settings else {}
        self.api = httpx.AsyncClient(
            base_url=f"{self.api_url}/api/v1", headers=key, timeout=30, trust_env=False, verify=PLAIN
        )

    @property
    def api_url(self) -> str:
        """Where the API listens."""
        return f"http://localhost:{self.api_port}"

    async def start(self, *parts: str) -> None:
        """Start these parts, by default all, and return when they are ready."""
        named = parts or PARTS
        for part in named:
            self._running[part] = self._started(part)
        for part in named:
            await until(60, partial(self._is_ready, part), partial(self.log, part))

    async def kill(self, *parts: str) -> None:
        """End these parts at once, as a crash does."""
        for part in parts:
            process = self._running.pop(part)
            process.kill()
            await asyncio.to_thread(process.wait, 20)

    async def end(self) -> None:
        """End whatever runs; a worker first gets the moment it needs to take its executors along."""
        await self.api.aclose()
        for part in list(self._running):
            self._running[part].terminate()
            try:
                await asyncio.to_thread(self._running[part].wait, 15)
            except subprocess.TimeoutExpired:
                self._running[part].kill()
            self._running.pop(part).wait(10)

    def log(self, part: str) -> str:
        """The end of what a part wrote."""
        return (self.folder / f"{part}.log").read_text(errors="replace")[-4000:]

    async def submit(self, task: str, payload: Any = None, **facts: Any) -> str:
        """Submit a job to the API; its id."""
        reply = await self.api.post("/jobs", json={"task": task, "payload": payload or {}, **facts})
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    async def job(self, job_id: str) -> dict[str, Any]:
        """What the API says of a job."""
        found: dict[str, Any] = (await self.api.get(f"/jobs/{job_id}")).raise_for_status().json()
        return found

    async def until_state(self, job_id: str, *states: str, seconds: float = 20) -> dict[str, Any]:
        """Wait until a job is in one of these states; what the API then says of it."""
        found: dict[str, Any] = {}

        async def there() -> bool:
            found.update(await self.job(job_id))
            return found["state"] in states

        await until(seconds, there, lambda: f"{job_id} is {found.get('state')}\n{self.log('worker')}")
        return found

    async def dead_letter(self, **payload: Any) -> str:
        """A job of demo.fail that has become a dead letter; its id."""
        job_id = await self.submit("demo.fail", payload or {"message": "the ledger is closed"}, max_attempts=1)
        await self.until_state(job_id, "FAILED")
        return job_id

    async def ask(self, question: str, *arguments: Any) -> Any:
        """One value from the database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetchval(question, *arguments)
        finally:
            await connection.close(timeout=5)

    def _started(self, part: str) -> subprocess.Popen[bytes]:
        ports = {"api": self.api_port, "dashboard": self.port}
        words = ["--host", "localhost", "--port", str(ports[part])] if part in ports else []
        with (self.folder / f"{part}.log").open("ab") as written:
            return subprocess.Popen(
                [*COMMAND, part, *words],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
            )

    async def _is_ready(self, part: str) -> bool:
        assert self._running[part].poll() is None, f"{part} ended:\n{self.log(part)}"
        if part == "worker":
            return "worker.ready" in self.log(part)
        url = f"{self.api_url}/readyz" if part == "api" else f"{self.address}/api/v1/session"
        return await is_served(url)
