"""One PostgreSQL server as our own child: started, watched, stopped, and taken up again after a crash."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import quote

from easyflow.local.binaries import Origin
from easyflow.local.cluster import DATABASE, USER, Cluster, make_cluster
from easyflow.local.errors import CannotStart
from easyflow.local.identity import Surroundings, look_around
from easyflow.local.leftovers import stop_leftovers, wait_until_empty
from easyflow.local.placement import place_cluster
from easyflow.local.ports import free_port, is_busy

READY_SECONDS = 180.0  # crash recovery replays up to max_wal_size
FAST_SECONDS = 15.0
IMMEDIATE_SECONDS = 5.0
LARGEST_LOG = 10 * 1024 * 1024


def _silently(line: str) -> None:
    """Say nothing."""


class LocalPostgres:
    """A private server for one folder: loopback, password, durable; one owner at a time.

    Start it from the main thread: where the system can, the server is told to stop when that thread ends.
    """

    def __init__(
        self,
        home: Path,
        *,
        prefer: Origin | None = None,
        changes: Mapping[str, str] | None = None,
        here: Surroundings | None = None,
        say: Callable[[str], None] = _silently,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare for the cluster in `home`; nothing happens on disk before `start`.

        `prefer` accepts only that origin of programs, `changes` are PostgreSQL settings over the defaults, `say`
        takes lines for people, and `cancelled` is asked while waiting, so that Ctrl-C ends a long recovery.
        """
        self.home = home.absolute()
        self._prefer = prefer
        self._changes = dict(changes or {})
        self._here = here
        self._say = say
        self._cancelled = cancelled
        self._lock: IO[str] | None = None
        self._cluster: Cluster | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the server ended by itself: negative for a signal; None while it runs or after `stop`."""
        return self._server.poll() if self._server is not None else None

    @property
    def port(self) -> int:
        """The port it listens on at 127.0.0.1; chosen at the first start, kept while it is free."""
        return self._port

    @property
    def cluster(self) -> Cluster:
        """What is on disk; raises CannotStart before the first `start`."""
        if self._cluster is None:
            raise CannotStart("the local database was not started")
        return self._cluster

    def url(self, database: str = DATABASE) -> str:
        """The address of one of its databases, password included."""
        return f"postgresql://{USER}:{quote(self.cluster.password)}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Make the cluster if there is none, start the server and return when it takes connections.

        A server left behind by an owner that was killed is stopped first. Raises CannotStart in one sentence, also
        while another process owns this cluster; then nothing is left running.
        """
        try:
            self._take_lock()
            self._cluster = place_cluster(self.home, self._prefer, self._here or look_around(), self._say)
            if not self._cluster.data.exists():
                make_cluster(self._cluster, self._changes)
            self._run()
        except BaseException:
            self.stop(grace_seconds=0)
            raise

    def stop(self, grace_seconds: float = FAST_SECONDS) -> None:
        """Stop the server: fast (open transactions roll back), then immediate, then by force; give up the lock.

        Does nothing when it does not run. Returns when no process of it is left.
        """
        steps = ((signal.SIGINT, grace_seconds), (signal.SIGQUIT, IMMEDIATE_SECONDS), (signal.SIGKILL, None))
        for which, seconds in steps if grace_seconds > 0 else steps[1:]:
            if self.pid is None:
                break
            self._send(which)
            self._wait_for_end(seconds)
        self._forget()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """Kill the server without warning, as a crash would; `restart_if_dead` takes it up again."""
        self._send(signal.SIGKILL)
        self._wait_for_end(None)

    def restart_if_dead(self) -> bool:
        """Start the server again if it ended by itself; True when it had. Committed rows are all there again.

        Returns when it takes connections on the same port. Raises CannotStart when it cannot start any more.
        """
        if self.exit_code is None:
            return False
        if is_busy(self._port):
            # Those that use the server know this address: it must not move under them.
            raise CannotStart(f"PostgreSQL's port {self._port} was taken by another program: start again")
        self._run()
        return True

    def _take_lock(self) -> None:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.home / "lock").open("a")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"the local database in {self.home} is in use by another process") from None
        except OSError as wrong:
            raise CannotStart(f"the local database in {self.home} cannot be opened: {wrong.strerror}") from None

    def _run(self) -> None:
        stop_leftovers(self.cluster.data, self._say)
        for _ in range(3):
            self._port = self._choose_port()
            if self._launch_and_wait():
                return
            if not is_busy(self._port):
                break  # it did not fail for want of the port
        raise CannotStart(f"PostgreSQL did not start: {self._complaint()} (see {self.cluster.log})")

    def _choose_port(self) -> int:
        remembered = self.cluster.home / "port"
        try:
            port = int(remembered.read_text())
        except (OSError, ValueError):
            port = 0
        if not port or is_busy(port):
            port = free_port()
            remembered.write_text(f"{port}\n")
        return port

    def _launch_and_wait(self) -> bool:
        """Start the server; True when it is ready, False when it ended; raises CannotStart when neither comes."""
        cluster = self.cluster
        cluster.write_settings(self._port, self._changes)
        if cluster.log.exists() and cluster.log.stat().st_size > LARGEST_LOG:
            shutil.move(cluster.log, cluster.log.with_suffix(".old.log"))
        self._forget()
        with cluster.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal must not reach it before those that use it have ended.
            self._server = subprocess.Popen(
                cluster.command("postgres", "-D", str(cluster.data)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=cluster.home,
                env=cluster.environment(),
                start_new_session=True,
                **cluster.identity.popen_options,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self._server.poll() is not None:
                return False
            if time.monotonic() > deadline or self._cancelled():
                raise CannotStart(f"PostgreSQL did not become ready (see {cluster.log})")
            time.sleep(0.01)
        return True

    def _is_ready(self) -> bool:
        # The eighth line of postmaster.pid is how pg_ctl itself knows; it needs no client and no password.
        try:
            lines = (self.cluster.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"

    def _send(self, which: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, which)

    def _wait_for_end(self, seconds: float | None) -> None:
        if self._server is not None:
            try:
                self._server.wait(seconds)
            except subprocess.TimeoutExpired:
                return
            wait_until_empty(self.cluster.data, IMMEDIATE_SECONDS)

    def _forget(self) -> None:
        if self._server is not None and self._server.poll() is not None:
            self._server = None

    def _complaint(self) -> str:
        try:
            lines = self.cluster.log.read_text(errors="replace").splitlines()[-50:]
        except OSError:
            return "it wrote no log"
        fatal = [found[1] for line in lines if (found := re.search(r"(?:FATAL|PANIC):\s*(.*)", line))]
        return (fatal or lines or ["it said nothing"])[-1]
