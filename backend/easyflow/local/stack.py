"""The development stack: PostgreSQL, migrations, the API and one worker, started in order and kept alive."""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from easyflow.local.back_off import ending
from easyflow.local.children import LOOK_SECONDS, Child
from easyflow.local.database import choose_database
from easyflow.local.errors import CannotStart
from easyflow.local.folder import StackFolder
from easyflow.local.interrupt import Interrupt
from easyflow.local.ports import is_busy, loopback_addresses
from easyflow.local.terminal import Terminal
from easyflow.settings import Settings

READY_SECONDS = 60.0
PORT_SECONDS = 2.0  # the API of a stack that was killed needs a moment to go
API_GRACE_SECONDS = 10.0
DEMO_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class StackOptions:
    """What the person asked for."""

    folder: Path
    api_port: int
    demo: bool = False
    exit_when_done: bool = False
    reset: bool = False
    sure: bool = False
    program: tuple[str, ...] = (sys.executable, "-m", "easyflow.cli.main")


def run_stack(options: StackOptions, settings: Settings, ask: Callable[[str], bool]) -> int:
    """Start everything, keep it alive until Ctrl-C or SIGTERM, stop it in order; returns the exit code.

    Only one stack runs in a folder. `ask` puts a yes-or-no question. Raises CannotStart in one sentence when
    something is in the way; whatever was started by then is stopped again.
    """
    folder = StackFolder(options.folder)
    with folder.locked():
        # Asked before signals are only counted: at a question, Ctrl-C must still mean no.
        if options.reset and not _may_reset(options, settings, folder, ask):
            return 1
        with Interrupt() as interrupt:
            if options.reset:
                folder.remove_contents()
            stack = Stack(options, settings, folder, interrupt)
            try:
                return stack.run()
            except CannotStart:
                if not interrupt.stop:
                    raise
                return 0  # it could not, because it was asked to stop
            finally:
                stack.stop()


def _may_reset(options: StackOptions, settings: Settings, folder: StackFolder, ask: Callable[[str], bool]) -> bool:
    if settings.database_url:
        raise CannotStart("--reset removes the local database only: unset EASYFLOW_DATABASE_URL, or leave --reset out")
    if options.sure or ask(f"Remove {folder.path} with its database and start afresh?"):
        return True
    print("Nothing was removed.")
    return False


class Stack:
    """What is running, in the order in which it was started."""

    def __init__(self, options: StackOptions, settings: Settings, folder: StackFolder, interrupt: Interrupt) -> None:
        self._options = options
        self._settings = settings
        self._folder = folder
        self._interrupt = interrupt
        self._terminal = Terminal()
        self._database = choose_database(
            settings.database_url, folder.postgres, self._terminal, cancelled=lambda: interrupt.stop
        )
        self._children: list[Child] = []
        self._demo: Child | None = None

    def run(self) -> int:
        """Start, say so, watch; returns the exit code. Raises CannotStart before everything is ready."""
        addresses = loopback_addresses()
        self._wait_for_port(addresses)
        self._database.start()
        self._folder.write_environment(self._shared())
        migrated = self._child("migrate").run_to_end(cancelled=lambda: self._interrupt.stop)
        if self._interrupt.stop:
            return 0
        if migrated:
            raise CannotStart("the database could not be brought up to date: the lines above say why")
        # `localhost` makes the server listen at every address behind that name, 127.0.0.1 and ::1.
        host = "localhost" if len(addresses) > 1 else "127.0.0.1"
        self._start(self._child("api", "--host", host, "--port", str(self._options.api_port)))
        self._start(self._child("worker"))
        if not self._wait_until_ready():
            return 0
        self._announce()
        return self._watch()

    def stop(self) -> None:
        """Stop what was started, last first: the worker drains, then the API ends, then PostgreSQL."""
        if self._children:
            self._terminal.say("Stopping (Ctrl-C again to hurry) ...")
        if self._demo is not None:
            self._demo.stop(DEMO_GRACE_SECONDS, hurry=lambda: self._interrupt.hurry)
        for child in reversed(self._children):
            grace = self._settings.drain_grace_seconds + 5 if child.name == "worker" else API_GRACE_SECONDS
            child.stop(grace, hurry=lambda: self._interrupt.hurry)
        self._database.stop()

    def _child(self, command: str, *words: str) -> Child:
        return Child(
            command,
            [*self._options.program, command, *words],
            environment={**os.environ, **self._shared(), "PYTHONUNBUFFERED": "1"},
            folder=self._options.folder,
            terminal=self._terminal,
        )

    def _shared(self) -> dict[str, str]:
        """The settings that make a program part of this stack."""
        # A direct address only belongs to the database it was given with.
        direct = self._settings.database_direct_url if self._settings.database_url else None
        return {
            "EASYFLOW_MODE": "development",
            "EASYFLOW_DATABASE_URL": self._database.url,
            "EASYFLOW_DATABASE_DIRECT_URL": direct or self._database.url,
            "EASYFLOW_API_PORT": str(self._options.api_port),
            "EASYFLOW_TASKS": self._settings.tasks,
        }

    def _start(self, child: Child) -> None:
        self._children.append(child)
        child.start()

    def _wait_for_port(self, addresses: list[str]) -> None:
        deadline = time.monotonic() + PORT_SECONDS
        while is_busy(self._options.api_port, addresses):
            if self._interrupt.stop:
                return
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"port {self._options.api_port} is in use by another program: "
                    "stop that program, or choose another port with --api-port"
                )
            time.sleep(LOOK_SECONDS)

    def _wait_until_ready(self) -> bool:
        """True when the API answers, False when we were asked to stop; an API that dies now raises CannotStart."""
        api = self._children[0]
        deadline = time.monotonic() + READY_SECONDS
        while not self._interrupt.stop:
            if api.exit_code is not None:
                raise CannotStart(f"the API {ending(api.exit_code)} at its start: the lines above say why")
            if is_ready(self._options.api_port):
                return True
            if time.monotonic() > deadline:
                raise CannotStart(f"the API was not ready within {READY_SECONDS:g} seconds: the lines above say why")
            self._look(self._children[1:])
            time.sleep(LOOK_SECONDS)
        return False

    def _watch(self) -> int:
        """Keep everything alive until we are asked to stop, or until the demo has ended if that is all we are for."""
        if self._options.demo:
            self._demo = self._child("demo", "mainframe")
            self._demo.start()
        reported = False
        while not self._interrupt.stop:
            self._look(self._children)
            ended = self._demo.exit_code if self._demo is not None else None
            if ended is not None and self._options.exit_when_done:
                return ended
            if ended and not reported:
                self._terminal.line("demo", ending(ended))
                reported = True
            time.sleep(LOOK_SECONDS)
        return 0

    def _look(self, children: list[Child]) -> None:
        self._database.look()
        for child in children:
            child.look()

    def _announce(self) -> None:
        address = f"http://localhost:{self._options.api_port}"
        program = Path(sys.executable).parent / "easyflow"
        here = self._options.folder.absolute()
        shown = program.relative_to(here) if program.is_relative_to(here) else program
        self._terminal.say(
            f"""
EasyFlow is running.
  API       {address}   (try it in the browser: {address}/docs)
  Database  {self._database.place}

Next, from another terminal in this folder:
  curl -sS {address}/api/v1/jobs -H 'Content-Type: application/json' \\
       -d '{{"task": "demo.echo", "payload": {{"message": "hello"}}}}'
  . .easyflow/environment && {shown} demo mainframe

Ctrl-C stops everything.
"""
        )


def is_ready(port: int) -> bool:
    """Whether the API at 127.0.0.1 says on `/readyz` that it can work."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
