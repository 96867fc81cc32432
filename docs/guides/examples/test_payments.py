"""Tests of tasks with effects: the ledger is not there, what the handler makes of its effects is."""

from __future__ import annotations

import pytest
from payments import BOOKED, pay, pay_by_wire

from easyflow import DidNotHappen
from easyflow.testing import run_task


@pytest.mark.parametrize("handler", [pay, pay_by_wire])
def test_a_payment_is_booked_under_the_effects_key(handler: object) -> None:
    BOOKED.clear()
    assert run_task(handler, {"account": "A1", "amount": 250}) == {"number": 1}  # type: ignore[arg-type]
    ((key, amount),) = BOOKED.items()
    assert (amount, key.split(".")[1]) == (250, "1")


def test_what_the_bank_refuses_reaches_the_test() -> None:
    with pytest.raises(DidNotHappen):
        run_task(pay, {"account": "A1", "amount": 0})
