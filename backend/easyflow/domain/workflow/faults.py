"""What in a document does not fit the schema of a definition, in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from easyflow.domain.workflow import schema
from easyflow.domain.workflow.expressions import suggestion

_TYPE_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
_NAMES = 'must be letters, digits, ".", "_" and "-", at most 200, beginning with a letter or digit'
_PATTERN_WORDS = {
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$": _NAMES,
    "^[A-Za-z][A-Za-z0-9_-]{0,99}$": 'must be letters, digits, "_" and "-", at most 100, beginning with a letter',
    r"^\$\{.*\}$": 'must be a number or an expression, "${...}"',
}
_PARTS = {"compensate_with": "compensation"}

_SENTENCES: dict[str, Callable[[Any], str]] = {
    "Enum": lambda kind: f"must be one of {', '.join(kind.options)}",
    "ExclusiveMinimum": lambda kind: f"must be above {kind.limit}",
    "MaxItems": lambda kind: f"must have at most {kind.limit} entries",
    "MaxLength": lambda kind: f"must have at most {kind.limit} characters",
    "Maximum": lambda kind: f"must be at most {kind.limit}",
    "MinItems": lambda _: "must not be empty",
    "MinLength": lambda _: "must not be empty",
    "Minimum": lambda kind: f"must be at least {kind.limit}",
    "Pattern": lambda kind: _PATTERN_WORDS[kind.pattern],
    "Required": lambda kind: f'"{kind.property}" is missing',
    "Type": lambda kind: f"must be {' or '.join(_TYPE_WORDS[name] for name in sorted(kind.types))}",
    "UniqueItems": lambda _: "must not name anything twice",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in which step by its number, None for the workflow; its place; a sentence."""

    step: int | None
    at: str
    message: str


def place_of(document: Mapping[str, Any], path: list[str | int]) -> str:
    """Return how people call a place: steps by their names, where they have one of their own."""
    if len(path) < 2 or path[0] != "steps":
        return ".".join(str(part) for part in path) or "definition"
    return ".".join(["steps", step_word(document["steps"], int(path[1])), *(str(part) for part in path[2:])])


def step_word(steps: list[Any], number: int) -> str:
    """Return the name of a step when no earlier one has it, else its number in the list."""
    name = _name_of(steps[number])
    # A name that several steps have stands for the first.
    taken = name is None or any(_name_of(earlier) == name for earlier in steps[:number])
    return str(number) if name is None or taken else name


def faults_of(document: Any) -> tuple[list[Problem], dict[str, Any] | None]:
    """Return what does not fit, and a copy without those parts to look further at; None when nothing is left of it."""
    problems, wrong = list[Problem](), list[list[str | int]]()
    for error in schema.validator().iter_errors(document):
        path = list(error.instance_path)
        problems += _told(document, path, error)
        if type(error.kind).__name__ not in ("AdditionalProperties", "Required", "UniqueItems"):
            wrong.append(path)
    if not isinstance(document, dict):
        return problems, None
    rest = deepcopy(document)
    for path in wrong:
        _take_out(rest, path)
    return problems, rest


def _told(document: Any, path: list[str | int], error: Any) -> Iterator[Problem]:
    step = int(path[1]) if len(path) > 1 and path[0] == "steps" else None
    if type(error.kind).__name__ != "AdditionalProperties":
        yield Problem(step, place_of(document, path), _SENTENCES[type(error.kind).__name__](error.kind))
        return
    known = sorted(schema.parts()[_part_at(path)]["properties"])
    for name in error.kind.unexpected:
        message = f'there is nothing called "{name[:100]}" here{suggestion(name, known)}'
        yield Problem(step, place_of(document, path), message)


def _part_at(path: list[str | int]) -> str:
    if not path:
        return "workflow"
    return "step" if len(path) == 2 else _PARTS.get(str(path[-1]), str(path[-1]))


def _take_out(document: dict[str, Any], path: list[str | int]) -> None:
    """Remove one place; in lists it becomes null, so that the others keep their numbers."""
    above: Any = document
    for part in path[:-1]:
        if isinstance(above, dict) and part not in above:
            return
        above = above[part]
        if above is None:
            return
    if isinstance(above, dict):
        above.pop(path[-1], None)
    else:
        above[path[-1]] = None


def _name_of(step: Any) -> str | None:
    name = step.get("name") if isinstance(step, dict) else None
    return name if isinstance(name, str) and 0 < len(name) <= 100 else None
