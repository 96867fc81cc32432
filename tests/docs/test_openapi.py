"""The OpenAPI document in the repository is the one the code makes, and it is good for typed clients."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.support.project import ROOT

SCRIPT = ROOT / "scripts" / "openapi.py"
DOCUMENT: dict[str, Any] = json.loads((ROOT / "frontend" / "openapi.json").read_text())


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def contents() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Every body: operation, `request` or status, media type, schema."""
    for name, operation in operations():
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            yield name, "request", media, content["schema"]
        for status, response in operation["responses"].items():
            for media, content in response.get("content", {}).items():
                yield name, status, media, content.get("schema", {})


def test_the_document_is_what_the_code_says() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], check=False, capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_operation_has_a_short_name_of_its_own() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+){0,3}", name)] == []
    assert len(set(names)) == len(names)


def test_a_body_has_a_name() -> None:
    named = re.compile(r"#/components/schemas/\w+")
    for name, where, media, schema in contents():
        if media.endswith("json"):
            kinds = schema.get("anyOf", [schema])
            assert all(named.fullmatch(kind.get("$ref", "")) for kind in kinds), (name, where)


def test_whatever_is_referred_to_is_there() -> None:
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert referred == set(DOCUMENT["components"]["schemas"])


def test_an_error_is_a_problem() -> None:
    for name, where, media, schema in contents():
        if where.startswith(("4", "5")):
            assert (media, schema) == ("application/problem+json", {"$ref": "#/components/schemas/Problem"}), name


def test_nothing_in_a_query_is_null() -> None:
    for name, operation in operations():
        for parameter in operation.get("parameters", []):
            assert "null" not in json.dumps(parameter["schema"]), (name, parameter["name"])
