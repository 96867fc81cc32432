"""Computing one CEL expression: what it may cost, what it is given, and what may come of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from easyflow.domain import document
from easyflow.domain.workflow.paths import Path, Scanned
from easyflow.errors import EasyFlowError, Invalid, TooLarge

if TYPE_CHECKING:
    import cel

# CEL knows no budget of its own and lets no other thread run meanwhile.
GIVEN_CHARACTERS = 256 * 1024
RESULT_BYTES = 1024 * 1024

# `map` and `filter` copy what they have gathered for each further element: their time grows with the square.
_GATHERING = frozenset({"map", "filter"})
GATHERED_ELEMENTS, GATHERED_CHARACTERS = 250, 32 * 1024
TESTED_ELEMENTS, TESTED_CHARACTERS = 1000, 64 * 1024

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)
_PLACE = re.compile(r"<input>:\d+:(?P<column>\d+): (?:Syntax error: )?(?P<what>[^\n]*)")
_UNKNOWN = re.compile(r"^Undefined variable or function: '([^']+)'")
_WHY: dict[type[Exception], str] = {
    IndexError: "it asks for a position that the list does not have",
    ZeroDivisionError: "it divides by zero",
    OverflowError: "a number leaves 64 bits",
    TypeError: "values of these types do not go together; CEL converts nothing unasked, write int(x), double(x) or"
    " string(x)",
}

Tree = dict[str, "Tree | None"]


class ExpressionFailed(EasyFlowError):
    """An expression has no value: something it reads is missing, or of another type."""

    code = "expression_failed"
    status = 422


def short(text: str) -> str:
    """Return an expression as messages quote it."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"


def failed(text: str, why: str) -> ExpressionFailed:
    """Make the error that names an expression and what was in its way, and no value."""
    return ExpressionFailed(f"{short(text)}: {why}")


@lru_cache(maxsize=4096)
def compiled(text: str) -> cel.Program:
    """Compile CEL, once for each text; raises ValueError, which says what is wrong in a line."""
    import cel  # most programs that read definitions compute nothing, and this takes most of a second

    try:
        return cel.compile(text)
    except ValueError as wrong:
        found = _PLACE.search(str(wrong))
        if found is None:
            raise ValueError("it is not CEL") from None
        what = found["what"].partition(" expecting ")[0].replace("mismatched input '<EOF>'", "it ends too early")
        raise ValueError(f"it is not CEL: {what}, at column {found['column']}") from None


def evaluate(text: str, scanned: Scanned, variables: Mapping[str, Any]) -> Any:
    """Compute an expression over what it mentions of `variables`, and return JSON; raises ExpressionFailed."""
    given = _given(text, scanned, variables)
    try:
        value = compiled(text).execute(given)
    except KeyError as missing:
        raise failed(text, _missing(text, missing)) from None
    except (RuntimeError, ValueError) as wrong:
        unknown = _UNKNOWN.search(str(wrong))
        if unknown and any(path.root == unknown[1] for path in scanned.paths):
            raise failed(text, f"{unknown[1]} has no value there") from None
        raise failed(text, "a function of it refused what it was given") from None
    except tuple(_WHY) as wrong:
        raise failed(text, next(_WHY[kind] for kind in _WHY if isinstance(wrong, kind))) from None
    return _checked(text, value)


def _given(text: str, scanned: Scanned, variables: Mapping[str, Any]) -> dict[str, Any]:
    bound = {variable for _, variable in scanned.macros}
    mentioned = [path for path in scanned.paths if path.root in variables and path.root not in bound]
    names = {name for name, _ in scanned.macros}
    gathering = bool(names & _GATHERING)
    most = GATHERED_CHARACTERS if gathering else TESTED_CHARACTERS if names else GIVEN_CHARACTERS
    copy = _Copy(text, most)
    given = {root: copy.part(variables[root], tree) for root, tree in _tree(mentioned).items()}
    if names:
        elements = sum(_longest(_follow(given, path)) for path in mentioned)
        allowed = GATHERED_ELEMENTS if gathering else TESTED_ELEMENTS
        if elements > allowed:
            (name,) = names
            raise failed(text, f"{name} looks at no more than {allowed} elements; let a step with `map` do this")
    return given


def _tree(paths: Iterable[Path]) -> dict[str, Tree | None]:
    """Join paths by their fields; None stands for all there is from here on."""
    joined: Tree = {}
    for path in paths:
        fields = list[str]()
        for member in path.members:
            if isinstance(member, int):
                break
            fields.append(member)
        _plant(joined, [path.root, *fields])
    return joined


def _plant(tree: Tree, fields: list[str]) -> None:
    for at, field in enumerate(fields):
        if field in tree and tree[field] is None:
            return
        if at == len(fields) - 1:
            tree[field] = None
            return
        below = tree.setdefault(field, {})
        assert below is not None
        tree = below


def _follow(given: Mapping[str, Any], path: Path) -> Any:
    value = given.get(path.root)
    for member in path.members:
        if not isinstance(member, str) or not isinstance(value, dict) or member not in value:
            return value
        value = value[member]
    return value


def _longest(value: Any) -> int:
    if isinstance(value, dict):
        return max([len(value), *map(_longest, value.values())])
    if isinstance(value, list):
        return max([len(value), *map(_longest, value)])
    return 0


class _Copy:
    """Values as CEL takes them, counted as JSON text."""

    def __init__(self, text: str, most: int) -> None:
        self._text, self._most, self._left = text, most, most

    def part(self, value: Any, tree: Tree | None) -> Any:
        if tree is None or not isinstance(value, Mapping):
            return self._whole(value)
        return {field: self.part(value[field], below) for field, below in tree.items() if field in value}

    def _whole(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            self._count(2 + sum(len(key) + 4 for key in value))
            return {key: self._whole(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            self._count(2 + len(value))
            return [self._whole(member) for member in value]
        if isinstance(value, str):
            self._count(2 + len(value))
        elif isinstance(value, Decimal):
            value = float(value)
            self._count(8)
        elif isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
            raise failed(self._text, "a whole number beyond 64 bits can be passed on, but not computed with")
        else:
            self._count(8)
        return value

    def _count(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise failed(self._text, f"it looks at more than {self._most // 1024} KiB; name the fields it needs")


def _missing(text: str, missing: KeyError) -> str:
    # Which field was missing is only told when the expression names it: a computed name is payload.
    field = str(missing.args[0] if missing.args else "").strip("'\"")
    if field and re.search(rf"(?<![\w]){re.escape(field)}(?![\w])", text):
        return f"there is no field {field}"
    return "a field that it reads is missing"


def _checked(text: str, value: Any) -> Any:
    try:
        return document.check(_json(text, value), max_bytes=RESULT_BYTES)
    except OverflowError:
        raise failed(text, "its result is a time beyond the year 9999") from None
    except (Invalid, TooLarge) as refused:
        raise failed(text, f"its result is no JSON that can be kept: {refused.message.partition(': ')[2]}") from None


def _json(text: str, value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case float():
            raise failed(text, "its result is not a finite number")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            seconds = value.total_seconds()
            return int(seconds) if seconds.is_integer() else seconds
        case list():
            return [_json(text, member) for member in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _json(text, member) for key, member in value.items()}
        case dict():
            raise failed(text, "the names of an object's fields must be text")
    raise failed(text, "its result is no JSON; bytes and optional values are none")
