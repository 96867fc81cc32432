"""The OpenAPI document: what FastAPI finds out by itself, and what routes say they read and answer by name."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from easyflow.api.schemas import NAMED

_PLACE = "#/components/schemas/{model}"


def operation_id(route: APIRoute) -> str:
    """Name an operation after its function."""
    return route.name


def describe(app: FastAPI) -> None:
    """Let the document of `app` hold every shape that its routes refer to by name."""
    found = app.openapi

    def document() -> dict[str, Any]:
        described = found()
        shapes = described.setdefault("components", {}).setdefault("schemas", {})
        _, named = models_json_schema([(model, "validation") for model in NAMED.values()], ref_template=_PLACE)
        for name, shape in named.get("$defs", {}).items():
            assert shapes.setdefault(name, shape) == shape, f"two shapes are called {name}"
        return described

    app.openapi = document  # type: ignore[method-assign]
