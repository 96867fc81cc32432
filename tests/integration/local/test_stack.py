"""The development stack over stand-ins for the API and the worker, with a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from easyflow.local.leftovers import workers_in
from easyflow.local.ports import free_port, loopback_addresses
from tests.support.processes import is_alive
from tests.support.stack import data_of, stack
from tests.support.waiting import within


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder whose database is made by the first test and found by the others."""
    return tmp_path_factory.mktemp("checkout")


def test_it_starts_everything_says_what_next_and_stops_it_in_order(folder: Path) -> None:
    with stack(folder) as running:
        running.wait_for("Ctrl-C stops everything.")
        address = f"http://localhost:{running.port}"
        for words in ("[migrate] migrating easyflow,", address, "demo.echo", "demo mainframe"):
            assert words in running.written
        assert [host for host in ("localhost", *loopback_addresses()) if not running.is_up(host)] == []
        children = [running.child(".py api"), running.child(".py worker"), running.child("/postgres -D")]
        running.process.send_signal(signal.SIGINT)
        assert running.wait_for_end() == 0
        assert "Stopping" in running.written
        assert running.written.rstrip().endswith("[worker] drained")
        assert not running.is_up()
        assert [pid for pid in children if is_alive(pid)] == []
        assert workers_in(data_of(folder)) == []


def test_a_second_start_takes_less_than_five_seconds(folder: Path) -> None:
    with stack(folder) as first:
        first.wait_for("Ctrl-C stops everything.")
    with stack(folder) as second:
        second.wait_for("Ctrl-C stops everything.", seconds=5)


def test_children_and_the_database_come_back_when_they_are_killed(folder: Path) -> None:
    with stack(folder) as running:
        running.wait_for("Ctrl-C stops everything.")
        for name, command in (("worker", ".py worker"), ("api", ".py api"), ("postgres", "/postgres -D")):
            killed = running.child(command)
            os.kill(killed, signal.SIGKILL)
            running.wait_for(f"[{name}] was killed by signal 9 (Killed); it starts again in 0.2 s")
        running.wait_for("[postgres] is back, with everything that was committed")
        within(10, running.is_up)
        within(10, lambda: running.written.count("[worker] working") == 2)
        assert running.child(".py worker") != killed


def test_a_second_stack_in_one_folder_is_refused_and_the_first_goes_on(folder: Path) -> None:
    with stack(folder) as first:
        first.wait_for("Ctrl-C stops everything.")
        for words in ((), ("--reset",)):
            with stack(folder, *words) as second:
                assert second.wait_for_end() == 1
                assert second.written == (
                    f"refused: another EasyFlow is running in this folder (process {first.process.pid}): "
                    "stop it, or work in another folder\n"
                )
        assert first.is_up()


def test_nothing_is_left_when_it_is_killed_itself(folder: Path) -> None:
    with stack(folder) as running:
        running.wait_for("Ctrl-C stops everything.")
        children = [running.child(".py api"), running.child(".py worker")]
        running.process.kill()
        within(10, lambda: not any(map(is_alive, children)))
        within(10, lambda: not workers_in(data_of(folder)))
    with stack(folder, port=running.port) as again:
        again.wait_for("Ctrl-C stops everything.")


def test_a_busy_port_is_one_sentence(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with stack(folder, port=port) as refused:
            assert refused.wait_for_end() == 1
            assert refused.written == (
                f"refused: port {port} is in use by another program: "
                "stop that program, or choose another port with --api-port\n"
            )


def test_failed_migrations_are_one_sentence_after_their_own_words(folder: Path) -> None:
    with stack(folder, STAND_IN_MIGRATE="2") as refused:
        assert refused.wait_for_end() == 1
        assert refused.written.splitlines() == [
            "[migrate] migrating easyflow, directly easyflow",
            "refused: the database could not be brought up to date: the lines above say why",
        ]
    assert workers_in(data_of(folder)) == []


def test_the_demo_runs_after_the_start_and_its_exit_code_is_passed_on(folder: Path) -> None:
    with stack(folder, "--demo", "--exit-when-done") as running:
        assert running.wait_for_end() == 7
        assert "[demo] posted mainframe" in running.written


def test_after_the_demo_it_keeps_running_until_ctrl_c(folder: Path) -> None:
    with stack(folder, "--demo") as running:
        running.wait_for("[demo] ended with exit code 7")
        assert running.is_up()
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_for_end() == 0


def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    nobody_there = free_port()
    url = f"postgresql://someone:secret@127.0.0.1:{nobody_there}/app"
    with stack(tmp_path, EASYFLOW_DATABASE_URL=url) as refused:
        assert refused.wait_for_end() == 1
        start = f"refused: the database at 127.0.0.1:{nobody_there}/app (EASYFLOW_DATABASE_URL) cannot be used: "
        assert refused.written.startswith(start)
        assert refused.written.count("\n") == 1
        assert "secret" not in refused.written


def test_a_given_database_is_used_and_left_running(tmp_path: Path, database_url: str) -> None:
    with stack(tmp_path, EASYFLOW_DATABASE_URL=database_url) as running:
        running.wait_for(f"[migrate] migrating {database_url.rpartition('/')[2]}")
        running.wait_for("Ctrl-C stops everything.")
    assert not data_of(tmp_path).exists()
    with stack(tmp_path, "--reset", EASYFLOW_DATABASE_URL=database_url) as refused:
        assert refused.wait_for_end() == 1
        assert "--reset removes the local database only" in refused.written


def test_a_direct_address_without_its_database_is_not_used(folder: Path) -> None:
    with stack(folder, EASYFLOW_DATABASE_DIRECT_URL="postgresql://127.0.0.1/other") as running:
        running.wait_for("[migrate] migrating easyflow, directly easyflow\n")


def test_a_reset_asks_and_removes_the_database_on_yes_only(tmp_path: Path) -> None:
    with stack(tmp_path) as running:
        running.wait_for("Ctrl-C stops everything.")
    password = tmp_path / ".easyflow" / "postgres" / "password"
    first = password.read_text()
    with stack(tmp_path, "--reset") as asked:
        asked.answer("no")
        assert asked.wait_for_end() == 1
        assert asked.written.endswith("Nothing was removed.\n")
    assert password.read_text() == first
    with stack(tmp_path, "--reset") as asked:
        asked.answer("yes")
        asked.wait_for("Ctrl-C stops everything.")
        assert password.read_text() != first


def test_ctrl_c_at_the_question_removes_nothing(tmp_path: Path) -> None:
    data_of(tmp_path).mkdir(parents=True)
    with stack(tmp_path, "--reset") as asked:
        asked.wait_for("?")
        asked.process.send_signal(signal.SIGINT)
        assert asked.wait_for_end() == 130
    assert data_of(tmp_path).exists()
