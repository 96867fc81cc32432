"""The checker finds nothing in sound histories, and in a broken one exactly the invariant that was broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.checker import RULES, check, count
from tests.support.tales import Tale, sound_tale

Break = Callable[[Tale], None]
BREAKS: dict[str, tuple[set[str], Break]] = {}


def breaks(*invariants: str) -> Callable[[Break], Break]:
    def remember(broken: Break) -> Break:
        BREAKS[broken.__name__] = (set(invariants), broken)
        return broken

    return remember


@breaks("I1")
def an_acknowledged_submit_is_lost(tale: Tale) -> None:
    tale.asks("submit", key="k", job="gone", body="{}")


@breaks("I1")
def one_submit_became_two_jobs(tale: Tale) -> None:
    tale.job("twin", "SUCCEEDED", "succeeded")
    tale.client.pop()
    del tale.keys["key twin"]
    tale.jobs["twin"] = replace(tale.jobs["twin"], marker="key done")


@breaks("I1")
def a_job_that_nobody_submitted(tale: Tale) -> None:
    tale.job("foundling", "SUCCEEDED", "succeeded")
    tale.client.pop()


@breaks("I2")
def a_replay_that_nobody_recorded(tale: Tale) -> None:
    tale.events["replayed"].clear()


@breaks("I2", "I3")
def an_attempt_behind_the_success(tale: Tale) -> None:
    tale.job("restless", "SUCCEEDED", "succeeded", "lost")


@breaks("I2", "I7")
def a_job_that_has_ended_and_runs(tale: Tale) -> None:
    tale.tickets["failed"].append(replace(tale.tickets["failed"][0], place="leases", state="RUNNING"))


@breaks("I2", "I3")
def two_completions(tale: Tale) -> None:
    tale.job("twice", "SUCCEEDED", "succeeded", "succeeded")


@breaks("I3")
def a_completion_of_a_stale_claim(tale: Tale) -> None:
    tale.tickets["done"] = [replace(tale.tickets["done"][0], lease=9)]


@breaks("I3")
def a_success_without_a_completion(tale: Tale) -> None:
    tale.job("unearned", "SUCCEEDED", "retried")


@breaks("I3")
def a_completion_of_what_failed(tale: Tale) -> None:
    tale.job("torn", "FAILED", "succeeded")


@breaks("I4")
def a_keyed_effect_happened_twice(tale: Tale) -> None:
    tale.effect("charged", "happened", "keyed", "performed")


@breaks("I4", "I9")
def an_unsafe_effect_happened_twice(tale: Tale) -> None:
    tale.effect("refused", "happened", "unsafe", "performed")


@breaks("I4")
def an_effect_without_an_intent(tale: Tale) -> None:
    del tale.effects["charged"]


@breaks("I4")
def an_effect_the_ledger_denies(tale: Tale) -> None:
    tale.effect("refused", "did_not_happen", "unsafe")


@breaks("I4")
def an_effect_only_the_ledger_knows(tale: Tale) -> None:
    tale.job("dreamt", "SUCCEEDED", "succeeded", effects="keyed")
    tale.effect("dreamt", "happened", "keyed")


@breaks("I4")
def a_row_written_twice(tale: Tale) -> None:
    tale.written = {"written": 2}


@breaks("I4")
def a_row_of_a_job_that_failed(tale: Tale) -> None:
    tale.written = {"written": 1, "unwritten": 1}


@breaks("I5")
def more_errors_than_are_allowed(tale: Tale) -> None:
    tale.job("eager", "SUCCEEDED", "retried", "retried", "retried", "succeeded")


@breaks("I5")
def more_losses_than_are_allowed(tale: Tale) -> None:
    tale.job("deadly", "SUCCEEDED", "lost", "lost", "lost", "lost", "succeeded")


@breaks("I5")
def more_unstarted_claims_than_are_allowed(tale: Tale) -> None:
    tale.job("unlucky", "SUCCEEDED", *["unstarted"] * 11, "succeeded")


@breaks("I6", "I14")
def a_dead_executor_holds_a_lease(tale: Tale) -> None:
    tale.job("held", "RUNNING", live=False)


@breaks("I6", "I14")
def a_job_waits_for_a_key_that_nobody_holds(tale: Tale) -> None:
    tale.job("blocked", "BLOCKED", key="account 7", ordered=True)


@breaks("I6")
def a_transaction_is_left_open(tale: Tale) -> None:
    tale.idle_transactions = 1


@breaks("I7")
def a_job_in_no_place(tale: Tale) -> None:
    del tale.tickets["done"]


@breaks("I7")
def a_ticket_without_a_job(tale: Tale) -> None:
    tale.tickets["stranger"] = [replace(tale.tickets["failed"][0], job="stranger")]


@breaks("I7")
def a_failure_without_a_letter(tale: Tale) -> None:
    del tale.letters["failed"]


@breaks("I7")
def a_letter_of_what_succeeded(tale: Tale) -> None:
    tale.letters["done"] = "open"


@breaks("I7")
def a_lease_number_that_fell(tale: Tale) -> None:
    tale.tickets["failed"] = [replace(tale.tickets["failed"][0], lease=1)]


@breaks("I7", "I14")
def an_order_with_two_heads(tale: Tale) -> None:
    for name in ("first", "second"):
        tale.job(name, "SCHEDULED", key="account 7", ordered=True, held=True)


@breaks("I9")
def a_doubt_without_a_ground(tale: Tale) -> None:
    del tale.effects["doubtful"]
    tale.recorder = [each for each in tale.recorder if each.job != "doubtful"]


@breaks("I9")
def a_success_with_an_open_unsafe_effect(tale: Tale) -> None:
    tale.effect("refused", "open", "unsafe")


@breaks("I9")
def a_doubt_that_nobody_settled_and_went_on(tale: Tale) -> None:
    tale.job("rash", "SUCCEEDED", "in_doubt", "succeeded", effects="unsafe")


@breaks("I9")
def an_unsafe_effect_was_asked_for_twice(tale: Tale) -> None:
    tale.effect("refused", "happened", "unsafe", "repeated")


@breaks("I12")
def a_key_answered_with_two_jobs(tale: Tale) -> None:
    tale.asks("submit", key="key done", job="failed", body="{}")


@breaks("I12")
def a_key_accepted_with_two_bodies(tale: Tale) -> None:
    tale.asks("submit", key="key done", job="done", body="{1}")


@breaks("I12")
def a_key_that_stands_for_another_job(tale: Tale) -> None:
    tale.keys["key done"] = "failed"


@breaks("I13")
def a_cancelled_job_succeeded(tale: Tale) -> None:
    tale.asks("cancel", job="done")


@breaks("I14")
def a_job_that_never_ended(tale: Tale) -> None:
    tale.job("endless", "READY", "lost")


def test_sound_histories_are_right() -> None:
    assert [str(breach) for breach in check(sound_tale().histories())] == []


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_history_breaks_its_invariant_and_no_other(name: str) -> None:
    invariants, broken = BREAKS[name]
    tale = sound_tale()
    broken(tale)
    found = check(tale.histories())
    assert {breach.invariant for breach in found} == invariants, "\n".join(map(str, found))


def test_every_invariant_that_is_checked_was_seen_to_fail() -> None:
    assert {name for invariants, _ in BREAKS.values() for name in invariants} == set(RULES)


def test_what_may_still_come_right_is_no_breach_before_the_site_is_at_rest() -> None:
    tale = sound_tale()
    a_dead_executor_holds_a_lease(tale)
    a_job_that_never_ended(tale)
    assert check(tale.histories(), at_rest=False) == []


def test_a_breach_tells_the_story_of_its_job_and_of_no_other() -> None:
    tale = sound_tale()
    tale.told("doubtful", "in doubt", "effect charge (unsafe): it may or may not have happened")
    tale.asks("cancel", job="doubtful")
    a_keyed_effect_happened_twice(tale)
    (breach,) = check(tale.histories())
    assert str(breach).splitlines() == [
        "I4 charged: effect charge (keyed) happened 2 times",
        "  00:00:00.500000 client    c1 asks to submit key key charged",
        "  00:00:00.900000 client    c1 hears of its submit: ok",
        "  00:00:01.000000 database  stored: a.task (keyed), 3 attempts at most",
        "  00:00:02.000000 database  attempt 1 claimed",
        "  00:00:02.000000 database  effect 1 charge (keyed) opened by attempt 1, try 1",
        "  00:00:02.500000 database  attempt 1 lost",
        "  00:00:02.500000 recorder  charge performed with fence 1",
        "  00:00:02.500000 recorder  charge performed with fence 1",
        "  00:00:02.500000 recorder  charge repeated with fence 1",
        "  00:00:03.000000 database  attempt 2 claimed",
        "  00:00:03.000000 database  effect 1 charge (keyed) happened, says worker",
        "  00:00:03.500000 database  attempt 2 succeeded",
        "  00:00:50.000000 database  now SUCCEEDED in finished, claim 2",
    ]


def test_submits_are_sorted_like_a_total_queue() -> None:
    tale = sound_tale()
    before = count(tale.histories())
    an_acknowledged_submit_is_lost(tale)
    tale.asks("submit", "unknown", key="key done")
    tale.asks("submit", "unknown", key="nowhere")
    tale.asks("submit", "fail", key="refused")
    counted = count(tale.histories())
    counted.subtract(before)
    assert dict(counted) == {"acknowledged": 1, "lost": 1, "recovered": 1, "unknown": 1, "refused": 1}
