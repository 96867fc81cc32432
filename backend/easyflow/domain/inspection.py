"""What is wrong with a value that is to become JSON, and where: one fast look, then a walk that finds the place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

DEPTH_LIMIT = 64
DIGIT_LIMIT = 38
VALUE_LIMIT = 1_000_000

TOO_DEEP = f"nested deeper than {DEPTH_LIMIT} levels"
TOO_MANY_DIGITS = f"a number of more than {DIGIT_LIMIT} digits; send it as text"
TOO_MANY_VALUES = f"more than {VALUE_LIMIT} values; send several smaller documents"
NOT_FINITE = "NaN and Infinity are not JSON"
HAS_NUL = "a NUL character, which PostgreSQL cannot keep"
HAS_SURROGATE = "half of a surrogate pair, which is not text"

Kind = Literal["malformed", "invalid", "too_large"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_TOO_LONG = 10**DIGIT_LIMIT
# A float's shortest form has at most 17 digits, so within these bounds it cannot pass the limit.
_PLAIN_FLOATS = (1e-20, 1e37)
_PATH_PART_CHARS = 64


class Fault(Exception):
    """What is wrong (never the value itself) and the way to it, innermost part first."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.path: list[str] = []

    def inside(self, key: str | int) -> Fault:
        """Add the member or item that holds the place; keys that cannot be shown plainly become `(key)`."""
        plain = isinstance(key, int) or (0 < len(key) <= _PATH_PART_CHARS and key.isprintable())
        self.path.append(str(key) if plain else "(key)")
        return self

    def place(self, at: str) -> str:
        """Name the place as a dotted path that starts with `at`."""
        return ".".join([part for part in (at, *reversed(self.path)) if part])


@dataclass(frozen=True)
class Refused:
    """Stands in a decoded document where something must be refused, so that the inspection can say where."""

    kind: Kind
    message: str
    key: str | None = None


def inspect(value: Any, max_bytes: int) -> None:
    """Raise the first Fault of `value`; its size is checked as a lower bound, so that shared parts cannot explode."""
    if not _evidently_fine(value, max_bytes):
        _Walk(max_bytes).visit(value, 0)


def _evidently_fine(value: Any, max_bytes: int) -> bool:
    """Look level by level, leaving text and numbers to be judged together at the end: three times as fast."""
    level: list[Any] = [value] if type(value) in (dict, list) else [[value]]
    texts: list[str] = []
    integers: list[int] = []
    limit = min(max_bytes, VALUE_LIMIT)
    nodes = 1
    for _ in range(DEPTH_LIMIT):
        deeper: list[Any] = []
        for holder in level:
            nodes += len(holder) or 1
            if nodes > limit:
                return False
            if type(holder) is dict:
                texts.extend(holder)
                holder = holder.values()
            for member in holder:
                kind = type(member)
                if kind is str:
                    texts.append(member)
                elif kind is dict or kind is list:
                    deeper.append(member)
                elif kind is int:
                    integers.append(member)
                elif kind is Decimal or kind is float:
                    if not _is_plain(member):
                        return False
                elif kind is not bool and member is not None:
                    return False
        if not deeper:
            return _are_plain(integers) and _is_text(texts, max_bytes - nodes)
        level = deeper
    return False


def _are_plain(integers: list[int]) -> bool:
    return not integers or (min(integers) > -_FIRST_TOO_LONG and max(integers) < _FIRST_TOO_LONG)


def _is_text(texts: Iterable[str], max_chars: int) -> bool:
    try:
        joined = "".join(texts)
    except TypeError:  # a key that is not text
        return False
    return len(joined) <= max_chars and "\x00" not in joined and (joined.isascii() or not _SURROGATE.search(joined))


def _is_plain(number: Decimal | float) -> bool:
    if isinstance(number, float):
        if number == 0 or _PLAIN_FLOATS[0] <= abs(number) <= _PLAIN_FLOATS[1]:
            return True
        number = Decimal(float.__repr__(number))
    return number.is_finite() and _digits(number) <= DIGIT_LIMIT


def _digits(number: Decimal) -> int:
    """Count the digits of a finite number written without exponent; the zero before a point does not count."""
    _, coefficient, exponent = number.as_tuple()
    places = int(exponent)
    return max(len(coefficient), -places) if places < 0 else len(coefficient) + places


def _is_finite(number: Decimal | float) -> bool:
    return number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)


class _Walk:
    """One walk over a value; every node and every character takes from the budget of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.left = max_bytes
        self.values_left = VALUE_LIMIT

    def visit(self, value: Any, depth: int) -> None:
        self.spend(1)
        self.values_left -= 2 if isinstance(value, dict | list | tuple) and not value else 1
        if self.values_left < 0:
            raise Fault("invalid", TOO_MANY_VALUES)
        if isinstance(value, str):
            self.text(value)
        elif isinstance(value, dict | list | tuple):
            if depth >= DEPTH_LIMIT:
                raise Fault("invalid", TOO_DEEP)
            self.members(self.named(value) if isinstance(value, dict) else enumerate(value), depth + 1)
        elif isinstance(value, int):
            if not -_FIRST_TOO_LONG < value < _FIRST_TOO_LONG:
                raise Fault("invalid", TOO_MANY_DIGITS)
        elif isinstance(value, Decimal | float):
            if not _is_finite(value):
                raise Fault("malformed", NOT_FINITE)
            if not _is_plain(value):
                raise Fault("invalid", TOO_MANY_DIGITS)
        elif isinstance(value, Refused):
            fault = Fault(value.kind, value.message)
            raise fault if value.key is None else fault.inside(value.key)
        elif value is not None:
            raise Fault("invalid", f"a value of type {type(value).__name__}, which has no JSON form")

    def members(self, members: Iterable[tuple[str | int, Any]], depth: int) -> None:
        for key, member in members:
            try:
                if isinstance(key, str):
                    self.text(key)
                self.visit(member, depth)
            except Fault as fault:
                raise fault.inside(key) from None

    def named(self, members: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
        for key, member in members.items():
            if not isinstance(key, str):
                raise Fault("invalid", "an object with a key that is not text")
            yield key, member

    def text(self, value: str) -> None:
        self.spend(len(value))
        if "\x00" in value:
            raise Fault("malformed", HAS_NUL)
        if not value.isascii() and _SURROGATE.search(value):
            raise Fault("malformed", HAS_SURROGATE)

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Fault("too_large", "")
