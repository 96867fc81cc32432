"""Whatever was raised, its description can be stored."""

from __future__ import annotations

import pytest

from easyflow.domain.outcome import MESSAGE_CHARS, TRACEBACK_CHARS, Fail
from easyflow.engine.faults import fault_of, storable
from tests.support.wrong_tasks import RAISES


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("kind", sorted(RAISES.keys() - {"Snooze for text"}))
def test_whatever_was_raised_is_described_in_storable_words(kind: str) -> None:
    fault = fault_of(raised(RAISES[kind]()))
    for text in (fault.type, fault.message, fault.traceback or "", fault.code or ""):
        assert "\x00" not in text
        text.encode()
    assert fault.type
    assert len(fault.message) <= MESSAGE_CHARS + 100
    assert len(fault.traceback or "") <= TRACEBACK_CHARS + 100


def test_a_builtin_error_keeps_its_short_name_and_others_say_where_they_are_from() -> None:
    assert fault_of(ValueError("x")).type == "ValueError"
    assert fault_of(Fail("x", code="closed")).type == "easyflow.domain.outcome.Fail"


def test_only_text_counts_as_a_code() -> None:
    assert fault_of(Fail("x", code="closed")).code == "closed"
    assert fault_of(RAISES["talkative"]()).code is None


def test_the_cause_of_an_error_is_told() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as outer:
        traceback = fault_of(outer).traceback or ""
    assert "KeyError: 'inner'" in traceback
    assert traceback.rstrip().endswith("ValueError: outer")


def test_long_text_keeps_its_beginning_and_its_end() -> None:
    cut = storable("a" * 500 + "b" * 500, 100)
    assert cut.startswith("a" * 50)
    assert cut.endswith("b" * 50)
    assert "900 characters left out" in cut


def test_text_that_postgresql_refuses_is_written_out() -> None:
    assert storable("a\x00b\ud800c", 100) == "a\\x00b\\ud800c"
