"""`easyflow dev` with its real programs: what a page of the dashboard does reaches the engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from easyflow.local.ports import free_port
from tests.support.frontend import ready_frontend
from tests.support.waiting import within

# The front end's packages may have to be installed first.
pytestmark = pytest.mark.timeout(360)

KEY = "a-key-that-is-long-enough-for-anybody"


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[str]:
    """The stack in a user's folder; the address of its dashboard."""
    ready_frontend()
    address = f"http://localhost:{(port := free_port())}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")}
    ports = ["--api-port", str(free_port()), "--dashboard-port", str(port)]
    output = folder / "output"
    with output.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "easyflow.cli.main", "dev", *ports],
            cwd=folder,
            env={**kept, "EASYFLOW_EXECUTORS": "1", **environment},
            stdout=written,
            stderr=written,
        )
    try:
        within(90, lambda: "worker.ready" in output.read_text(), output.read_text)
        within(90, lambda: "EasyFlow is running." in output.read_text(), output.read_text)
        assert f"  Dashboard  {address}   (reloads when frontend/src changes)\n" in output.read_text()
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert "Traceback" not in output.read_text()


def test_a_page_of_the_dashboard_submits_and_watches_and_other_pages_may_not(tmp_path: Path) -> None:
    job = {"task": "demo.echo", "payload": {"message": "hello"}}
    with running(tmp_path) as address, httpx.Client(base_url=address, timeout=20) as page:
        foreign = page.post("/api/v1/jobs", json=job, headers={"Origin": "http://evil.example"})
        assert foreign.status_code == 403
        submitted = page.post("/api/v1/jobs", json=job, headers={"Origin": address, "Sec-Fetch-Site": "same-origin"})
        assert submitted.status_code == 201, submitted.text
        ended = page.get(f"/api/v1/jobs/{submitted.json()['id']}", params={"wait_seconds": 15}).json()
        assert (ended["state"], ended["result"]["message"]) == ("SUCCEEDED", "hello")
        with page.stream("GET", "/api/v1/stream", timeout=5) as live:
            assert next(line for line in live.iter_lines() if line.startswith("event:")) == "event: hello"


def test_a_key_of_the_environment_is_asked_for_behind_the_dashboard_too(tmp_path: Path) -> None:
    with running(tmp_path, EASYFLOW_API_KEY=KEY) as address, httpx.Client(base_url=address, timeout=20) as page:
        assert page.get("/api/v1/queues").status_code == 401
        signed_in = page.post("/api/v1/session", json={"key": KEY}, headers={"Origin": address})
        assert signed_in.status_code == 200
        assert page.get("/api/v1/queues").status_code == 200
        assert json.dumps(KEY).strip('"') not in (tmp_path / "output").read_text()
