"""Templates and conditions of a workflow: what they may read, checked when read, and their values in a run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from easyflow.domain.workflow.evaluation import ExpressionFailed, compiled, evaluate, failed, short
from easyflow.domain.workflow.paths import MACROS, Path, Scanned, plain, scan
from easyflow.errors import Invalid

__all__ = ["Condition", "ExpressionFailed", "Scope", "Template"]

MOST_CHARACTERS = 1000

_TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})
_FUNCTIONS = frozenset({
    "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek",
    "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "int",
    "matches", "size", "startsWith", "string", "timestamp", "type", "uint",
})  # fmt: skip

# What is known of a variable beforehand; the others hold the user's own fields.
_FIELDS = {"run": ("id", "workflow", "version", "started_at"), "step": ("input", "result")}
_STEP_FIELDS = ("result", "state")


class Scope(Enum):
    """Where an expression stands, and the variables there: a word for messages, then their names."""

    STEP = ("a step", frozenset({"input", "steps", "run"}))
    ITEM = ("the input of a map", frozenset({"input", "steps", "run", "item", "items", "position"}))
    BATCH = ("the input of a map with batches", frozenset({"input", "steps", "run", "items", "position"}))
    COMPENSATION = ("a compensation", frozenset({"input", "steps", "run", "step"}))
    KEY = ("the key", frozenset({"input"}))
    OUTPUT = ("the output", frozenset({"input", "steps", "run"}))

    @property
    def place(self) -> str:
        """How messages call it."""
        return self.value[0]

    @property
    def variables(self) -> frozenset[str]:
        """The names that may be used there."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression: a plain path, resolved exactly, or CEL."""

    text: str
    path: Path | None
    scanned: Scanned
    references: frozenset[str]

    @classmethod
    def read(cls, text: str, scope: Scope) -> Expression:
        """Read an expression; raises ValueError, which says what is wrong with it in a line."""
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"an expression has at most {MOST_CHARACTERS:,} characters, this one has {len(text):,}")
        path = plain(text)
        scanned = Scanned((path,), ()) if path else scan(text)
        if path is None:
            _check_cel(text, scanned)
        bound = {variable for _, variable in scanned.macros}
        references = set[str]()
        for mentioned in scanned.paths:
            if mentioned.root not in bound and (path is not None or mentioned.root not in _TYPES):
                references.update(_check_path(mentioned, scope))
        return cls(text, path, scanned, frozenset(references))

    @property
    def reads_input(self) -> bool:
        """Whether it reads the input of the run."""
        return any(path.root == "input" for path in self.scanned.paths)

    def value(self, variables: Mapping[str, Any]) -> Any:
        """Return its value as JSON; raises ExpressionFailed."""
        if self.path is None:
            return evaluate(self.text, self.scanned, variables)
        return _resolve(self.text, self.path, variables)


@dataclass(frozen=True, slots=True)
class Template:
    """JSON in which a text of the form "${...}" stands for the value of an expression.

    "$${..." is the text "${..."; everything else stands for itself. `references` are the steps it reads.
    """

    source: Any
    references: frozenset[str]
    _parsed: Any

    @classmethod
    def read(cls, value: Any, at: str, allowed: Scope) -> Template:
        """Read a template that stands at `at`; raises Invalid with every problem of its expressions."""
        template, problems = cls.look(value, at, allowed)
        if problems:
            raise Invalid("the template does not fit", problems=problems)
        return template

    @classmethod
    def look(cls, value: Any, at: str, allowed: Scope) -> tuple[Template, list[dict[str, str]]]:
        """Read a template as far as it can be read, and return what is wrong with the rest beside it."""
        problems = list[dict[str, str]]()
        parsed = _parsed(value, at, allowed, problems)
        references = [expression.references for expression in _expressions(parsed)]
        return cls(value, frozenset().union(*references), parsed), problems

    @property
    def reads_input(self) -> bool:
        """Whether it reads the input of the run."""
        return any(expression.reads_input for expression in _expressions(self._parsed))

    def resolve(self, variables: Mapping[str, Any]) -> Any:
        """Return the JSON it stands for, paths exactly as they are stored; raises ExpressionFailed."""
        return _resolved(self._parsed, variables)


@dataclass(frozen=True, slots=True)
class Condition:
    """CEL that gives true or false, written without "${"; `references` are the steps it reads."""

    source: str
    references: frozenset[str]
    _expression: Expression

    @classmethod
    def read(cls, text: str, at: str, allowed: Scope = Scope.STEP) -> Condition:
        """Read a condition that stands at `at`; raises Invalid."""
        try:
            if text.startswith("${"):
                raise ValueError('a condition is written without "${" and "}"')
            expression = Expression.read(text, allowed)
        except ValueError as wrong:
            raise Invalid("the condition does not fit", problems=[{"at": at, "message": str(wrong)}]) from None
        return cls(text, expression.references, expression)

    @property
    def reads_input(self) -> bool:
        """Whether it reads the input of the run."""
        return self._expression.reads_input

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Return whether it is true; raises ExpressionFailed, also for any other value."""
        value = self._expression.value(variables)
        if not isinstance(value, bool):
            raise failed(self.source, f"a condition must be true or false, and this is {_word(value)}")
        return value


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return `; did you mean "..."?` when a known name is close, else nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _parsed(value: Any, at: str, scope: Scope, problems: list[dict[str, str]]) -> Any:
    if isinstance(value, Mapping):
        return {key: _parsed(member, f"{at}.{key}", scope, problems) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_parsed(member, f"{at}.{position}", scope, problems) for position, member in enumerate(value)]
    if not isinstance(value, str):
        return value
    if value.startswith("$${"):
        return value[1:]
    if not (value.startswith("${") and value.endswith("}")):
        return value
    try:
        return Expression.read(value[2:-1], scope)
    except ValueError as wrong:
        problems.append({"at": at, "message": str(wrong)})
        return None


def _expressions(parsed: Any) -> Iterator[Expression]:
    if isinstance(parsed, Expression):
        yield parsed
    elif isinstance(parsed, dict | list):
        for member in parsed.values() if isinstance(parsed, dict) else parsed:
            yield from _expressions(member)


def _resolved(parsed: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(parsed, Expression):
        return parsed.value(variables)
    if isinstance(parsed, dict):
        return {key: _resolved(member, variables) for key, member in parsed.items()}
    if isinstance(parsed, list):
        return [_resolved(member, variables) for member in parsed]
    return parsed


def _check_cel(text: str, scanned: Scanned) -> None:
    program = compiled(text)
    if len(scanned.macros) > 1:
        raise ValueError("an expression may use one of all, exists, exists_one, map and filter, and once")
    bound = {variable for _, variable in scanned.macros}
    if bound & {*_FIELDS, "input", "steps", "item", "items", "position"}:
        raise ValueError(f'the variable of a macro may not be called "{min(bound)}", which is another one')
    for name in program.functions():
        if re.match("[A-Za-z]", name) and name not in _FUNCTIONS:
            raise ValueError(f'there is no function "{name}"{suggestion(name, sorted(_FUNCTIONS | MACROS))}')
    seen = {path.root for path in scanned.paths} | bound
    for name in program.variables():
        if name not in seen:
            raise ValueError(f'there is no variable "{name}" here')


def _check_path(path: Path, scope: Scope) -> Iterator[str]:
    """Yield the step that a path reads, if it reads one."""
    root = path.root
    if root not in scope.variables:
        known = ", ".join(sorted(scope.variables))
        raise ValueError(f'there is no variable "{root}" in {scope.place}, only {known}')
    fields = _FIELDS.get(root)
    member = path.members[0] if path.members else None
    if fields and member is not None and member not in fields:
        raise ValueError(f'"{root}" has no field "{member}"; it has {", ".join(fields)}')
    if root != "steps":
        return
    if not isinstance(member, str):
        raise ValueError('"steps" is followed by the name of a step: steps.name or steps["name"]')
    if len(path.members) > 1 and path.members[1] not in _STEP_FIELDS:
        raise ValueError(f'"steps.{member}" has no field "{path.members[1]}"; it has {", ".join(_STEP_FIELDS)}')
    yield member


def _resolve(text: str, path: Path, variables: Mapping[str, Any]) -> Any:
    if path.root not in variables:
        raise failed(text, f"there is no {path.root}")
    value = variables[path.root]
    so_far = path.root
    for member in path.members:
        if isinstance(member, int):
            if not isinstance(value, list | tuple):
                raise failed(text, f"{short(so_far)} is {_word(value)}, not a list")
            if member >= len(value):
                raise failed(text, f"{short(so_far)} has no position {member}; it has {len(value)} elements")
            value, so_far = value[member], f"{so_far}[{member}]"
        else:
            if not isinstance(value, Mapping):
                raise failed(text, f"{short(so_far)} is {_word(value)}, not an object")
            if member not in value:
                raise failed(text, f"{short(so_far)} has no field {short(member)}")
            value, so_far = value[member], f"{so_far}.{member}"
    return value


def _word(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return "a number"
