"""What clients asked for and heard: each request as it began, and as it ended, if that was ever known.

Give each submit a key of its own and the tag `submit:KEY`: by that the checker finds what was stored unheard.

A request that is not known to have ended is `unknown`, never failed: it may have been done.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

Heard = Literal["ok", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `job` is what was answered to a submit, or whom any other act is about; `key` its idempotency key.

    `ok` means that the server said it is done, `fail` that it refused; `times` are seconds since 1970.
    """

    client: str
    number: int
    act: str
    began: float
    key: str | None = None
    body: str | None = None
    job: str | None = None
    heard: Heard = "unknown"
    status: int | None = None
    ended: float | None = None


class Asking:
    """One request under way; say how it ended, or nothing when that is not known."""

    def __init__(self) -> None:
        self.heard: dict[str, Any] = {"heard": "unknown"}

    def ok(self, job: UUID | str | None = None, status: int | None = None) -> None:
        """The server said that it is done; for a submit, as which job."""
        self.heard = {"heard": "ok", "status": status, **({} if job is None else {"job": str(job)})}

    def fail(self, status: int | None = None) -> None:
        """The server refused: certainly nothing was done."""
        self.heard = {"heard": "fail", "status": status}

    def answer(self, status: int, job: UUID | str | None = None) -> None:
        """Take an HTTP status for what it says: 2xx done, 4xx refused, but 408, 409 or 425 and the rest unknown."""
        if 200 <= status < 300:
            self.ok(job, status)
        elif 400 <= status < 500 and status not in (408, 409, 425):
            self.fail(status)
        else:
            self.heard = {"heard": "unknown", "status": status}


class ClientHistory:
    """Writes down what one client asks; several clients, also of several processes, may share a file."""

    def __init__(self, file: Path, client: str) -> None:
        self._file = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._client = client
        self._numbers = itertools.count(1)

    @contextmanager
    def asking(
        self, act: str, *, key: str | None = None, body: object = None, job: UUID | str | None = None
    ) -> Iterator[Asking]:
        """Write down that a request begins, and behind the block how it ended; an exception leaves it unknown."""
        number = next(self._numbers)
        said = None if body is None else json.dumps(body, sort_keys=True)
        about = None if job is None else str(job)
        self._write({"act": act, "began": time.time(), "key": key, "body": said, "job": about}, number)
        asking = Asking()
        try:
            yield asking
        finally:
            self._write({**asking.heard, "ended": time.time()}, number)

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)

    def _write(self, facts: dict[str, Any], number: int) -> None:
        os.write(self._file, json.dumps({"client": self._client, "number": number, **facts}).encode() + b"\n")


def read_client_history(file: Path) -> list[Request]:
    """Read every request of every client, in the order in which they began."""
    found: dict[tuple[str, int], Request] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        told = json.loads(line)
        each = (told["client"], told["number"])
        found[each] = Request(**told) if "act" in told else replace(found[each], **told)
    return sorted(found.values(), key=lambda request: request.began)
