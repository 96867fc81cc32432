"""Ports that children of the stack serve: free before the start, answering after it."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from easyflow.local.errors import CannotStart
from easyflow.local.ports import is_busy


@dataclass(frozen=True)
class Served:
    """What one child serves: how people call it, on which port, which option moves it, which path says it is ready.

    `way_out` ends the sentence that says it could not start.
    """

    name: str
    port: int
    option: str
    path: str
    way_out: str = ""

    def is_ready(self) -> bool:
        """Whether it answers at 127.0.0.1 that it can work; takes at most two seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def refuse_one_port_for_two(all_served: Iterable[Served]) -> None:
    """Raise CannotStart when two of them were given the same port."""
    taken: dict[int, Served] = {}
    for served in all_served:
        other = taken.setdefault(served.port, served)
        if other is not served:
            raise CannotStart(
                f"port {served.port} cannot serve both the {other.name} and the {served.name}: "
                f"choose another port with {served.option}"
            )


def first_busy(all_served: Iterable[Served], addresses: Sequence[str]) -> CannotStart | None:
    """What to raise for the first port that is in use at one of `addresses`; None when all are free."""
    for served in all_served:
        if is_busy(served.port, addresses):
            return CannotStart(
                f"port {served.port} is in use by another program: "
                f"stop that program, or choose another port with {served.option}"
            )
    return None
