"""What must hold of the started services of docker-compose.yml, tried from outside and from inside of their roots."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from scripts.compose_file import NotSet, read_services
from scripts.roots import Root, tell

API = "http://127.0.0.1:3030"
DASHBOARD = "http://127.0.0.1:3000"
JOB_SECONDS = 30


def check_refusals(compose: Path) -> None:
    """Without either secret Compose does not start anything; raises AssertionError."""
    both = {"POSTGRES_PASSWORD": "x", "EASYFLOW_API_KEY": "x"}
    for name in both:
        try:
            read_services(compose, {**both, name: ""})
        except NotSet as refused:
            tell(f"  refused: {refused}")
            continue
        raise AssertionError(f"the services start without {name}")


def check_stack(key: str, roots: Mapping[str, Root]) -> str:
    """A user's own task runs, the page is there, nobody gets in without the key, nothing can be written.

    Raises AssertionError. Returns the id of a job of three seconds that has begun: the worker has something to finish
    when it stops.
    """
    with httpx.Client(timeout=JOB_SECONDS + 10, trust_env=False) as web:
        _check_key(web, key)
        _check_job(web, key)
        _check_page(web, key)
    for name, root in roots.items():
        _check_root(name, root)
    return _leave_work(key)


def _check_key(web: httpx.Client, key: str) -> None:
    without = web.get(f"{API}/api/v1/jobs")
    wrong = web.get(f"{API}/api/v1/jobs", headers={"Authorization": "Bearer wrong-wrong-wrong-wrong"})
    right = web.get(f"{API}/api/v1/jobs", headers={"Authorization": f"Bearer {key}"})
    tell(f"  GET /api/v1/jobs: {without.status_code} without a key, {wrong.status_code} with a wrong one, "
         f"{right.status_code} with the right one")  # fmt: skip
    assert [without.status_code, wrong.status_code, right.status_code] == [401, 401, 200]


def _check_job(web: httpx.Client, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    job = {"task": "greetings.greet", "payload": {"name": "Ann"}}
    submitted = web.post(f"{API}/api/v1/jobs", json=job, headers=headers)
    assert submitted.status_code == 201, submitted.text
    address = f"{API}/api/v1/jobs/{submitted.json()['id']}"
    ended = web.get(address, params={"wait_seconds": JOB_SECONDS}, headers=headers).json()
    tell(f"  POST /api/v1/jobs: {submitted.status_code}, and the user's own task {ended['state']}: {ended['result']}")
    assert (ended["state"], ended["result"]) == ("SUCCEEDED", "Hello, Ann!"), ended


def _check_page(web: httpx.Client, key: str) -> None:
    page = web.get(f"{DASHBOARD}/")
    policy = page.headers.get("content-security-policy", "")
    tell(f"  GET :3000/ {page.status_code} {len(page.content)} bytes, {policy[:60]}")
    assert page.status_code == 200
    assert "<div id=" in page.text
    assert "default-src 'none'" in policy
    asked = web.get(f"{DASHBOARD}/api/v1/session").json()
    signed = web.post(f"{DASHBOARD}/api/v1/session", json={"key": key})
    passed = web.get(f"{DASHBOARD}/api/v1/jobs")
    scripts = re.findall(r'<script[^>]* src="([^"]+)"', page.text)
    assert scripts, page.text
    for script in scripts:
        code = web.get(urljoin(f"{DASHBOARD}/", script))
        tell(f"  GET {script}: {code.status_code} {code.headers.get('content-type')}, {len(code.content)} bytes")
        assert code.status_code == 200
        assert "javascript" in code.headers["content-type"]
    tell(f"  through :3000: session {asked}, sign-in {signed.status_code}, GET /api/v1/jobs {passed.status_code}")
    assert asked == {"required": True, "signed_in": False}
    assert [signed.status_code, passed.status_code] == [200, 200]


def _check_root(name: str, root: Root) -> None:
    """Its files cannot be changed, only the folder in memory can."""
    tried = "from pathlib import Path; Path('/app/x').write_text('x')"
    allowed = "import tempfile; tempfile.TemporaryFile().write(b'x')"
    refused = subprocess.run(root.command("python", "-c", tried), check=False, capture_output=True, text=True)
    written = subprocess.run(root.command("python", "-c", allowed), check=False, capture_output=True, text=True)
    tell(f"  {name}: writing to /app: {refused.stderr.strip().splitlines()[-1]}; to the folder in memory: allowed")
    assert "Read-only file system" in refused.stderr
    assert written.returncode == 0, written.stderr


def _leave_work(key: str) -> str:
    job = {"task": "demo.sleep", "payload": {"seconds": 3}}
    submitted = _ask(key, "POST", "/api/v1/jobs", job)
    deadline = time.monotonic() + JOB_SECONDS
    while (state := _ask(key, "GET", f"/api/v1/jobs/{submitted['id']}")["state"]) != "RUNNING":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    tell("  a job of three seconds is RUNNING while they are stopped")
    return str(submitted["id"])


def check_drained(key: str, job_id: str) -> None:
    """The worker is gone and finished first what it had begun; raises AssertionError."""
    state = _ask(key, "GET", f"/api/v1/jobs/{job_id}")["state"]
    tell(f"  that job is {state}")
    assert state == "SUCCEEDED", state


def _ask(key: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    with httpx.Client(timeout=10, trust_env=False, headers={"Authorization": f"Bearer {key}"}) as web:
        answer = web.request(method, f"{API}{path}", json=body)
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json()
    return found
