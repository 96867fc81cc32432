"""The dashboard of a development stack: a real Vite over stand-ins for the others, and what may be in its way."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyflow.local.dashboard import VITE
from easyflow.local.ports import free_port
from tests.support.frontend import ready_frontend
from tests.support.processes import is_alive
from tests.support.stack import Stack, fetch, stack, status
from tests.support.waiting import within

# The front end's packages may have to be installed first.
pytestmark = pytest.mark.timeout(360)

RUNNING = "Ctrl-C stops everything."
KEY = "a-key-that-is-long-enough-for-anybody"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder whose database is made by the first test and found by the others."""
    return tmp_path_factory.mktemp("checkout")


@pytest.fixture
def port() -> int:
    """Where the dashboard of this test is served."""
    return free_port()


@pytest.fixture
def with_vite(folder: Path, port: int) -> Iterator[Stack]:
    """A running stack with the dashboard from this checkout's sources."""
    with stack(folder, "--dashboard", str(port), "--frontend", str(ready_frontend())) as running:
        running.wait_for(RUNNING, seconds=60)
        yield running


def with_vite_that(folder: Path, does: str) -> Path:
    """A front end whose Vite is one line of JavaScript."""
    frontend = folder / "frontend"
    (frontend / VITE).parent.mkdir(parents=True)
    (frontend / VITE).write_text(does)
    (frontend / "vite.config.ts").touch()
    return frontend


def pages(folder: Path) -> Path:
    """A folder with a built dashboard."""
    (folder / "index.html").touch()
    return folder


def test_sources_are_served_with_hot_reload_and_pass_the_api_on(with_vite: Stack, port: int) -> None:
    page = fetch(port, "/", "localhost")
    assert page is not None
    assert page[0] == 200
    assert "/@vite/client" in page[1]
    code = fetch(port, "/src/main.tsx", "localhost")
    assert code is not None
    assert code[0] == 200
    assert "<!doctype" not in code[1]
    assert fetch(port, "/api/v1/jobs") == fetch(with_vite.port, "/api/v1/jobs") == (200, "ok")
    assert f"  Dashboard  http://localhost:{port}   (reloads when frontend/src changes)\n" in with_vite.written
    assert f"Next: open http://localhost:{port}, or from another terminal in this folder:\n" in with_vite.written


def test_vite_is_quiet_and_stops_in_order_and_at_once(with_vite: Stack, port: int) -> None:
    vite = with_vite.child(str(VITE))
    with_vite.process.send_signal(signal.SIGINT)
    assert with_vite.wait_for_end() == 0
    assert "[dashboard]" not in with_vite.written
    assert not is_alive(vite)
    assert status(port, "/") is None


def test_a_vite_that_is_killed_comes_back_at_its_port(with_vite: Stack, port: int) -> None:
    killed = with_vite.child(str(VITE))
    os.kill(killed, signal.SIGKILL)
    with_vite.wait_for("[dashboard] was killed by signal 9 (Killed); it starts again in 0.2 s")
    within(20, lambda: status(port, "/") == 200, lambda: with_vite.written)
    assert with_vite.child(str(VITE)) != killed
    assert with_vite.is_up()


def test_no_node_is_left_when_the_stack_itself_is_killed(with_vite: Stack, port: int) -> None:
    vite = with_vite.child(str(VITE))
    with_vite.process.kill()
    within(10, lambda: not is_alive(vite))
    assert status(port, "/") is None


def test_what_was_built_is_served_where_the_sources_are_not_wanted(folder: Path, port: int, tmp_path: Path) -> None:
    with stack(folder, "--dashboard", str(port), "--built", str(pages(tmp_path))) as running:
        running.wait_for(RUNNING)
        assert f"[dashboard] passing on to http://localhost:{running.port}\n" in running.written
        assert f"  Dashboard  http://localhost:{port}   (as it was built)\n" in running.written
        assert status(port, "/") == 200
        killed = running.child(".py dashboard")
        os.kill(killed, signal.SIGKILL)
        running.wait_for("[dashboard] was killed by signal 9 (Killed); it starts again in 0.2 s")
        within(10, lambda: status(port, "/") == 200)


def test_without_sources_and_pages_it_runs_and_one_line_says_why(folder: Path, port: int, tmp_path: Path) -> None:
    with stack(folder, "--dashboard", str(port), "--built", str(tmp_path)) as running:
        running.wait_for(RUNNING)
        said = [line for line in running.written.splitlines() if "ashboard" in line]
        assert said == [f"  Dashboard  none: --no-frontend was given, and there is no built dashboard in {tmp_path}"]
        assert "\nNext: from another terminal in this folder:\n" in running.written
        assert running.is_up()


def test_a_busy_port_of_the_dashboard_is_one_sentence_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with stack(tmp_path, "--dashboard", str(port), "--built", str(pages(tmp_path))) as refused:
            assert refused.wait_for_end() == 1
            assert refused.written == (
                f"refused: port {port} is in use by another program: "
                "stop that program, or choose another port with --dashboard-port\n"
            )
    assert not (tmp_path / ".easyflow" / "postgres").exists()


def test_one_port_for_both_is_refused(tmp_path: Path, port: int) -> None:
    with stack(tmp_path, "--dashboard", str(port), "--built", str(pages(tmp_path)), port=port) as refused:
        assert refused.wait_for_end() == 1
        assert refused.written == (
            f"refused: port {port} cannot serve both the API and the dashboard: "
            "choose another port with --dashboard-port\n"
        )


def test_a_dashboard_that_dies_at_its_start_is_one_sentence_after_its_own_words(
    folder: Path, port: int, tmp_path: Path
) -> None:
    broken = with_vite_that(tmp_path, 'console.error("no such plugin"); process.exit(3)')
    with stack(folder, "--dashboard", str(port), "--frontend", str(broken)) as refused:
        assert refused.wait_for_end() == 1
        assert "[dashboard] no such plugin\n" in refused.written
        assert refused.written.splitlines()[-1] == (
            "refused: the dashboard ended with exit code 3 at its start: the lines above say why, "
            "or start without it: --no-dashboard"
        )
        assert not refused.is_up()


def test_a_key_reaches_every_program_and_other_terminals_but_is_not_shown(
    folder: Path, port: int, tmp_path: Path
) -> None:
    shows = (
        "console.log(`key ${process.env.EASYFLOW_API_KEY.length}, ${process.env.EASYFLOW_API_URL}`); process.exit(0)"
    )
    with stack(
        folder, "--dashboard", str(port), "--frontend", str(with_vite_that(tmp_path, shows)), EASYFLOW_API_KEY=KEY
    ) as refused:
        refused.wait_for(f"[dashboard] key {len(KEY)}, http://localhost:{refused.port}\n")
    with stack(folder, EASYFLOW_API_KEY=KEY) as running:
        running.wait_for(RUNNING)
        shared = folder / ".easyflow" / "environment"
        assert f"export EASYFLOW_API_KEY={KEY}\n" in shared.read_text()
        assert stat.S_IMODE(shared.stat().st_mode) == 0o600
        assert "Authorization: Bearer $EASYFLOW_API_KEY" in running.written
        assert KEY not in running.written
