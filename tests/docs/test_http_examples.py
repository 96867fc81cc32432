"""The HTTP requests that documents show fit the API's own description."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import pytest
from fastapi import FastAPI
from starlette.routing import Route

from easyflow.api.app import create_app
from easyflow.settings import Settings
from tests.support.documents import blocks, commands, documents, section, spans, table
from tests.support.project import ROOT

APP: FastAPI = create_app(Settings(mode="development", database_url="postgresql://localhost/unused"))
DESCRIBED: dict[str, Any] = APP.openapi()
ADDRESSES = {*DESCRIBED["paths"], *(route.path for route in APP.routes if isinstance(route, Route))}
VERBS = r"(?:(GET|POST|PATCH|PUT|DELETE) )?(/[^\s`]*)"
REQUESTS = [
    pytest.param(command.words, id=f"{document}:{block.line}.{number}")
    for document in documents(ROOT)
    for block in blocks((ROOT / document).read_text(), "console")
    for number, command in enumerate(commands(block))
    if command.words.startswith("curl ")
]


def problems(line: str) -> list[str]:
    """What the API would have against a request by curl."""
    url, body, sent_as = read(line)
    operation = DESCRIBED["paths"].get(url.path, {}).get("get" if body is None else "post")
    if operation is None:
        return [f"there is no such request: {url.path}"]
    known = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
    found = [f"there is no parameter {name}" for name in parse_qs(url.query) if name not in known]
    if body is None:
        return found
    if sent_as != "application/json":
        return [*found, "the body is not said to be JSON"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.validator_for(schema | {"components": DESCRIBED["components"]})
    return found + [error.message for error in validator.iter_errors(json.loads(body))]


def read(line: str) -> tuple[Any, str | None, str | None]:
    """Address, body and content type of a request by curl."""
    words = shlex.split(line.replace("\\\n", " "))
    url = urlsplit(next(word for word in words if word.startswith("http")))
    assert (url.scheme, url.netloc) == ("http", "localhost:3030"), line
    body = words[words.index("-d") + 1] if "-d" in words else None
    headers = dict(words[n + 1].split(": ", 1) for n, word in enumerate(words) if word == "-H")
    return url, body, headers.get("Content-Type")


@pytest.mark.parametrize("line", REQUESTS)
def test_a_request_that_a_document_shows_is_one_the_api_takes(line: str) -> None:
    assert problems(line) == []


def test_the_readme_submits_a_job_and_looks_at_the_jobs() -> None:
    text = (ROOT / "README.md").read_text()
    lines = [command.words for block in blocks(text, "console") for command in commands(block)]
    asked = [read(line) for line in lines if line.startswith("curl ")]
    assert [(url.path, body is not None) for url, body, _ in asked] == [("/api/v1/jobs", True), ("/api/v1/jobs", False)]


@pytest.mark.parametrize(
    "line",
    [
        "curl http://localhost:3030/api/v1/job",
        "curl 'http://localhost:3030/api/v1/jobs?stat=READY'",
        'curl http://localhost:3030/api/v1/jobs -d \'{"task": "demo.echo"}\'',
        "curl http://localhost:3030/api/v1/jobs -H 'Content-Type: application/json' -d '{\"tsk\": \"demo.echo\"}'",
    ],
)
def test_a_request_the_api_would_refuse_is_caught(line: str) -> None:
    assert problems(line)


@pytest.mark.parametrize("document", documents(ROOT), ids=str)
def test_every_address_a_document_names_is_served(document: Path) -> None:
    named = [found for span in spans((ROOT / document).read_text()) if (found := re.fullmatch(VERBS, span))]
    for verb, address in (found.groups() for found in named):
        path = address.partition("?")[0]
        # Without a verb it may stand for all the addresses below it.
        below = verb is None and any(each.startswith(f"{path}/") for each in ADDRESSES)
        assert path in ADDRESSES or below, f"{document}: {address}"
        assert verb is None or verb.lower() in DESCRIBED["paths"][path], f"{document}: {verb} {address}"


def test_the_guide_lists_every_address_of_the_api() -> None:
    listed = section((ROOT / "docs/guides/easyflow_guide.md").read_text(), "The HTTP API")
    served = {f"{verb.upper()} {path}" for path, verbs in DESCRIBED["paths"].items() for verb in verbs}
    assert {span for _, addresses in table(listed, "what for", "addresses") for span in spans(addresses)} == served
