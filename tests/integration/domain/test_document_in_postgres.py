"""What the JSON guard lets through is what PostgreSQL keeps: nothing refused, nothing rounded, nothing lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from easyflow.domain import document
from tests.conftest import Connect

NESTED: Any = "deep"
for _ in range(64):
    NESTED = [NESTED]

KEPT: dict[str, Any] = {
    "the widest integers": [10**38 - 1, -(10**38) + 1, 2**53 + 1, 0],
    "the finest numbers": [
        Decimal("0." + "1" * 38),
        Decimal("1e37"),
        Decimal("-1e-38"),
        Decimal("0.10"),
        Decimal("-0.0"),
    ],
    "floats": [0.1, 1e37, 1e-20, -2.5, 1.7976931348623157e37],
    "characters": "\x01\x1f\x7f\x80\u2028\ud7ff\ue000\uffff\U0001f600\U0010ffff \"\\/'",
    "odd keys": {"": 1, " ": 2, "\U0001f600": 3, "\\u0000": 4, '"': 5},
    "64 levels": NESTED,
    "small things": [None, True, False, [], {}, ""],
}


@pytest.mark.parametrize("name", KEPT)
async def test_a_document_comes_back_from_jsonb_as_it_went_in(connect: Connect, name: str) -> None:
    connection = await connect()
    value = document.check(KEPT[name], max_bytes=100_000)
    kept = await connection.fetchval("select ($1::text::jsonb)::text", document.dumps(value))
    read = document.parse(kept, max_bytes=100_000)
    assert document.canonical(read) == document.canonical(value)
