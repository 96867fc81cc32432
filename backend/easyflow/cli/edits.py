"""Editing the payload of a dead letter before its job runs again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

from easyflow.cli.submit import read_json
from easyflow.domain import document
from easyflow.errors import EasyFlowError, Invalid
from easyflow.settings import Settings
from easyflow.storage.sql import Connection
from easyflow.submission.catalog import Catalog
from easyflow.submission.door import payload_text


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change: the whole payload, or some of its fields; nothing at all is an edit too."""

    payload: tuple[Any] | None
    fields: dict[str, Any]

    @property
    def changes(self) -> bool:
        """Whether anything is to be changed."""
        return self.payload is not None or bool(self.fields)

    def of(self, stored: str) -> Any:
        """Return the edited payload; raises Invalid when fields are to be set in what has none."""
        if self.payload is not None:
            return self.payload[0]
        value = document.parse(stored, max_bytes=len(stored) * 4 + 1, at="payload")
        if not isinstance(value, dict):
            raise Invalid("--set changes fields, but this payload is no object: give the whole of it with --payload")
        return {**value, **self.fields}


def parse_edit(payload: str | None, assignments: list[str], known: Settings) -> Edit:
    """Read `--payload` and `--set`; raises BadParameter."""
    if payload is not None and assignments:
        raise typer.BadParameter("--payload replaces everything, --set some fields: give one of them")
    if payload is not None:
        return Edit((read_json(payload, max_bytes=known.payload_bytes, name="payload"),), {})
    return Edit(None, dict(_assignment(text, known) for text in assignments))


async def checked_payload(
    connection: Connection, catalog: Catalog, letter: dict[str, Any], edit: Edit, known: Settings
) -> str | None:
    """Return the edited payload as JSON text, None when it stays; raises Invalid naming what the task refuses."""
    if not edit.changes:
        return None
    value = edit.of(letter["payload"])
    text = payload_text(value, known.payload_bytes)
    tasks = await catalog.lookup(connection, {letter["task"]})
    if letter["task"] not in tasks:
        raise Invalid(f"no worker has registered the task {letter['task']}, so its payload cannot be checked")
    problems = tasks[letter["task"]].problems(value, "payload")
    if problems:
        raise Invalid(f"the edited payload does not fit {letter['task']}", problems)
    return text


def _assignment(text: str, known: Settings) -> tuple[str, Any]:
    """Read `field=value`; a value that is no JSON is taken as text."""
    name, equals, written = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r} sets nothing: say --set field=value")
    try:
        return name, document.parse(written, max_bytes=known.payload_bytes, at=name)
    except EasyFlowError:
        pass
    try:
        return name, document.check(written, max_bytes=known.payload_bytes, at=name)
    except EasyFlowError as wrong:
        raise typer.BadParameter(wrong.message) from None
