"""A private PostgreSQL: its start, its manners, and what is left after a crash."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import pytest

from easyflow.local.binaries import find_binaries
from easyflow.local.errors import CannotStart
from easyflow.local.identity import Surroundings
from easyflow.local.leftovers import workers_in
from easyflow.local.placement import remove_cluster
from easyflow.local.ports import is_busy
from easyflow.local.postgres import LocalPostgres
from tests.support.postgres import running_server
from tests.support.waiting import within

ABANDON = """
import os, signal, sys
from pathlib import Path
from easyflow.local import cluster
from easyflow.local.postgres import LocalPostgres
if sys.argv[2] == "untied":
    cluster.tether = lambda name: ()
server = LocalPostgres(Path(sys.argv[1]), prefer=sys.argv[3])
server.start()
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A durable server in a folder that only its owner may enter; tests may kill it."""
    with running_server(tmp_path_factory.mktemp("durable"), durable=True) as server:
        yield server


async def ask(url: str, *statements: str) -> list[object]:
    """The first value of each statement, over one connection that is closed afterwards."""
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(statement) for statement in statements]
    finally:
        await connection.close()


def abandon(server: LocalPostgres, tied: str) -> int:
    """Start the server in another process and kill that process; returns the server's process id."""
    command = [sys.executable, "-c", ABANDON, str(server.home), tied, server.cluster.binaries.origin]
    owner = subprocess.run(command, check=False, capture_output=True, text=True)
    assert owner.returncode == -signal.SIGKILL, owner.stderr
    return int(owner.stdout)


@contextmanager
def a_stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        yield stranger
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_new_database_is_durable_and_reachable_on_loopback_only(server: LocalPostgres) -> None:
    shown = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "listen_addresses")
    values = await ask(server.url(), *(f"show {name}" for name in shown), "show unix_socket_directories")
    assert values == ["on", "on", "on", "on", "127.0.0.1", ""]
    assert await ask(server.url(), "show server_encoding", "select 'Z' collate \"default\" < 'a'") == ["UTF8", True]


async def test_settings_of_ours_are_taken_from_the_file(server: LocalPostgres) -> None:
    assert await ask(server.url(), "show client_connection_check_interval", "show jit") == ["500ms", "off"]
    wrong = "select string_agg(name || ': ' || error, ', ') from pg_file_settings where error is not null"
    assert await ask(server.url(), wrong) == [None]


async def test_a_wrong_password_is_refused(server: LocalPostgres) -> None:
    right = server.cluster.password
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url().replace(right, "x" + right))


def test_nobody_else_may_read_the_password_or_the_data(server: LocalPostgres) -> None:
    assert stat.S_IMODE((server.cluster.home / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(server.cluster.data.stat().st_mode) == 0o700


async def test_committed_rows_survive_a_kill_and_uncommitted_ones_do_not(server: LocalPostgres) -> None:
    await ask(server.url(), "drop table if exists kept", "create table kept (n int)", "insert into kept values (1)")
    open_end = await asyncpg.connect(server.url())
    await open_end.execute("begin; insert into kept values (2)")
    port, killed = server.port, server.pid
    server.kill()
    open_end.terminate()
    assert server.exit_code == -signal.SIGKILL
    assert server.restart_if_dead()
    assert server.pid != killed
    assert server.port == port
    assert await ask(server.url(), "select array_agg(n) from kept") == [[1]]
    assert not server.restart_if_dead()


async def test_the_database_and_its_port_are_the_same_after_a_stop(server: LocalPostgres) -> None:
    await ask(server.url(), "create table if not exists stays (n int)")
    before = server.url()
    server.stop()
    assert server.pid is None
    assert workers_in(server.cluster.data) == []
    server.start()
    assert server.url() == before
    assert await ask(server.url(), "select count(*) from stays") == [0]


async def test_a_stop_does_not_wait_for_open_transactions(server: LocalPostgres) -> None:
    idle = await asyncpg.connect(server.url())
    await idle.execute("begin")
    server.stop(grace_seconds=5)
    assert workers_in(server.cluster.data) == []
    idle.terminate()
    server.start()


async def test_the_port_moves_when_another_program_has_taken_it(server: LocalPostgres) -> None:
    before = server.port
    server.stop()
    with socket.create_server(("127.0.0.1", before)):
        server.start()
    assert server.port != before
    assert await ask(server.url(), "select 1") == [1]


def test_a_dead_server_does_not_move_from_the_address_its_users_know(server: LocalPostgres) -> None:
    server.kill()
    with (
        socket.create_server(("127.0.0.1", server.port)),
        pytest.raises(CannotStart, match=f"port {server.port} was taken by another program"),
    ):
        server.restart_if_dead()
    assert server.restart_if_dead()


def test_a_second_owner_is_refused(server: LocalPostgres) -> None:
    with pytest.raises(CannotStart, match="in use by another process"):
        LocalPostgres(server.home).start()
    assert is_busy(server.port)


async def test_a_stale_pid_file_that_names_a_stranger_is_no_obstacle(server: LocalPostgres) -> None:
    server.stop()
    with a_stranger() as stranger:
        stale = [str(stranger.pid), str(server.cluster.data), "1", str(server.port), "", "127.0.0.1", "1 1", "ready"]
        (server.cluster.data / "postmaster.pid").write_text("\n".join(stale) + "\n")
        server.start()
        assert await ask(server.url(), "select 1") == [1]
        assert stranger.poll() is None


@pytest.mark.parametrize("tied", ["tied", "untied"])
async def test_a_server_whose_owner_was_killed_is_stopped_and_taken_over(server: LocalPostgres, tied: str) -> None:
    server.stop()
    abandoned = abandon(server, tied)
    if tied == "tied" and sys.platform == "linux":
        within(10, lambda: not workers_in(server.cluster.data))
    else:
        assert abandoned in workers_in(server.cluster.data)
    server.start()
    assert server.pid != abandoned
    assert await ask(server.url(), "select 1") == [1]


def test_the_data_of_another_version_is_refused_in_one_sentence(server: LocalPostgres) -> None:
    server.stop()
    version = server.cluster.data / "PG_VERSION"
    right = version.read_text()
    version.write_text("12\n")
    try:
        with pytest.raises(CannotStart, match="made by PostgreSQL 12"):
            server.start()
    finally:
        version.write_text(right)
        server.start()


def test_broken_data_is_one_sentence_with_the_servers_own_words(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        control = server.cluster.data / "global" / "pg_control"
    control.unlink()
    with pytest.raises(CannotStart, match=r"PostgreSQL did not start: .*pg_control"):
        server.start()
    assert workers_in(server.cluster.data) == []


def test_an_interrupted_making_is_begun_again(tmp_path: Path) -> None:
    half_made = tmp_path / "data.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("1")
    with running_server(tmp_path) as server:
        assert server.pid
    assert not half_made.exists()


if os.geteuid() == 0:  # what only root can try

    async def test_root_without_namespaces_runs_it_as_nobody_in_a_folder_nobody_can_reach(tmp_path: Path) -> None:
        said: list[str] = []
        locked = tmp_path / "only-root"
        locked.mkdir(mode=0o700)
        home = locked / "postgres"
        here = Surroundings(root=True, named=True, namespaces=False)
        server = LocalPostgres(home, here=here, say=said.append, changes={"fsync": "off"})
        with ExitStack() as stack:
            stack.callback(lambda: remove_cluster(home))
            stack.callback(server.stop)
            server.start()
            assert server.cluster.data.stat().st_uid == 65_534
            assert said == [
                f"root may not make user namespaces here, so PostgreSQL and its data are in {server.cluster.home}"
            ]
            await ask(server.url(), "create table kept as select 1 as n")
            server.kill()
            assert server.restart_if_dead()
            assert await ask(server.url(), "select n from kept") == [1]
            refuge = server.cluster.home
        assert not refuge.exists()
        assert not home.exists()

    def test_the_data_of_another_user_is_refused_in_one_sentence(tmp_path: Path) -> None:
        major = find_binaries().major
        data = tmp_path / "data"
        data.mkdir()
        (data / "PG_VERSION").write_text(f"{major}\n")
        os.chown(data, 65_534, 65_534)
        with pytest.raises(CannotStart, match="belongs to nobody"):
            LocalPostgres(tmp_path).start()
