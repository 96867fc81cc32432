"""What passes between a client and PostgreSQL, message by message: which statement is asked, where its reply ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NAMED = re.compile(rb"-- (\w+)\n")
_SSL_OR_GSS = (80877103, 80877104)
PREPARE, BIND, QUERY, SYNC = b"P", b"B", b"Q", b"S"
ERROR, READY = b"E", b"Z"


@dataclass(slots=True)
class Messages:
    """One direction of a connection, message by message; the kind is empty for what has none yet."""

    bare: int = 0
    _left: bytes = b""

    def split(self, data: bytes, *, opening: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Yield (kind, whole message) of what is complete now; `opening` while a client has not introduced itself.

        `bare` single bytes come without any frame: a server's answer to the question for encryption.
        """
        self._left += data
        while self._left:
            if self.bare:
                self.bare -= 1
                size, kind = 1, b""
            else:
                start = 0 if opening else 1
                if len(self._left) < start + 4:
                    return
                size = start + int.from_bytes(self._left[start : start + 4], "big")
                kind = self._left[:start]
            if len(self._left) < size:
                return
            message, self._left = self._left[:size], self._left[size:]
            yield kind, message
            opening = opening and asks_for_encryption(message)


def asks_for_encryption(message: bytes) -> bool:
    """Say whether a client's opening message is not yet its introduction."""
    return int.from_bytes(message[4:8], "big") in _SSL_OR_GSS


def label(query: bytes) -> str:
    """Return how a test names a statement: as its first line does (`-- claim_jobs`), else by its first word."""
    named = _NAMED.match(query)
    if named:
        return named[1].decode()
    words = query.strip(b" ;\0\n").split()
    return words[0].decode(errors="replace").upper() if words else ""


@dataclass(slots=True)
class Asked:
    """Follows a client: what it has prepared, and the statements of the request it is putting together."""

    introduced: bool = False
    _prepared: dict[bytes, str] = field(default_factory=dict)
    _labels: list[str] = field(default_factory=list)
    _open: dict[str, None] = field(default_factory=dict)

    def learn(self, kind: bytes, message: bytes) -> list[str] | None:
        """Take one message; returns the request's statements once it is complete and will be answered."""
        body = message[5:]
        if not self.introduced:
            self.introduced = not asks_for_encryption(message)
            return [] if self.introduced else None
        if kind == PREPARE:
            name, query, _ = body.split(b"\0", 2)
            self._prepared[name] = label(query)
        elif kind == BIND:
            _, name, _ = body.split(b"\0", 2)
            self._labels.append(self._prepared.get(name, ""))
        elif kind == QUERY:
            return self._with_what_it_commits([label(body)])
        elif kind == SYNC:
            labels, self._labels = self._labels, []
            return self._with_what_it_commits(labels)
        return None

    def _with_what_it_commits(self, labels: list[str]) -> list[str]:
        """Name a COMMIT also by each statement of its transaction, such as "COMMIT of finish_jobs"."""
        if "BEGIN" in labels:
            self._open.clear()
        self._open.update(dict.fromkeys(labels))
        return [*labels, *(f"COMMIT of {each}" for each in self._open if "COMMIT" in labels)]
