"""What `ctx.effect` does: an intent before the call, its outcome after it, and never a blind second call."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

import pytest

from easyflow.domain.effects import DidNotHappen
from easyflow.engine.values import ResultRefused
from easyflow.errors import EffectInDoubt, EffectOpen, LostClaim
from tests.support.ledger_job import JOB, Job, Receipt, left_open


@dataclass
class Parcel:
    """The same, as a dataclass."""

    number: int


async def test_the_intent_is_committed_before_the_call_and_the_outcome_after_it() -> None:
    job = Job()
    assert await job.effect({"n": 1}) == {"n": 1}
    assert job.book.said == ["intent charge", "call", "happened 1"]


async def test_nothing_is_called_when_the_claim_is_lost() -> None:
    job = Job()
    job.book.taken_over = True
    with pytest.raises(LostClaim):
        await job.effect()
    assert job.book.said == ["intent charge"]


async def test_an_outcome_that_comes_behind_the_loss_of_the_claim_is_not_told_as_a_result() -> None:
    job = Job("unsafe")
    attempt = job.attempt()

    def call(key: str) -> str:
        job.book.taken_over = True
        return "done"

    with pytest.raises(LostClaim):
        await attempt.open_context().effect("charge", call)
    assert attempt.ledger is not None
    assert attempt.ledger.doubt() is not None


async def test_an_intent_whose_answer_was_lost_and_was_said_again_is_called_once() -> None:
    job = Job("unsafe")
    job.book.lose_answers = True
    assert await job.effect("done") == "done"
    assert job.book.said == ["intent charge", "intent charge", "call", "happened 1"]


async def test_a_recorded_result_is_given_again_without_a_call() -> None:
    job = Job("unsafe")
    first = await job.effect({"n": 1})
    assert await job.effect({"n": 2}) == first == {"n": 1}
    assert job.book.said.count("call") == 1


@pytest.mark.parametrize(
    ("value", "returns", "given"),
    [
        (Receipt(number=1), None, {"number": 1}),
        (Receipt(number=1), Receipt, Receipt(number=1)),
        (Parcel(1), None, {"number": 1}),
        (Parcel(1), Parcel, Parcel(1)),
        ((1, 2), None, [1, 2]),
        ((1, 2), tuple[int, ...], (1, 2)),
        (1.5, None, 1.5),
        (None, None, None),
        (None, Receipt | None, None),
    ],
)
async def test_a_handler_gets_the_same_form_at_the_first_run_and_at_every_re_run(
    value: Any, returns: Any, given: Any
) -> None:
    job = Job()
    for _ in range(3):
        told = await job.effect(value, returns=returns)
        assert (told, type(told)) == (given, type(given))
    assert job.book.said.count("call") == 1


@pytest.mark.parametrize("value", [object(), float("nan"), "a\x00b", "x" * 300])
async def test_a_result_that_cannot_be_kept_is_refused_each_time_and_nothing_is_called_again(value: Any) -> None:
    job = Job("unsafe")
    said = []
    for _ in range(2):
        with pytest.raises(ResultRefused) as refused:
            await job.effect(value)
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert (job.book.said.count("call"), job.book.states) == (1, ["happened"])


async def test_effects_are_numbered_in_the_order_of_their_calls_also_under_gather() -> None:
    job = Job()
    attempt = job.attempt()
    context = attempt.open_context()

    async def slow(key: str, turns: int) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return key

    keys = await asyncio.gather(
        *(context.effect(f"e{n}", lambda key, n=n: slow(key, 9 - 3 * n)) for n in range(3))  # type: ignore[misc]
    )
    assert [key.split(".")[1] for key in keys] == ["1", "2", "3"]
    assert [row["name"] for _, row in sorted(job.book.rows.items())] == ["e0", "e1", "e2"]


async def test_the_key_is_the_same_for_the_same_request_and_another_for_another() -> None:
    keys = []
    for request in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}):
        job = Job()
        await job.effect(request=request)
        keys += job.keys
    assert keys[0] == keys[1] != keys[2]
    digest = hashlib.sha256(b'charge\0{"a":1,"b":2}').hexdigest()
    assert keys[0] == f"{JOB}.1.{digest[:8]}"


async def test_without_a_request_the_payload_identifies_it_and_the_name_always_does() -> None:
    keys = []
    for payload, name in (('{"a": 1}', "charge"), ('{"a": 2}', "charge"), ('{"a": 1}', "refund")):
        job = Job()
        await job.effect("done", job.attempt(payload), name)
        keys += job.keys
    assert len(set(keys)) == 3


async def test_a_repeated_call_has_the_key_of_the_first() -> None:
    job = await left_open("keyed")
    assert await job.effect("done") == "done"
    assert len(job.keys) == 2
    assert len(set(job.keys)) == 1


@pytest.mark.parametrize("recorded", ["open", "happened"])
async def test_another_request_at_the_place_of_a_known_effect_waits_for_a_person(recorded: str) -> None:
    job = Job("keyed")
    if recorded == "open":
        with pytest.raises(TimeoutError):
            await job.effect(TimeoutError(), request=1)
    else:
        await job.effect(request=1)
    attempt = job.attempt()
    with pytest.raises(EffectInDoubt) as other:
        await job.effect("done", attempt, request=2)
    assert attempt.ledger is not None
    assert attempt.ledger.doubt() == other.value.message
    for request in (1, 2):
        hashed = hashlib.sha256(b"charge\0" + str(request).encode()).hexdigest()
        assert hashed[:12] in other.value.message
    assert len(job.keys) == 1


async def test_a_divergence_sticks_even_when_the_handler_swallows_it() -> None:
    job = Job("keyed")
    await job.effect(request=1)
    attempt = job.attempt()
    with pytest.raises(EffectInDoubt):
        await job.effect("done", attempt, request=2)
    with pytest.raises(EffectInDoubt, match="another request"):
        attempt.conclude("as if nothing were")


async def test_another_request_is_fine_where_nothing_happened() -> None:
    job = Job("unsafe")
    with pytest.raises(DidNotHappen):
        await job.effect(DidNotHappen("no"), request=1)
    assert await job.effect("done", request=2) == "done"
    assert job.book.states == ["happened"]


async def test_two_effects_of_one_attempt_are_two() -> None:
    job = Job("unsafe")
    attempt = job.attempt()
    context = attempt.open_context()
    ledger_of_both = [await context.effect("charge", job.answers(n)) for n in (1, 2)]
    assert ledger_of_both == [1, 2]
    assert [key.split(".")[1] for key in job.keys] == ["1", "2"]
    assert attempt.conclude(None).result is None


async def test_a_handler_that_swallows_the_loss_of_an_answer_does_not_succeed() -> None:
    for effects, raised in (("keyed", EffectOpen), ("unsafe", EffectInDoubt)):
        job = Job(effects)
        attempt = job.attempt()
        with pytest.raises(TimeoutError):
            await job.effect(TimeoutError(), attempt)
        with pytest.raises(raised, match="charge"):
            attempt.conclude("fine")
