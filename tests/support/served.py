"""The API as a process of its own, on a port of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from easyflow.local.ports import free_port
from tests.support.plain_http import PLAIN
from tests.support.waiting import within

_SERVE = "import sys; from easyflow.cli.main import run; sys.argv = ['easyflow', 'api', *sys.argv[1:]]; run()"


@contextmanager
def served_api(database_url: str) -> Iterator[str]:
    """Serve a database until the end; its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, "--port", str(port)],
        env={**os.environ, "EASYFLOW_DATABASE_URL": database_url, "EASYFLOW_DATABASE_DIRECT_URL": database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        within(30, lambda: process.poll() is not None or _is_ready(address))
        assert process.poll() is None, "the API did not start"
        yield address
    finally:
        process.kill()
        process.wait(20)


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", verify=PLAIN, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
