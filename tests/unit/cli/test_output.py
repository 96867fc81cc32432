"""What commands print."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
import typer

from easyflow.cli.options import seconds
from easyflow.cli.output import (
    cell,
    complain,
    error_line,
    pretty,
    print_facts,
    print_json,
    print_table,
    raw,
    sentence_of,
)
from easyflow.errors import Conflict, Invalid

NOON = datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
ID = UUID(int=7)


def test_a_table_is_aligned_with_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "jobs", "amount"), [("a", 5, "1,200.50"), ("longer", None, "-3.10")], empty="")
    assert capsys.readouterr().out.splitlines() == [
        "name    jobs    amount",
        "a          5  1,200.50",
        "longer     -     -3.10",
    ]


def test_an_empty_table_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [], empty="Nothing here.")
    assert capsys.readouterr().out == "Nothing here.\n"


def test_facts_that_are_not_there_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"id": ID, "key": None, "tags": [], "priority": 0, "paused": False})
    assert capsys.readouterr().out.splitlines() == [f"id        {ID}", "priority  0", "paused    no"]


def test_ids_stay_whole_long_text_is_cut_and_times_are_in_utc() -> None:
    assert cell(ID) == str(ID)
    assert cell("x" * 500).endswith("x…")
    assert cell(NOON) == "2026-01-02T10:00:00Z"
    assert cell(["a", "b"]) == "a,b"


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "a\x9bb", "a\u202eb", "a\u2028b", "\x00"])
def test_a_cell_holds_nothing_that_moves_the_cursor(text: str) -> None:
    assert cell(text).isprintable()


def test_json_keeps_stored_documents_exact_and_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    stored = '{"amount": 12345678901234567890.10}'
    print_json({"id": ID, "at": NOON.astimezone(UTC), "payload": raw(stored), "result": raw(None)})
    line = capsys.readouterr().out
    assert line == f'{{"id":"{ID}","at":"2026-01-02T10:00:00.250000Z","payload":{stored},"result":null}}\n'


@pytest.mark.parametrize("text", ['{"a": 1.10, "b": [1E+3, 12345678901234567890123]}', '"ö"', "null", "-0.0"])
def test_stored_json_is_shown_over_lines_with_every_digit(text: str) -> None:
    shown = pretty(text)
    assert json.loads(shown, parse_float=str, parse_int=str) == json.loads(text, parse_float=str, parse_int=str)


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("it says:\nno\x1b[2J")
    assert capsys.readouterr().err == "EasyFlow: it says: no [2J\n"


def test_a_refusal_names_its_first_problems_once() -> None:
    problems = [{"at": f"jobs.{n}", "message": "wrong"} for n in range(7)]
    assert sentence_of(Invalid("no", problems)) == (
        "no: jobs.0: wrong; jobs.1: wrong; jobs.2: wrong; jobs.3: wrong; jobs.4: wrong; and 2 more"
    )
    assert sentence_of(Invalid("jobs.0: wrong", problems[:1])) == "jobs.0: wrong"
    assert sentence_of(Conflict("too late")) == "too late"


def test_an_error_is_shown_without_its_module() -> None:
    assert error_line({"type": "bank.errors.Closed", "message": "until 9"}) == "Closed: until 9"
    assert error_line(None) is None


@pytest.mark.parametrize(
    ("text", "wanted"), [("90", 90), ("250ms", 0.25), ("90s", 90), ("5m", 300), ("1.5h", 5400), ("1d", 86_400)]
)
def test_a_duration_is_read(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5 minutes", "1e3", "inf", "5M"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        seconds(text)
