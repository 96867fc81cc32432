"""What any test may ask for: a migrated database of its own, and connections to it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest

from easyflow.local.postgres import LocalPostgres
from tests.support.postgres import fresh_database, make_template, running_server, scratch_folder

Connect = Callable[[], Awaitable[asyncpg.Connection]]


# A shell ignores Ctrl-C for what it starts in the background, and whatever a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever workers a test starts, what they keep on disk is not laid into the home of who runs the tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """One fast server per test process, in a folder of its own."""
    with scratch_folder(tmp_path_factory.mktemp("postgres")) as folder, running_server(folder) as server:
        yield server


@pytest.fixture(scope="session")
async def database_admin(postgres_server: LocalPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A held connection that copies and drops databases; the template is ready."""
    await make_template(postgres_server)
    connection = await asyncpg.connect(postgres_server.url("postgres"))
    yield connection
    await connection.close()


@pytest.fixture
async def database_url(postgres_server: LocalPostgres, database_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The address of a migrated database that no other test sees."""
    async with fresh_database(database_admin, postgres_server) as url:
        yield url


@pytest.fixture
async def connect(database_url: str) -> AsyncIterator[Connect]:
    """Call it for one more connection to this test's database; all are closed at the end."""
    opened: list[asyncpg.Connection] = []

    async def open_connection() -> asyncpg.Connection:
        connection = await asyncpg.connect(database_url)
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        try:
            await connection.close(timeout=1)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()  # a test may have left it in the middle of anything
