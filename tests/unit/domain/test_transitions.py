"""The table of legal moves: no line twice, every state reached, nothing leaves what is over."""

from __future__ import annotations

import re

from easyflow.domain.states import PARKED, TERMINAL, State
from easyflow.domain.transitions import TRANSITIONS

# No move reaches these yet: waiting for a signal, and a skipped step come with what needs them.
LATER = {State.WAITING, State.SKIPPED}


def test_no_move_is_listed_twice() -> None:
    moves = [(move.id, move.source, move.target) for move in TRANSITIONS]
    assert len(moves) == len(set(moves))


def test_a_job_that_is_over_moves_no_more_unless_it_failed() -> None:
    assert {move.source for move in TRANSITIONS if move.source in TERMINAL} == {State.FAILED}


def test_a_failed_job_only_moves_by_an_operator() -> None:
    assert {move.actor for move in TRANSITIONS if move.source is State.FAILED} == {"operator"}


def test_every_state_is_reached_from_a_new_job() -> None:
    reached: set[State | None] = {None}
    while True:
        more = {move.target for move in TRANSITIONS if move.source in reached} - reached
        if not more:
            break
        reached |= more
    assert reached - {None} == set(State) - LATER


def test_every_state_that_is_not_over_can_be_left() -> None:
    left = {move.source for move in TRANSITIONS if move.target is not move.source}
    assert set(State) - TERMINAL - LATER <= left


def test_only_a_claim_leads_to_running() -> None:
    to_running = [move for move in TRANSITIONS if move.target is State.RUNNING and move.source is not State.RUNNING]
    assert [(move.id, move.source) for move in to_running] == [("T3", State.READY)]


def test_every_move_of_a_worker_is_fenced_by_its_claim() -> None:
    fenced = [move for move in TRANSITIONS if move.actor == "worker" and move.source is State.RUNNING]
    assert len(fenced) >= 6
    assert [move for move in fenced if not move.guard.startswith("claim token matches")] == []


def test_every_move_has_a_number_and_a_guard() -> None:
    assert [move for move in TRANSITIONS if not re.fullmatch(r"T[1-9]\d?", move.id) or not move.guard] == []


def test_the_groups_of_states_do_not_overlap() -> None:
    assert not TERMINAL & PARKED
    assert set(State) - TERMINAL - PARKED == {State.READY, State.RUNNING}


def test_only_an_operator_moves_a_job_in_doubt() -> None:
    moves = {(move.id, move.target) for move in TRANSITIONS if move.source is State.IN_DOUBT}
    assert moves == {
        ("T14", State.SCHEDULED),
        ("T14", State.SUCCEEDED),
        ("T14", State.FAILED),
        ("T30", State.CANCELLED),
    }
    assert {move.actor for move in TRANSITIONS if move.source is State.IN_DOUBT} == {"operator"}


def test_a_doubt_comes_from_a_running_attempt_or_from_a_lost_timeline_and_from_nowhere_else() -> None:
    moves = [move for move in TRANSITIONS if move.target is State.IN_DOUBT]
    assert {move.id for move in moves if move.source is State.RUNNING} == {"T13"}
    waiting = [move for move in moves if move.source is not State.RUNNING]
    assert {move.id for move in waiting} <= {"T33"}
    assert {move.actor for move in waiting} <= {"operator"}
    assert not {move.source for move in waiting} & TERMINAL


def test_a_lost_attempt_is_run_again_or_failed_only_when_nothing_is_in_doubt() -> None:
    guards = {move.id: move.guard for move in TRANSITIONS if move.actor == "rescuer"}
    assert "no effect in doubt" in guards["T11"]
    assert "no effect in doubt" in guards["T12"]
    assert "effect must not be repeated" in guards["T13"]
