"""The table of legal moves: no line twice, every state reached, nothing leaves what is over."""

from __future__ import annotations

import re

from easyflow.domain.states import PARKED, RERUNNABLE, TERMINAL, Effects, State
from easyflow.domain.transitions import TRANSITIONS

# No move reaches these yet: waiting for a signal, an effect in doubt, and a skipped step come with what needs them.
LATER = {State.WAITING, State.IN_DOUBT, State.SKIPPED}


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


def test_only_effects_inside_the_database_are_safe_to_run_again() -> None:
    assert {Effects.PURE, Effects.TRANSACTIONAL} == RERUNNABLE
