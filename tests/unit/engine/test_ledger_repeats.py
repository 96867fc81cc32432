"""What a later attempt does with an effect that is open: repeat it with its key, ask its receiver, or a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from easyflow.context import Context, Effect
from easyflow.domain.effects import DidNotHappen, Happened, Unknown
from easyflow.domain.states import Effects
from easyflow.errors import EffectInDoubt, LostClaim, Misconfigured
from tests.support.ledger_job import Job, Receipt, left_open


class NotFound(Exception):
    """A status from 400 to 499, as HTTP clients raise it."""

    response = SimpleNamespace(status_code=404)


async def test_an_open_unsafe_effect_waits_for_a_person_and_is_not_called() -> None:
    job = await left_open("unsafe")
    attempt = job.attempt()
    with pytest.raises(EffectInDoubt, match=r"charge \(unsafe\)"):
        await job.effect("done", attempt)
    assert job.book.said == ["intent charge"]
    with pytest.raises(EffectInDoubt):
        attempt.conclude("swallowed")


async def test_an_open_keyed_effect_is_called_again_behind_a_new_intent() -> None:
    job = await left_open("keyed")
    assert await job.effect("done") == "done"
    assert job.book.said == ["intent charge", "again charge", "call", "happened 1"]


async def test_a_keyed_effect_whose_receiver_has_forgotten_the_key_waits_for_a_person() -> None:
    job = await left_open("keyed")
    job.book.expired = True
    with pytest.raises(EffectInDoubt, match="remembers keys"):
        await job.effect("done")
    assert job.book.said == ["intent charge"]


@pytest.mark.parametrize(("begun", "now"), [("unsafe", "keyed"), ("keyed", "unsafe"), ("queryable", "keyed")])
async def test_when_the_class_of_a_task_has_changed_the_stricter_one_counts(begun: str, now: str) -> None:
    job = await left_open(begun, reconcile=asking(DidNotHappen(), []))
    job.task = replace(job.task, effects=Effects(now), reconcile=None)
    with pytest.raises(EffectInDoubt, match=r"charge \(unsafe\)"):
        await job.effect("done")
    assert "call" not in job.book.said


@pytest.mark.parametrize("raised", [ConnectionRefusedError(), NotFound(), TimeoutError()], ids=repr)
async def test_a_refusal_of_the_second_call_proves_nothing_about_the_first(raised: Exception) -> None:
    job = await left_open("keyed")
    with pytest.raises(type(raised)):
        await job.effect(raised)
    assert job.book.states == ["open"]
    with pytest.raises(DidNotHappen):
        await job.effect(DidNotHappen("no such payment, nor was there ever"))
    assert job.book.states == ["did_not_happen"]


async def test_a_refusal_behind_the_word_of_the_receiver_that_nothing_happened_is_definite() -> None:
    job = await left_open("queryable", reconcile=asking(DidNotHappen(), []))
    with pytest.raises(ConnectionRefusedError):
        await job.effect(ConnectionRefusedError())
    assert job.book.states == ["did_not_happen"]


@pytest.mark.parametrize(("effects", "state"), [("unsafe", "did_not_happen"), ("keyed", "did_not_happen")])
async def test_an_effect_is_not_begun_when_the_lease_has_run_out(effects: str, state: str) -> None:
    job = Job(effects)
    job.book.lapsed = True
    with pytest.raises(LostClaim, match="run out"):
        await job.effect("done")
    assert (job.book.said, job.book.states) == (["intent charge", "did_not_happen 1"], [state])


async def test_a_repeated_call_that_is_not_begun_leaves_open_what_the_first_has_done() -> None:
    job = await left_open("keyed")
    job.book.lapsed = True
    with pytest.raises(LostClaim, match="run out"):
        await job.effect("done")
    assert (job.book.said, job.book.states) == (["intent charge", "again charge"], ["open"])


async def test_nothing_is_called_when_the_claim_is_lost_between_the_look_and_the_new_intent() -> None:
    job = await left_open("keyed")

    async def lost(intent: Any) -> bool:
        return False

    job.book.reopen = lost  # type: ignore[method-assign]
    with pytest.raises(LostClaim):
        await job.effect("done")
    assert "call" not in job.book.said


def asking(answer: Any, asked: list[Effect]) -> Callable[[Context, Effect], Any]:
    def reconcile(ctx: Context, effect: Effect) -> Any:
        asked.append(effect)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return reconcile


@pytest.mark.parametrize("raises", [False, True], ids=["returned", "raised"])
async def test_a_receiver_that_says_no_is_called_again_and_one_that_says_yes_is_not(raises: bool) -> None:
    async def awaited(ctx: Context, effect: Effect) -> Any:
        if raises:
            raise DidNotHappen("no")
        return DidNotHappen("no")

    asked: list[Effect] = []
    job = await left_open("queryable", reconcile=asking(None, asked))
    assert await job.effect("done", reconcile=awaited) == "done"
    assert job.book.said == ["intent charge", "again charge", "call", "happened 1"]
    job = await left_open("queryable", reconcile=asking(Happened(Receipt(number=3)), asked))
    for _ in range(2):
        assert await job.effect("not called", returns=Receipt) == Receipt(number=3)
    assert job.book.said.count("call") == 0
    (effect,) = asked
    assert effect == Effect("charge", job.keys[0], 2)


@pytest.mark.parametrize("answer", [Unknown("try tomorrow"), Unknown()])
async def test_a_receiver_that_cannot_tell_waits_for_a_person(answer: Unknown) -> None:
    for given in (asking(answer, []), lambda ctx, effect: answer):
        job = await left_open("queryable", reconcile=given)
        attempt = job.attempt()
        with pytest.raises(EffectInDoubt, match="cannot tell"):
            await job.effect("done", attempt)
        assert "call" not in job.book.said
        assert attempt.ledger is not None
        assert attempt.ledger.doubt() is not None


@pytest.mark.parametrize("answer", [None, True, "happened", Happened])
async def test_a_wrong_answer_is_a_mistake_of_the_task_and_calls_nothing(answer: Any) -> None:
    job = await left_open("queryable", reconcile=asking(answer, []))
    with pytest.raises(Misconfigured, match="must answer Happened, DidNotHappen or Unknown"):
        await job.effect("done")
    assert (job.book.states, "call" in job.book.said) == (["open"], False)


async def test_a_question_that_fails_leaves_the_effect_open_for_the_next_attempt() -> None:
    job = await left_open("queryable", reconcile=asking(ConnectionRefusedError(), []))
    with pytest.raises(ConnectionRefusedError):
        await job.effect("done")
    assert (job.book.states, "call" in job.book.said) == (["open"], False)
