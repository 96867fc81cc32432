"""Telling who looks on what this worker and its executors have changed: at most once a second for the whole worker."""

from __future__ import annotations

from easyflow.engine.connection import LOST, HeldConnection
from easyflow.storage.notifications import ChangeBell, Topic, notify_changed


class Notices:
    """One bell for a worker, with a connection of its own: a NOTIFY waits for a database-wide lock when it commits.

    So no claim, no finish and no lease ever waits behind one. Executors ring by their pipe.
    """

    def __init__(self, url: str) -> None:
        """Open nothing yet; the first ring does."""
        self._connection = HeldConnection(url, "easyflow notices")
        self._bell = ChangeBell(self._send)

    def ring(self, *topics: Topic) -> None:
        """Have these topics told shortly; returns at once and never fails."""
        self._bell.ring(*topics)

    async def close(self) -> None:
        """Say what still waits, and close the connection; waits for the database if it is away."""
        await self._bell.close()
        await self._connection.close()

    async def _send(self, topics: frozenset[Topic]) -> None:
        try:
            async with self._connection.lent() as connection:
                await notify_changed(connection, *topics)
        except LOST:
            return  # nobody's work waits for a notice
