"""The payload of a posting job: exact on the way there and back, open to the operator's one edit, to nothing else."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from easyflow.domain import document
from easyflow.examples.mainframe.records import bundled, read_transactions
from easyflow.examples.mainframe.tasks import TransactionIn, payload_of

DAY = read_transactions(bundled("DALYTRAN.PS"))
SCHEMA = jsonschema_rs.validator_for(TransactionIn.model_json_schema())


def written(position: int = 0) -> dict[str, Any]:
    payload: dict[str, Any] = payload_of(DAY[position]).model_dump(mode="json")
    return payload


def test_every_transaction_of_the_day_survives_json_exactly() -> None:
    for transaction in DAY:
        payload = payload_of(transaction)
        stored = document.parse(document.dumps(payload.model_dump(mode="json")), max_bytes=10_000)
        assert SCHEMA.is_valid(stored)
        read = TransactionIn.model_validate(stored)
        assert read == payload
        assert (read.amount, read.originated_on) == (transaction.amount, transaction.originated_on)
        assert not read.overdraft_approved


def test_money_is_text_with_two_decimals() -> None:
    assert [written(position)["amount"] for position in (0, 1)] == ["504.77", "-919.00"]


def test_the_same_record_always_gives_the_same_payload() -> None:
    assert json.dumps(written()) == json.dumps(written())


def test_the_operator_may_approve_the_overdraft() -> None:
    edited = {**written(), "overdraft_approved": True}
    assert SCHEMA.is_valid(edited)
    assert TransactionIn.model_validate(edited).overdraft_approved


@pytest.mark.parametrize(
    "edit",
    [
        {"overdraft_aproved": True},
        {"overdraft_approved": "yes"},
        {"overdraft_approved": 1},
        {"amount": 504.77},
        {"amount": "504.777"},
        {"amount": "1e3"},
        {"amount": "NaN"},
        {"amount": None},
        {"card_number": ""},
        {"category_code": -1},
        {"originated": "2022-06-10T19:27:53Z"},
        {"originated": "yesterday"},
    ],
)
def test_every_other_edit_is_refused_by_the_schema(edit: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid({**written(), **edit})


@pytest.mark.parametrize("edit", [{"surprise": 1}, {"overdraft_approved": 1}, {"amount": "NaN"}, {"originated": "x"}])
def test_the_model_refuses_what_the_schema_refuses(edit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TransactionIn.model_validate({**written(), **edit})


def test_amounts_are_decimals_in_python() -> None:
    assert TransactionIn.model_validate(written()).amount == Decimal("504.77")
