"""Expressions as Python writes them: `parse.result.total > 3` becomes CEL text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from easyflow.domain.document import dumps

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset({"false", "in", "null", "true"})


class Expression:
    """CEL text that the operators of Python put together; `&`, `|` and `~` stand for and, or and not.

    Nothing is computed: it is written into a definition, in a template as "${...}", in a condition as it is.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Take CEL as it is."""
        self._text = text

    def __str__(self) -> str:
        return f"${{{self._text}}}"

    def __repr__(self) -> str:
        return f"<{self._text}>"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return self._with("==", other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return self._with("!=", other)

    def __lt__(self, other: object) -> Expression:
        return self._with("<", other)

    def __le__(self, other: object) -> Expression:
        return self._with("<=", other)

    def __gt__(self, other: object) -> Expression:
        return self._with(">", other)

    def __ge__(self, other: object) -> Expression:
        return self._with(">=", other)

    def __add__(self, other: object) -> Expression:
        return self._with("+", other)

    def __sub__(self, other: object) -> Expression:
        return self._with("-", other)

    def __mul__(self, other: object) -> Expression:
        return self._with("*", other)

    def __truediv__(self, other: object) -> Expression:
        return self._with("/", other)

    def __mod__(self, other: object) -> Expression:
        return self._with("%", other)

    def __radd__(self, other: object) -> Expression:
        return Expression(f"{_operand(other)} + {_operand(self)}")

    def __and__(self, other: object) -> Expression:
        return self._with("&&", other)

    def __or__(self, other: object) -> Expression:
        return self._with("||", other)

    def __invert__(self) -> Expression:
        return Expression(f"!{_operand(self)}")

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self!r} has no value yet; write & | ~ in place of and, or, not, and no `if` around it")

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self!r} has no value yet; give it to the map of a step to go through it")

    def __contains__(self, _: object) -> NoReturn:
        raise TypeError(f"{self!r} has no value yet; write the condition as text: 'x in input.list'")

    def _with(self, operator: str, other: object) -> Expression:
        return Expression(f"{_operand(self)} {operator} {_operand(other)}")


class Reference(Expression):
    """A place in a run's data: its fields are attributes, `parse.result.total`, or keys, `parse.result["a b"]`."""

    __slots__ = ()

    def __getattr__(self, field: str) -> Reference:
        if field.startswith("__"):
            raise AttributeError(field)
        return self[field]

    def __getitem__(self, place: str | int) -> Reference:
        if isinstance(place, int):
            return Reference(f"{self._text}[{place}]")
        if _FIELD.fullmatch(place) and place not in _RESERVED:
            return Reference(f"{self._text}.{place}")
        return Reference(f"{self._text}[{_literal(place)}]")


def cel_of(condition: Expression | str) -> str:
    """Return a condition as a definition writes it."""
    return condition._text if isinstance(condition, Expression) else condition


def json_of(value: Any) -> Any:
    """Return a template in which expressions may stand as the JSON of a definition."""
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, Mapping):
        return {key: json_of(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [json_of(member) for member in value]
    return value


def _operand(value: object) -> str:
    if isinstance(value, Reference):
        return value._text
    return f"({value._text})" if isinstance(value, Expression) else _literal(value)


def _literal(value: object) -> str:
    # JSON text is CEL text too: the same escapes, the same names for true, false and null.
    return dumps(value)
