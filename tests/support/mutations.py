"""Breaking one statement on purpose, to show that the rule in it is what keeps a test green."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from easyflow.storage.sql import statement


@contextmanager
def mutated(name: str, *changes: tuple[str, str]) -> Iterator[None]:
    """Replace parts of a statement, for every connection of this process, until the block ends.

    Parameters stand there as `$1::uuid[]`, numbered as in `takes`. Fails when a part is not there.
    """
    broken = statement(name)
    whole = broken.text
    for old, new in changes:
        assert old in broken.text, f"{name} holds no {old!r}"
        broken.text = broken.text.replace(old, new)
    try:
        yield
    finally:
        broken.text = whole
