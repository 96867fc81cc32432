"""Which open effects forbid a re-run."""

from __future__ import annotations

import pytest

from easyflow.domain.effects import EffectState, OpenEffect, doubtful
from easyflow.domain.states import Effects

OUTSIDE = [Effects.KEYED, Effects.QUERYABLE, Effects.UNSAFE]


@pytest.mark.parametrize(("effects", "in_doubt"), [("keyed", False), ("queryable", False), ("unsafe", True)])
def test_an_open_effect_is_in_doubt_when_neither_key_nor_question_helps(effects: str, in_doubt: bool) -> None:
    assert OpenEffect("charge", Effects(effects)).in_doubt is in_doubt


@pytest.mark.parametrize("effects", OUTSIDE)
def test_behind_the_time_for_which_keys_are_remembered_every_class_is_in_doubt(effects: Effects) -> None:
    assert OpenEffect("charge", effects, expired=True).in_doubt


def test_those_in_doubt_are_told_in_their_order_and_nobody_else() -> None:
    first, second = OpenEffect("a", Effects.UNSAFE), OpenEffect("b", Effects.KEYED, expired=True)
    assert doubtful([OpenEffect("c", Effects.KEYED), first, OpenEffect("d", Effects.QUERYABLE), second]) == [
        first,
        second,
    ]
    assert doubtful([]) == []
    assert doubtful([OpenEffect("c", Effects.KEYED)]) == []


def test_the_words_of_an_effects_state_are_those_of_the_database() -> None:
    assert list(EffectState) == ["open", "happened", "did_not_happen"]
