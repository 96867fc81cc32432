"""The process that makes others: it has imported the tasks, runs no loop and no thread, and forks for each attempt.

Its door is a socket that all executors write to; each message brings a channel to its executor and the request.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from easyflow.engine import isolated_child
from easyflow.engine.keeper import Handler, keep
from easyflow.engine.offspring import Offspring
from easyflow.engine.parent import die_with_parent
from easyflow.errors import Misconfigured
from easyflow.failpoints import arm
from easyflow.observability import record
from easyflow.observability.logging import configure
from easyflow.registry import load
from easyflow.settings import settings

EXIT_MISCONFIGURED = 78


def serve(door: socket.socket, run: Handler) -> NoReturn:
    """Fork for each message, until the door closes; what a keeper leaves behind that was killed is ended."""
    offspring, keepers = Offspring(), set[int]()
    while True:
        heard = offspring.wait(door)
        if offspring.deaths in heard:
            keepers -= offspring.ended().keys()
            offspring.kill(offspring.alive() - keepers)
        if door in heard:
            message, descriptors, _, _ = socket.recv_fds(door, 1, 2, socket.MSG_CMSG_CLOEXEC)
            if not message:
                os._exit(0)
            channel, request = descriptors
            keeper = os.fork()
            if keeper == 0:
                _keep(offspring, door, channel, request, run)
            keepers.add(keeper)
            os.close(channel)
            os.close(request)


def _keep(offspring: Offspring, door: socket.socket, channel: int, request: int, run: Handler) -> NoReturn:
    """Become the keeper of one attempt, which never returns into the loop of the server it was forked from."""
    try:
        offspring.forget()
        door.close()
        keep(socket.socket(fileno=channel), request, run)
    finally:
        os._exit(1)


def run_afresh(channel: int, request: int) -> NoReturn:
    """Run the attempt in a fresh interpreter: what the tasks opened when they were imported cannot be shared."""
    for descriptor in (channel, request):
        os.set_inheritable(descriptor, True)
    os.execv(sys.executable, [sys.executable, "-m", isolated_child.__name__, str(channel), str(request)])  # noqa: S606 - no words of others


def import_tasks(modules: list[str]) -> list[str]:
    """Import the tasks and warm up what each attempt needs; returns what of them a fork would not survive."""
    before = set(_open_sockets())
    for task in load(modules).values():
        _ = task.payload, task.result, task.code_digest
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    return [f"thread {name}" for name in threads] + [f"open {name}" for name in set(_open_sockets()) - before]


def _open_sockets() -> Iterator[str]:
    """Name what is open and would not be two things in two processes: connections, and selectors of loops."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            kind = os.fstat(int(descriptor.name)).st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISCHR(kind) or stat.S_ISDIR(kind)):
                yield str(descriptor.readlink())


def _only(door: int) -> socket.socket:
    """Take the door, and close whatever else a supervisor's loop has left open for its programs."""
    os.closerange(3, door)
    os.closerange(door + 1, os.sysconf("SC_OPEN_MAX"))
    os.set_inheritable(door, False)
    return socket.socket(fileno=door)


def main() -> None:
    """Serve the door whose descriptor is given, with the modules named in JSON; ends with the supervisor."""
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # an attempt is ended by its executor, not with the group it is in
    door = _only(int(sys.argv[1]))
    configure(settings().log_format)
    arm(settings())
    try:
        unshared = import_tasks(json.loads(sys.argv[2]))
    except Misconfigured:
        os._exit(EXIT_MISCONFIGURED)  # every executor says so itself
    if unshared:
        record.attempts_start_afresh(unshared)
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()
    serve(door, run_afresh if unshared else isolated_child.run_forked)


if __name__ == "__main__":
    main()
