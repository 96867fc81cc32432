"""Values at the edge of a handler: the payload it takes, the results it returns or gets from the outside."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from pydantic import TypeAdapter, ValidationError

from easyflow.domain import document
from easyflow.domain.outcome import Succeeded
from easyflow.engine.faults import storable
from easyflow.errors import EasyFlowError
from easyflow.registry import TaskType

# More digits than a float can carry: such a payload is read the slow, exact way.
_LONG_FRACTION = re.compile(r"(?=[\d.]{17,})\d+\.\d+")
_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class PayloadRefused(Exception):
    """The stored payload does not fit what the handler takes."""


class ResultRefused(Exception):
    """The handler's result cannot be kept as JSON."""


def read_payload(task: TaskType, text: str) -> Any:
    """Turn stored JSON into what the handler takes; raises PayloadRefused naming places, never values."""
    try:
        if _LONG_FRACTION.search(text):
            return task.payload.validate_python(document.parse(text, max_bytes=len(text) * 4 + 1))
        return task.payload.validate_json(text)
    except ValidationError as wrong:
        problems = (
            f"{'.'.join(str(part) for part in problem['loc']) or 'payload'}: {problem['msg']}"
            for problem in wrong.errors(include_url=False, include_input=False)
        )
        raise PayloadRefused(storable("; ".join(problems), 5000)) from None


def succeeded(task: TaskType, value: Any, result_bytes: int) -> Succeeded:
    """Turn a handler's return value into a result that can be stored; raises ResultRefused."""
    return Succeeded(encode(task.result, value, result_bytes))


def encode(kind: TypeAdapter[Any], value: Any, max_bytes: int) -> str | None:
    """Turn a value into JSON text that PostgreSQL can keep, None for null; raises ResultRefused."""
    if value is None:
        return None
    try:
        encoded = kind.dump_json(value, warnings="error")
        text = encoded.decode()
        if "null" in text and _holds_not_finite(kind.dump_python(value)):
            raise ResultRefused("the result holds a number that is not finite")
        if _SUSPICIOUS.search(text):
            document.parse(text, max_bytes=max_bytes, at="result")
    except ResultRefused:
        raise
    except EasyFlowError as refused:
        raise ResultRefused(_first_problem(refused)) from None
    except Exception as wrong:
        raise ResultRefused(storable(f"the result is not JSON: {type(wrong).__name__}", 500)) from None
    if len(encoded) > max_bytes:
        raise ResultRefused(f"the result has {len(encoded)} bytes, the limit is {max_bytes}")
    return None if text == "null" else text


def _holds_not_finite(value: Any) -> bool:
    """Say whether NaN or an infinity is in there: JSON has none, and a null in its place would be another result."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, float) and not isfinite(one):
            return True
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set | frozenset):
            waiting.extend(one)
    return False


def _first_problem(refused: EasyFlowError) -> str:
    problems = getattr(refused, "problems", None)
    return f"{problems[0]['at']}: {problems[0]['message']}" if problems else refused.message
