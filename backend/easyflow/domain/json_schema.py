"""JSON Schemas that users bring along: compiled safely, and what does not fit them in words without values."""

from __future__ import annotations

from typing import Any, NoReturn

import jsonschema_rs

MOST_PROBLEMS = 20


def compiled(schema: Any) -> Any:
    """Compile a JSON Schema: linear-time patterns, no outside references, values masked in messages.

    Raises ValueError, which says in a line why it is none.
    """
    try:
        return jsonschema_rs.validator_for(
            schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions(), mask="the value"
        )
    except jsonschema_rs.ValidationError as wrong:
        place = ".".join(str(part) for part in wrong.instance_path)
        if "retriev" in wrong.message:
            raise ValueError("a schema may not refer to other documents") from None
        raise ValueError(f"{wrong.message}{f', at {place}' if place else ''}") from None
    except (jsonschema_rs.ReferencingError, ValueError) as wrong:
        raise ValueError(str(wrong).partition("\n")[0]) from None


def problems_of(schema: Any, value: Any, at: str) -> list[dict[str, str]]:
    """Return what in `value` does not fit a compiled schema, naming places and never values; empty when it fits."""
    found = list[dict[str, str]]()
    for error in schema.iter_errors(value):
        found.append({"at": ".".join([at, *(str(part) for part in error.instance_path)]), "message": error.message})
        if len(found) == MOST_PROBLEMS:
            break
    return found


def _refuse(uri: str) -> NoReturn:
    """Never follow a reference out of a schema: that would be a request to wherever a user's schema points."""
    raise ValueError("a schema may not refer to other documents")
