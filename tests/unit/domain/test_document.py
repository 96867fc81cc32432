"""The JSON guard: exact in both directions, and every limit refused in words that never repeat the input."""

from __future__ import annotations

import contextlib
import json
import time
import tracemalloc
from collections import OrderedDict
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain import document
from easyflow.domain.inspection import DEPTH_LIMIT
from easyflow.errors import Invalid, Malformed, TooLarge

MEGABYTE = 1 << 20


def parse(raw: bytes | str, max_bytes: int = MEGABYTE) -> Any:
    return document.parse(raw, max_bytes=max_bytes)


def check(value: Any, max_bytes: int = MEGABYTE) -> Any:
    return document.check(value, max_bytes=max_bytes)


def refusal_of(error: type[Invalid], value: Any) -> dict[str, str]:
    """The one problem named, after making sure that its class is exactly `error`."""
    with pytest.raises(error) as refused:
        parse(value) if isinstance(value, bytes | str) else check(value)
    assert type(refused.value) is error
    (problem,) = refused.value.problems
    assert problem["at"] in refused.value.message
    return problem


@settings(deadline=None)
@given(st.text(max_size=20) | st.binary(max_size=20))
def test_any_input_is_read_or_refused_and_never_crashes(raw: str | bytes) -> None:
    with contextlib.suppress(Invalid):
        parse(raw)


def test_numbers_are_exact() -> None:
    read = parse(b'{"big": 9007199254740993, "money": 0.10, "small": 1e-38, "large": 1.5e10}')
    assert read == {
        "big": 9007199254740993,
        "money": Decimal("0.10"),
        "small": Decimal("1e-38"),
        "large": 15_000_000_000,
    }
    assert type(read["big"]) is int
    assert str(read["money"]) == "0.10"
    assert document.dumps(read) == (
        '{"big":9007199254740993,"money":0.10,"small":0.' + "0" * 37 + '1,"large":15000000000}'
    )


def test_numbers_up_to_38_digits_are_kept_and_39_are_refused() -> None:
    for kept in ("9" * 38, "-" + "9" * 38, "1e37", "0." + "1" * 38, "1e-38", "1." + "0" * 37):
        assert parse(kept) == Decimal(kept)
    refused = ["9" * 39, "-" + "9" * 39, "1e38", "0." + "1" * 39, "1e-39", "1." + "0" * 38, "0e99", "1e131071"]
    for raw in [*refused, "1e400", "1e99999999999999999999", "1e-99999999999999999999", "-1" + "0" * 10_000]:
        assert "38 digits" in refusal_of(Invalid, f'{{"deep": [0, {raw}]}}')["message"]


def test_the_same_number_limits_hold_for_python_values() -> None:
    for kept in (10**38 - 1, 0.1, 1e37, 1e-20, 0.0, -0.0, Decimal("1e37"), Decimal("0.10")):
        assert check([kept]) == [kept]
    for refused in (10**38, -(10**38), 1e38, 5e-324, 1.7e308, Decimal("1e38"), Decimal("1e-39"), Decimal("1e999999")):
        assert refusal_of(Invalid, {"n": refused})["at"] == "payload.n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")])
def test_python_values_that_are_not_finite_are_malformed(value: Any) -> None:
    assert refusal_of(Malformed, {"rate": [value]})["at"] == "payload.rate.0"


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_malformed(raw: str) -> None:
    assert refusal_of(Malformed, f'{{"rate": {raw}}}') == {
        "at": "body.rate",
        "message": "NaN and Infinity are not JSON",
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"1 2",
        b"01",
        b"{'a': 1}",
        b'{"a": 1} x',
        b'"\\q"',
        b'"\x01"',
        b"nul",
        b"[1}",
        b"+1",
        b".5",
    ],
)
def test_what_is_not_json_is_malformed_with_line_and_column(raw: bytes) -> None:
    message = refusal_of(Malformed, raw)["message"]
    assert message.startswith("not JSON: ")
    assert "line 1, column" in message


@pytest.mark.parametrize("raw", [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'\xff\xfe"\x00', '"\ud800"'])
def test_what_is_not_utf_8_is_malformed(raw: bytes | str) -> None:
    assert "not UTF-8" in refusal_of(Malformed, raw)["message"]


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf{}", "\ufeff{}"])
def test_a_byte_order_mark_is_malformed(raw: bytes | str) -> None:
    assert "byte order mark" in refusal_of(Malformed, raw)["message"]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (r'{"a": ["x", "\u0000"]}', "body.a.1"),
        (r'{"a": {"k\u0000": 1}}', "body.a.(key)"),
        (r'"tail\u0000"', "body"),
    ],
)
def test_nul_in_text_or_key_is_malformed(raw: str, place: str) -> None:
    problem = refusal_of(Malformed, raw)
    assert problem["at"] == place
    assert "NUL" in problem["message"]


@pytest.mark.parametrize("raw", [r'{"a": "\ud800"}', r'{"a": "x\udfff"}', r'{"a": "\udc00\ud800"}'])
def test_half_a_surrogate_pair_is_malformed(raw: str) -> None:
    assert "surrogate" in refusal_of(Malformed, raw)["message"]


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert parse(r'"\ud83d\ude00"') == "\U0001f600"


def test_a_repeated_key_is_malformed_and_named() -> None:
    problem = refusal_of(Malformed, '{"jobs": [{"payload": {"amount": 1, "amount": 2}}]}')
    assert problem == {"at": "body.jobs.0.payload.amount", "message": "this key appears twice"}


def test_64_levels_are_kept_and_65_are_refused() -> None:
    assert parse("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT)
    assert parse('{"a":' * DEPTH_LIMIT + "1" + "}" * DEPTH_LIMIT)
    for raw in (
        "[" * 65 + "]" * 65,
        '{"a":' * 65 + "1" + "}" * 65,
        "[" * 500 + "]" * 500,
        "[" * 100_000 + "]" * 100_000,
    ):
        assert "64 levels" in refusal_of(Invalid, raw)["message"]


def test_a_value_that_contains_itself_is_too_deep() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    assert "64 levels" in refusal_of(Invalid, cycle)["message"]


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * MEGABYTE,
        b'{"a":' * (MEGABYTE // 5),
        b"9" * MEGABYTE,
        b"1." + b"9" * (MEGABYTE - 2),
        b"1e" + b"9" * 999_999,
    ],
    ids=["brackets", "braces", "digits", "fraction", "exponent"],
)
def test_a_hostile_megabyte_is_refused_at_once(raw: bytes) -> None:
    started = time.perf_counter()
    refusal_of(Invalid, raw)
    # Usually 4 ms. Reading the digits as a number would take many seconds.
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("value", ["[],", "{},", "1e1,", '"ab",'])
def test_more_than_a_million_values_are_refused_before_they_take_memory(value: str) -> None:
    raw = "[" + value * 1_000_000 + "0]"
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match="more than 1000000 values"):
            parse(raw, max_bytes=len(raw))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(raw)


def test_python_values_have_the_same_limit_so_that_what_is_kept_can_be_read() -> None:
    kept: list[list[Any]] = [[*([[]] * 499_999), 0], [0] * 999_999, [{}, *[0] * 999_997]]
    for value in kept:
        assert parse(document.dumps(check(value, max_bytes=8 * MEGABYTE)), max_bytes=8 * MEGABYTE) == value
        for refused in ([*value, 0], [*value[1:], value[0], ()]):
            with pytest.raises(Invalid, match="more than 1000000 values"):
                check(refused, max_bytes=8 * MEGABYTE)
            with pytest.raises(Invalid, match="more than 1000000 values"):
                parse(json.dumps(refused), max_bytes=8 * MEGABYTE)


def test_text_full_of_brackets_and_commas_counts_as_one_value() -> None:
    prose = '[,{"\\' * 400_000
    assert parse(json.dumps({"prose": prose}), max_bytes=8 * MEGABYTE) == {"prose": prose}


def test_unfinished_text_full_of_quotes_is_refused_at_once() -> None:
    started = time.perf_counter()
    with pytest.raises(Malformed):
        parse('{"a": "' + '\\",' * 1_100_000, max_bytes=8 * MEGABYTE)
    assert time.perf_counter() - started < 5


def test_a_document_over_the_limit_is_too_large_and_the_limit_is_named() -> None:
    for raw in (b'"123456789"', '"123456789"', '"äääää"'):
        with pytest.raises(TooLarge, match="larger than 10 bytes") as refused:
            parse(raw, max_bytes=10)
        assert refused.value.facts["limit_bytes"] == 10
    assert parse(b'"12345678"', max_bytes=10) == "12345678"


def test_a_small_value_with_an_endless_text_form_is_too_large() -> None:
    lattice: list[Any] = [1]
    for _ in range(60):
        lattice = [lattice, lattice]
    with pytest.raises(TooLarge):
        check(lattice, max_bytes=10_000)
    row = ["x"] * 1000
    with pytest.raises(TooLarge):
        check([row] * 1000, max_bytes=10_000)
    with pytest.raises(TooLarge):
        check({"text": "x" * 10_001}, max_bytes=10_000)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), 1j, Colour.RED, {1: "a"}, {None: 1}, {("a",): 1}])
def test_values_without_a_json_form_are_invalid(value: Any) -> None:
    assert refusal_of(Invalid, {"result": [value]})["at"] == "payload.result.0"
    assert refusal_of(Invalid, {"beside": "ä", "result": (value,)})["at"] == "payload.result.0"


def test_kinds_of_text_numbers_lists_and_objects_are_accepted() -> None:
    class Name(str):
        __slots__ = ()

    value = {"name": Name("n"), "level": Level.HIGH, "pair": (1, 2), "map": OrderedDict(a=1), "none": None, "yes": True}
    assert check(value) is value
    assert parse(document.dumps(value)) == {
        "name": "n",
        "level": 3,
        "pair": [1, 2],
        "map": {"a": 1},
        "none": None,
        "yes": True,
    }


def test_problems_never_repeat_a_value_or_an_unprintable_key() -> None:
    secret = "4859452612877065"
    long_key = secret * 5
    for raw in (
        f'{{"{long_key}": NaN}}',
        f'{{"a": "{secret}\\u0000"}}',
        f'{{"a": {secret}{secret}{secret}}}',
        f'{{"a": "{secret}", x}}',
        f'{{"a": "{secret}\\q"}}',
    ):
        with pytest.raises(Invalid) as refused:
            parse(raw)
        assert secret not in str(refused.value) + str(refused.value.problems)
