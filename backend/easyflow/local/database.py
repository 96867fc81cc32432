"""Which database the development stack uses: the one it is given, or its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from easyflow.local.back_off import BackOff, ending
from easyflow.local.binaries import OLDEST_MAJOR
from easyflow.local.errors import CannotStart
from easyflow.local.postgres import LocalPostgres
from easyflow.local.terminal import Terminal

ANSWER_SECONDS = 5.0


class GivenDatabase:
    """The database behind EASYFLOW_DATABASE_URL: looked at once, never started, stopped or removed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = _where(url)

    def start(self) -> None:
        """Make sure that it answers and is new enough; raises CannotStart in one sentence without the password."""
        try:
            version = asyncio.run(_server_version(self.url.replace("+asyncpg", "", 1)))
        except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as wrong:
            reason = str(wrong).splitlines()[0] if str(wrong) else f"no answer within {ANSWER_SECONDS:g} s"
            raise CannotStart(
                f"the database at {self.place} (EASYFLOW_DATABASE_URL) cannot be used: {reason}"
            ) from None
        if version < OLDEST_MAJOR:
            raise CannotStart(
                f"the database at {self.place} is PostgreSQL {version}; {OLDEST_MAJOR} or newer is needed"
            )

    def look(self) -> None:
        """Its health is its owner's business."""

    def stop(self) -> None:
        """It was running before us and goes on."""


class OwnDatabase:
    """The PostgreSQL in `.easyflow/postgres`: started, started again when it dies, stopped at the end."""

    def __init__(self, home: Path, terminal: Terminal, cancelled: Callable[[], bool]) -> None:
        self._terminal = terminal
        self._server = LocalPostgres(home, say=self._say, cancelled=cancelled)
        self._back_off = BackOff()
        self.place = str(home)

    @property
    def url(self) -> str:
        """Its address; the same after a crash."""
        return self._server.url()

    def start(self) -> None:
        """Start it; raises CannotStart in one sentence."""
        self._server.start()
        self._back_off.note_start()

    def look(self) -> None:
        """Start it again when it died and the wait is over; raises CannotStart when it cannot."""
        exit_code = self._server.exit_code
        if exit_code is None:
            return
        wait = self._back_off.note_death()
        if wait is not None:
            self._say(f"{ending(exit_code)}; it starts again in {wait:g} s")
        elif self._back_off.is_due:
            self._server.restart_if_dead()
            self._back_off.note_start()
            self._say("is back, with everything that was committed")

    def stop(self) -> None:
        """Stop it; returns when no process of it is left."""
        self._server.stop()

    def _say(self, line: str) -> None:
        self._terminal.line("postgres", line)


def choose_database(
    url: str | None, home: Path, terminal: Terminal, cancelled: Callable[[], bool]
) -> GivenDatabase | OwnDatabase:
    """The database at `url` when there is one, else our own in `home`; nothing is started yet."""
    return GivenDatabase(url) if url else OwnDatabase(home, terminal, cancelled)


async def _server_version(url: str) -> int:
    connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS)
    try:
        return connection.get_server_version().major
    finally:
        await connection.close(timeout=ANSWER_SECONDS)


def _where(url: str) -> str:
    """Host, port and name of a database, without user and password."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "an address that cannot be read"
