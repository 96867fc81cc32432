"""Database addresses: as the drivers take them, and as people may see them."""

from __future__ import annotations

import asyncpg
import pytest

from easyflow.errors import Misconfigured, StorageUnavailable
from easyflow.storage.database import display_url, plain_url, sqlalchemy_url, storage_errors


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg"])
def test_every_way_to_write_the_scheme_leads_to_the_same_address(scheme: str) -> None:
    assert plain_url(f"{scheme}://u:p@h:5/d?x=1") == "postgresql://u:p@h:5/d?x=1"
    assert sqlalchemy_url(f"{scheme}://u:p@h:5/d") == "postgresql+asyncpg://u:p@h:5/d"


@pytest.mark.parametrize("address", ["mysql://h/d", "h:5432/d", "", "postgresqlx://h/d"])
def test_another_kind_of_address_is_refused(address: str) -> None:
    with pytest.raises(Misconfigured, match="postgresql://"):
        plain_url(address)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:secret@db:5433/jobs", "postgresql://ann@db:5433/jobs"),
        ("postgresql+asyncpg://db/jobs", "postgresql://db/jobs"),
        ("postgresql://ann:secret@/jobs?host=/sockets", "postgresql://ann@/sockets/jobs"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert display_url(address) == shown


@pytest.mark.parametrize(
    "gone",
    [OSError(), TimeoutError(), asyncpg.InterfaceError("closed"), asyncpg.AdminShutdownError("x")],
    ids=lambda error: type(error).__name__,
)
def test_every_way_the_database_can_be_away_is_one_error(gone: Exception) -> None:
    with pytest.raises(StorageUnavailable), storage_errors():
        raise gone


def test_other_errors_pass() -> None:
    with pytest.raises(asyncpg.UniqueViolationError), storage_errors():
        raise asyncpg.UniqueViolationError("x")
