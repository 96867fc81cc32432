"""Writing documents: exact JSON text, and one canonical form for equal documents."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain import document
from easyflow.errors import Malformed, TooLarge


def parse(raw: str) -> Any:
    return document.parse(raw, max_bytes=1 << 20)


# A number of at most 38 digits when written out, in any way of writing it down.
exact_decimals = st.builds(
    lambda coefficient, places: Decimal(coefficient).scaleb(-places),
    st.integers(min_value=-(10**20), max_value=10**20),
    st.integers(min_value=-17, max_value=38),
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
leaves = st.none() | st.booleans() | st.integers(-(10**38) + 1, 10**38 - 1) | exact_decimals | texts
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5), max_leaves=30
)


@settings(deadline=None)
@given(documents)
def test_what_is_written_is_read_back_exactly(value: Any) -> None:
    assert parse(document.dumps(document.check(value, max_bytes=1 << 20))) == value


@settings(deadline=None)
@given(documents)
def test_the_text_is_the_json_that_the_standard_library_would_read(value: Any) -> None:
    read = json.loads(document.dumps(value), parse_float=Decimal)
    assert read == value


@settings(deadline=None)
@given(documents)
def test_the_canonical_form_survives_a_round_trip(value: Any) -> None:
    assert document.canonical(parse(document.dumps(value))) == document.canonical(value)


def test_the_written_text_is_compared_exactly_with_the_limit() -> None:
    for value, size in (("ää", 6), ([1, 2], 5), ({"a": Decimal("1.50")}, 10)):
        assert len(document.dumps(value, max_bytes=size).encode()) == size
        with pytest.raises(TooLarge, match=f"result: larger than {size - 1} bytes"):
            document.dumps(value, max_bytes=size - 1, at="result")


def test_text_that_looks_like_a_number_place_is_never_written_as_a_number() -> None:
    backslashes = {"a": '"\\u0000"', "b": "\\u0000", "amount": Decimal("1.50"), 'c"\\u0000"': Decimal(2)}
    assert parse(document.dumps(backslashes)) == backslashes
    with pytest.raises(Malformed):
        document.dumps({"a": "\x00", "amount": Decimal(1)})
    with pytest.raises(Malformed):
        document.dumps("\x00")


def test_equal_documents_have_one_canonical_form() -> None:
    same = ['{"b": 1, "a": [1.0, 2]}', '{"a":[1e0,2.00],"b":1.0}', ' {"a":[10e-1, 0.2e1], "b":100e-2} ']
    assert {document.canonical(parse(raw)) for raw in same} == {b'{"a":[1,2],"b":1}'}
    assert len({document.digest(parse(raw)) for raw in same}) == 1
    assert document.canonical([1.5, -0.0, Decimal("0.10"), 1e16]) == b"[1.5,0,0.1,10000000000000000]"


def test_documents_that_differ_have_different_digests() -> None:
    different = ["1", '"1"', "true", "null", "[]", "{}", "[1]", '{"a":1}', '{"a":"1"}', "1.1", "0", "false", '""']
    assert len({document.digest(parse(raw)) for raw in different}) == len(different)
    assert len(document.digest(None)) == 32


def test_canonical_numbers_keep_all_38_digits() -> None:
    near = [Decimal("1." + "1" * 36 + last) for last in "12"]
    assert document.digest(near[0]) != document.digest(near[1])
