"""The JSON guard: what may enter as a payload or leave as a result, exact and within limits."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from easyflow.domain.inspection import (
    DIGIT_LIMIT,
    HAS_NUL,
    NOT_FINITE,
    TOO_DEEP,
    TOO_MANY_DIGITS,
    TOO_MANY_VALUES,
    VALUE_LIMIT,
    Fault,
    Refused,
    inspect,
)
from easyflow.errors import Invalid, Malformed, TooLarge

# Quoted text, also where its end is missing; never goes back, so its time grows with the document only.
_TEXTS = re.compile(r'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)

# No checked text contains NUL, so this string stands for a number only `dumps` put there.
_NUMBER_HERE = "\x00"


def parse(raw: bytes | str, *, max_bytes: int, at: str = "body") -> Any:
    """Read one JSON document exactly: integers as int, other numbers as Decimal, objects without repeated keys.

    Raises TooLarge over `max_bytes` (of UTF-8), Malformed for what is not JSON or what PostgreSQL cannot keep
    (NUL, lone surrogates, NaN), Invalid for more than 64 levels, a number of more than 38 digits when written out,
    or more than a million values (small as text, each takes up to 120 bytes in memory). Each names the place,
    starting with `at`, and never the value. Time and memory grow linearly with the input.
    """
    text = _decoded(raw, max_bytes, at)
    if _values_at_most(text) > VALUE_LIMIT and _values_at_most(_TEXTS.sub("", text)) > VALUE_LIMIT:
        _refuse(Invalid, TOO_MANY_VALUES, at)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as wrong:
        reason = wrong.msg.partition(":")[0].rstrip()
        _refuse(Malformed, f"not JSON: {reason}, at line {wrong.lineno}, column {wrong.colno}", at)
    except RecursionError:
        _refuse(Invalid, TOO_DEEP, at)
    return check(value, max_bytes=max_bytes, at=at)


def check(value: Any, *, max_bytes: int, at: str = "payload") -> Any:
    """Return `value` unchanged when it can be kept as JSON exactly, under the same rules and errors as `parse`.

    For values made in Python: finite floats are allowed, tuples count as lists; sets, bytes, keys that are not text
    and every other type raise Invalid. The size is a lower bound found on the way (it stops a value that is small in
    memory and huge as text); compare the length of `dumps` as well.
    """
    try:
        inspect(value, max_bytes)
    except Fault as fault:
        if fault.kind == "too_large":
            _refuse_size(max_bytes, at)
        _refuse(Malformed if fault.kind == "malformed" else Invalid, fault.message, fault.place(at))
    return value


def dumps(value: Any, *, max_bytes: int | None = None, at: str = "payload") -> str:
    """Write a checked value as JSON text that PostgreSQL's jsonb keeps exactly; Decimals become plain numbers.

    `parse(dumps(value))` equals `value`, floats excepted: those come back as the Decimal of their shortest form.
    Raises TooLarge when the text has more than `max_bytes` in UTF-8. A value that `check` would refuse raises an
    error or gives text that the database refuses, never other content.
    """
    text = _written(value, sort_keys=False)
    if max_bytes is not None and (len(text) > max_bytes or len(text.encode()) > max_bytes):
        _refuse_size(max_bytes, at)
    return text


def canonical(value: Any) -> bytes:
    """Write a checked value so that equal documents give equal bytes: keys sorted, 1, 1.0 and 1e0 alike."""
    return _written(_normal(value), sort_keys=True).encode()


def digest(value: Any) -> bytes:
    """Return the SHA-256 of the canonical form, 32 bytes."""
    return hashlib.sha256(canonical(value)).digest()


def _decoded(raw: bytes | str, max_bytes: int, at: str) -> str:
    if len(raw) > max_bytes:
        _refuse_size(max_bytes, at)
    try:
        if isinstance(raw, str):
            text = raw
            if len(raw.encode()) > max_bytes:
                _refuse_size(max_bytes, at)
        else:
            text = raw.decode()
    except UnicodeError as wrong:
        place = wrong.start if isinstance(wrong, UnicodeDecodeError | UnicodeEncodeError) else 0
        _refuse(Malformed, f"not UTF-8 from position {place} on", at)
    if text.startswith("\ufeff"):
        _refuse(Malformed, "starts with a byte order mark; send plain UTF-8", at)
    return text


def _values_at_most(text: str) -> int:
    """Count as the inspection does, without reading: an empty list or object counts twice."""
    return text.count(",") + text.count("[") + text.count("{") + 1


def _refuse(error: type[Invalid], message: str, at: str) -> NoReturn:
    # The parser's own error knows the whole document; ours stands alone.
    raise error(f"{at}: {message}", problems=[{"at": at, "message": message}]) from None


def _refuse_size(max_bytes: int, at: str) -> NoReturn:
    message = f"larger than {max_bytes} bytes, the limit"
    raise TooLarge(f"{at}: {message}", limit_bytes=max_bytes, problems=[{"at": at, "message": message}]) from None


def _integer(text: str) -> int | Refused:
    if len(text) > DIGIT_LIMIT and len(text.removeprefix("-")) > DIGIT_LIMIT:
        return Refused("invalid", TOO_MANY_DIGITS)
    return int(text)


def _fraction(text: str) -> Decimal | Refused:
    try:
        return Decimal(text)  # how many digits it has when written out, the inspection counts
    except InvalidOperation:
        return Refused("invalid", TOO_MANY_DIGITS)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Refused:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return Refused("malformed", "this key appears twice", twice)


def _constant(_: str) -> Refused:
    return Refused("malformed", NOT_FINITE)


_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=_fraction, parse_constant=_constant, object_pairs_hook=_object
)


def _written(value: Any, *, sort_keys: bool) -> str:
    numbers: list[str] = []
    encoder = json.JSONEncoder(
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        sort_keys=sort_keys,
        default=_number_holder(numbers),
    )
    text = encoder.encode(value)
    if not numbers and '"\\u0000"' not in text:
        return text
    between = text.split('"\\u0000"')
    if len(between) != len(numbers) + 1:
        _refuse(Malformed, HAS_NUL, "value")
    return "".join([part for pair in zip(between, [*numbers, ""], strict=True) for part in pair])


def _number_holder(numbers: list[str]) -> Callable[[Any], str]:
    """Keep each Decimal's plain text aside, in order: the C encoder has no way to write one as a number."""

    def hold(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise TypeError(f"a {type(value).__name__} has no JSON form")
        if not value.is_finite():
            _refuse(Malformed, NOT_FINITE, "value")
        numbers.append(format(value, "f"))
        return _NUMBER_HERE

    return hold


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    if isinstance(value, float):
        value = Decimal(float.__repr__(value))
    if isinstance(value, Decimal) and value.is_finite():
        whole, _, fraction = format(value, "f").partition(".")
        fraction = fraction.rstrip("0")
        return Decimal(f"{whole}.{fraction}") if fraction else int(whole)
    return value
