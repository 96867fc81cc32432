"""Servers whose history breaks: a standby that falls behind, a line to another server, copies of a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from easyflow.domain.timeline import GuardState, Kept
from easyflow.local.cluster import Cluster
from easyflow.local.identity import look_around
from easyflow.local.placement import place_cluster
from easyflow.local.postgres import LocalPostgres
from easyflow.storage import timeline
from tests.support.postgres import FAST
from tests.support.site import Site
from tests.support.waiting import until

REPLICATED_SECONDS = 10.0

T = TypeVar("T")


class Line:
    """One address that leads to whichever server it is pointed at; runs in a thread, as tests block their loop."""

    def __init__(self, url: str) -> None:
        self._to = (urlsplit(url).hostname, urlsplit(url).port)
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """The database behind this line."""
        host, port = urlsplit(self._url).hostname, urlsplit(self._url).port
        return self._url.replace(f"{host}:{port}", f"127.0.0.1:{self.port}", 1)

    def lead_to(self, url: str) -> None:
        """Lead new connections there; those that are open are cut."""
        self._to = (urlsplit(url).hostname, urlsplit(url).port)
        self._loop.call_soon_threadsafe(self._hang_up)

    def close(self) -> None:
        """Cut everything."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._hang_up)
        self._run(asyncio.sleep(0.05))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, to_server}
        self._writers |= pair
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass(reader, to_server), self._pass(from_server, writer))
        for each in pair:
            each.transport.abort()
        self._writers -= pair

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """A line to this database, closed at the end."""
    line = Line(url)
    try:
        yield line
    finally:
        line.close()


class Standby:
    """A copy of a running server that follows it, made by `pg_basebackup -R`."""

    def __init__(self, primary: LocalPostgres, home: Path) -> None:
        self._primary = primary
        self.server = LocalPostgres(home, prefer=primary.cluster.binaries.origin, changes=FAST)

    def url(self) -> str:
        """The address of its database."""
        return self.server.url()

    def start(self) -> None:
        """Copy the primary, follow it, and return when this server can be asked."""
        home = self.server.home
        home.mkdir(mode=0o700)
        origin = self._primary.cluster.binaries.origin
        cluster = place_cluster(home, origin, look_around(), lambda line: None)
        source = self._primary.url()
        run_tool(cluster, "pg_basebackup", "-D", str(cluster.data), "-R", "-c", "fast", "-d", source)
        shutil.copy2(self._primary.cluster.home / "password", cluster.home / "password")
        self.server.start()

    async def caught_up(self) -> None:
        """Wait until it has replayed everything the primary has."""
        primary, own = await asyncpg.connect(self._primary.url()), await asyncpg.connect(self.url())
        position = await primary.fetchval("select pg_current_wal_flush_lsn()::text")

        async def replayed() -> bool:
            return bool(await own.fetchval("select pg_last_wal_replay_lsn() >= cast($1::text as pg_lsn)", position))

        try:
            await until(REPLICATED_SECONDS, replayed, lambda: "the standby did not catch up")
        finally:
            await primary.close()
            await own.close()

    async def fall_behind(self) -> None:
        """Stop receiving: whatever the primary commits from here on, this server never hears."""
        own = await asyncpg.connect(self.url())
        await own.execute("alter system set primary_conninfo = ''")
        await own.execute("select pg_reload_conf()")

        async def alone() -> bool:
            return not await own.fetchval("select count(*) from pg_stat_wal_receiver")

        await until(REPLICATED_SECONDS, alone, lambda: "the standby still receives")
        await own.close()

    async def promote(self) -> None:
        """Make it a primary of its own."""
        own = await asyncpg.connect(self.url())
        assert await own.fetchval("select pg_promote(true, 20)")
        await own.close()


async def until_guard(site: Site, state: GuardState) -> Kept:
    """Wait until the guard is in a state; what the database says of itself then."""
    found: list[Kept] = []

    async def there() -> bool:
        kept = (await timeline.look(site.connection)).kept
        found[:] = [kept] if kept is not None else []
        return kept is not None and kept.state == state

    await until(10, there, lambda: f"the guard is not {state}: {found}")
    return found[0]


async def differences(site: Site) -> str:
    """What the guard says differs."""
    return "\n".join((await timeline.describe(site.connection))["differences"])


@contextmanager
def standby_of(primary: LocalPostgres, home: Path) -> Iterator[Standby]:
    """A standby that follows, ended at the end."""
    standby = Standby(primary, home)
    try:
        standby.start()
        yield standby
    finally:
        standby.server.stop()


def run_tool(cluster: Cluster, program: str, *words: str) -> None:
    """Run one of PostgreSQL's own programs; fails with what it said."""
    done = subprocess.run(
        cluster.command(program, *words),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cluster.home,
        env=cluster.environment(),
        **cluster.identity.popen_options,
    )
    assert done.returncode == 0, f"{program}: {done.stderr}"


class Snapshots:
    """Copies of a stopped server's whole storage, to be put back as a snapshot would be."""

    def __init__(self, server: LocalPostgres) -> None:
        self._server = server
        self._kept = server.cluster.home / "snapshot"

    def take(self) -> None:
        """Stop the server, copy its data, and start it again."""
        self._server.stop()
        shutil.copytree(self._server.cluster.data, self._kept, symlinks=True)
        self._server.start()

    def put_back(self, *, start: bool = True) -> None:
        """Stop the server, put the copy in the place of its data, and start it again if asked."""
        self._server.stop()
        shutil.rmtree(self._server.cluster.data)
        shutil.move(self._kept, self._server.cluster.data)
        if start:
            self._server.start()
