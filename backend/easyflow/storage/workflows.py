"""Workflow definitions in the database: immutable versions, each content once."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from easyflow.domain import document
from easyflow.domain.workflow.definition import Definition
from easyflow.domain.workflow.reading import read
from easyflow.errors import Missing
from easyflow.storage.sql import Connection, statement

KEPT = 1_000

# What is stored was checked when it came in; reading it again must not fail for its size.
NO_LIMIT = 1 << 40


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a workflow; `new`: it was stored by this very call."""

    name: str
    number: int
    new: bool


async def register(connection: Connection, definition: Definition, *, actor: str) -> Version:
    """Store a definition as the next version of its workflow, or find the version that has this content already.

    Two that register at once get the same version for the same content, and one version each for different content.
    """
    text = document.dumps(definition.document)
    while True:
        found = await statement("find_workflow_version").fetchrow(
            connection, name=definition.name, digest=definition.digest
        )
        if found is not None:
            return Version(definition.name, found["version"], new=False)
        added = await statement("add_workflow").fetchrow(
            connection, name=definition.name, digest=definition.digest, definition=text, created_by=actor
        )
        if added is not None:
            return Version(definition.name, added["version"], new=True)


class Definitions:
    """Definitions by their digests, as this process has read them.

    Not by name and version: a database that lost its newest transactions may give a number again, to other content.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[bytes, Definition] = {}

    async def get(self, connection: Connection, name: str, version: int, digest: bytes) -> Definition:
        """Return one version; raises Missing."""
        known = self._kept.get(digest)
        return known if known is not None else self.keep(await read_version(connection, name, version))

    def keep(self, row: asyncpg.Record) -> Definition:
        """Return the definition of a row of `read_version`, and remember it."""
        if len(self._kept) >= KEPT:
            self._kept.clear()
        definition = read(document.parse(row["definition"], max_bytes=NO_LIMIT))
        self._kept[row["digest"]] = definition
        return definition


async def read_version(connection: Connection, name: str, version: int | None = None) -> asyncpg.Record:
    """Return a version of a workflow, the newest when none is named; raises Missing."""
    row = await statement("read_workflow").fetchrow(connection, name=name, version=version)
    if row is None:
        which = "" if version is None else f" in version {version}"
        raise Missing(f"there is no workflow {name}{which}")
    return row


DEFINITIONS = Definitions()
