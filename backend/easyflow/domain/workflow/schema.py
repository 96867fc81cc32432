"""The JSON Schema of a definition, as published."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from easyflow.domain.json_schema import compiled


def published() -> str:
    """Return the schema that editors use, as JSON text."""
    return files(__package__).joinpath("workflow.schema.json").read_text()


@cache
def parts() -> dict[str, dict[str, Any]]:
    """Return the object schemas of a definition by name: `workflow`, and those of `$defs`."""
    whole = json.loads(published())
    return {"workflow": whole, **whole["$defs"]}


@cache
def validator() -> Any:
    """Return the compiled schema of a definition."""
    return compiled(parts()["workflow"])
