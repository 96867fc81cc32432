"""The development stack: PostgreSQL, migrations, API, worker and dashboard, started in order and kept alive."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from easyflow.local.announcement import Announcement
from easyflow.local.back_off import ending
from easyflow.local.children import LOOK_SECONDS, Child
from easyflow.local.dashboard import BUILT, FRONTEND, Dashboard, choose_dashboard
from easyflow.local.database import choose_database
from easyflow.local.errors import CannotStart
from easyflow.local.folder import StackFolder
from easyflow.local.interrupt import Interrupt
from easyflow.local.ports import loopback_addresses
from easyflow.local.served import Served, first_busy, refuse_one_port_for_two
from easyflow.local.terminal import Terminal
from easyflow.settings import Settings

READY_SECONDS = 60.0
PORT_SECONDS = 2.0  # the children of a stack that was killed need a moment to go
API_GRACE_SECONDS = 10.0
DASHBOARD_GRACE_SECONDS = 5.0
DEMO_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class StackOptions:
    """What the person asked for; `frontend` is where the dashboard's sources may be, `built` where its pages may be."""

    folder: Path
    api_port: int
    dashboard_port: int
    dashboard: bool = True
    frontend: Path | None = FRONTEND
    built: Path = BUILT
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
        self._served: dict[str, Served] = {}
        self._demo: Child | None = None

    def run(self) -> int:
        """Start, say so, watch; returns the exit code. Raises CannotStart before everything is ready."""
        addresses = loopback_addresses()
        # `localhost` makes a server listen at every address behind that name, 127.0.0.1 and ::1.
        host = "localhost" if len(addresses) > 1 else "127.0.0.1"
        dashboard = self._choose_dashboard(host)
        self._wait_for_ports(addresses)
        self._database.start()
        self._folder.write_environment(self._shared())
        migrated = self._child("migrate").run_to_end(cancelled=lambda: self._interrupt.stop)
        if self._interrupt.stop:
            return 0
        if migrated:
            raise CannotStart("the database could not be brought up to date: the lines above say why")
        self._start(self._child("api", "--host", host, "--port", str(self._options.api_port)))
        self._start(self._child("worker"))
        if dashboard.command:
            self._start(self._supervised("dashboard", dashboard.command, dashboard.folder))
        if not self._wait_until_ready():
            return 0
        self._announce(dashboard)
        return self._watch()

    def stop(self) -> None:
        """Stop what was started, last first: dashboard, worker (it drains), API, PostgreSQL."""
        if self._children:
            self._terminal.say("Stopping (Ctrl-C again to hurry) ...")
        if self._demo is not None:
            self._demo.stop(DEMO_GRACE_SECONDS, hurry=lambda: self._interrupt.hurry)
        graces = {
            "api": API_GRACE_SECONDS,
            "worker": self._settings.drain_grace_seconds + 5,
            "dashboard": DASHBOARD_GRACE_SECONDS,
        }
        for child in reversed(self._children):
            child.stop(graces[child.name], hurry=lambda: self._interrupt.hurry)
        self._database.stop()

    def _choose_dashboard(self, host: str) -> Dashboard:
        """Choose how to serve the dashboard, and note which ports will be served."""
        known = self._options
        self._served["api"] = Served("API", known.api_port, "--api-port", "/readyz")
        if not known.dashboard:
            return Dashboard("none: --no-dashboard was given")
        port = known.dashboard_port
        dashboard = choose_dashboard(known.program, host, port, frontend=known.frontend, built=known.built)
        if dashboard.command:
            path = "/" if dashboard.reloads else f"{self._settings.dashboard_prefix}/"
            way_out = ", or start without it: --no-dashboard"
            self._served["dashboard"] = Served("dashboard", port, "--dashboard-port", path, way_out)
        return dashboard

    def _child(self, command: str, *words: str) -> Child:
        return self._supervised(command, [*self._options.program, command, *words])

    def _supervised(self, name: str, command: Sequence[str], folder: Path | None = None) -> Child:
        return Child(
            name,
            command,
            environment={**os.environ, **self._shared(), "PYTHONUNBUFFERED": "1"},
            folder=folder or self._options.folder,
            terminal=self._terminal,
        )

    def _shared(self) -> dict[str, str]:
        """The settings that make a program part of this stack."""
        # A direct address only belongs to the database it was given with.
        direct = self._settings.database_direct_url if self._settings.database_url else None
        key = self._settings.api_key
        return {
            "EASYFLOW_MODE": "development",
            "EASYFLOW_DATABASE_URL": self._database.url,
            "EASYFLOW_DATABASE_DIRECT_URL": direct or self._database.url,
            "EASYFLOW_API_PORT": str(self._options.api_port),
            "EASYFLOW_API_URL": f"http://localhost:{self._options.api_port}",
            "EASYFLOW_DASHBOARD_PORT": str(self._options.dashboard_port),
            "EASYFLOW_TASKS": self._settings.tasks,
            "EASYFLOW_STATE_FOLDER": str(self._settings.state_folder or self._folder.state),
            **({"EASYFLOW_API_KEY": key.get_secret_value()} if key else {}),
        }

    def _start(self, child: Child) -> None:
        self._children.append(child)
        child.start()

    def _wait_for_ports(self, addresses: Sequence[str]) -> None:
        refuse_one_port_for_two(self._served.values())
        deadline = time.monotonic() + PORT_SECONDS
        while refusal := first_busy(self._served.values(), addresses):
            if self._interrupt.stop:
                return
            if time.monotonic() > deadline:
                raise refusal
            time.sleep(LOOK_SECONDS)

    def _wait_until_ready(self) -> bool:
        """True when all that is served answers, False when we were asked to stop; a server that dies now raises."""
        waiting = dict(self._served)
        deadline = time.monotonic() + READY_SECONDS
        while not self._interrupt.stop:
            for child in self._children:
                served = self._served.get(child.name)
                if served is None:
                    child.look()
                elif child.exit_code is not None:
                    why = f"the {served.name} {ending(child.exit_code)} at its start: the lines above say why"
                    raise CannotStart(why + served.way_out)
            waiting = {name: served for name, served in waiting.items() if not served.is_ready()}
            if not waiting:
                return True
            if time.monotonic() > deadline:
                late = next(iter(waiting.values()))
                why = f"the {late.name} was not ready within {READY_SECONDS:g} seconds: the lines above say why"
                raise CannotStart(why + late.way_out)
            self._database.look()
            time.sleep(LOOK_SECONDS)
        return False

    def _watch(self) -> int:
        """Keep everything alive until we are asked to stop, or until the demo has ended if that is all we are for."""
        if self._options.demo:
            self._demo = self._child("demo", "mainframe")
            self._demo.start()
        reported = False
        while not self._interrupt.stop:
            self._database.look()
            for child in self._children:
                child.look()
            ended = self._demo.exit_code if self._demo is not None else None
            if ended is not None and self._options.exit_when_done:
                return ended
            if ended and not reported:
                self._terminal.line("demo", ending(ended))
                reported = True
            time.sleep(LOOK_SECONDS)
        return 0

    def _announce(self, dashboard: Dashboard) -> None:
        served = self._served.get("dashboard")
        announcement = Announcement(
            folder=self._options.folder,
            api=f"http://localhost:{self._options.api_port}",
            dashboard=f"http://localhost:{served.port}{served.path.rstrip('/')}" if served else None,
            about_dashboard=dashboard.about,
            database=self._database.place,
            needs_key=self._settings.api_key is not None,
        )
        self._terminal.say(announcement.text())
