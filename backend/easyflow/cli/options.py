"""Options that several commands share, and words that become values."""

from __future__ import annotations

import re
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from easyflow.submission import requests

_REASON = TypeAdapter[str](requests.Reason)


def _said(reason: str | None) -> str | None:
    """Check a reason where there is one."""
    try:
        return None if reason is None else _REASON.validate_python(reason)
    except ValidationError as wrong:
        raise typer.BadParameter(wrong.errors()[0]["msg"]) from None


Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Reason = Annotated[str, typer.Option("--reason", callback=_said, help="Why; kept in the audit.")]
PerhapsReason = Annotated[str | None, typer.Option("--reason", callback=_said, help="Why; kept in the history.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="Most rows.")]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def command_app() -> typer.Typer:
    """Make the Typer of one command or group; its help is plain text, which loads nothing."""
    return typer.Typer(
        rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True
    )


def seconds(text: str | None) -> float | None:
    """Read "90", "90s", "5m", "2h", "1d" or "250ms"; raises BadParameter."""
    if text is None:
        return None
    parsed = _DURATION.fullmatch(text.strip())
    if parsed is None:
        raise typer.BadParameter(f"{text!r} is no duration; say seconds, or 250ms, 90s, 5m, 2h, 1d")
    return float(parsed[1]) * _UNITS[parsed[2]]
