"""Reading the EBCDIC files: exact values, and refusals that name the place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from easyflow.examples.mainframe.records import (
    DATA,
    Account,
    CardXref,
    bundled,
    read_accounts,
    read_card_xref,
    read_transactions,
)

ACCOUNTS = bundled("ACCTDATA.PS")
CARDS = bundled("CARDXREF.PS")
TRANSACTIONS = bundled("DALYTRAN.PS")


def patched(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]


def test_the_files_are_the_copies_that_their_readme_names() -> None:
    readme = (DATA / "README.md").read_text()
    for file in ("ACCTDATA.PS", "CARDXREF.PS", "DALYTRAN.PS"):
        assert hashlib.sha256(bundled(file)).hexdigest() in readme
    assert "Apache License" in (DATA / "LICENSE.txt").read_text()
    assert "Amazon" in (DATA / "NOTICE.txt").read_text()


def test_the_accounts_are_read_exactly() -> None:
    accounts = read_accounts(ACCOUNTS)
    assert accounts[0] == Account(
        id=1,
        status="Y",
        balance=Decimal("194.00"),
        credit_limit=Decimal("2020.00"),
        cash_limit=Decimal("1020.00"),
        opened_on=date(2014, 11, 20),
        expires_on=date(2025, 5, 20),
        cycle_credit=Decimal("0.00"),
        cycle_debit=Decimal("0.00"),
    )
    assert len(accounts) == 50
    assert sum(account.balance for account in accounts) == Decimal("12269.00")
    assert sum(account.credit_limit for account in accounts) == Decimal("233711.00")
    assert sum(account.cash_limit for account in accounts) == Decimal("122148.00")


def test_every_card_belongs_to_an_account() -> None:
    cards = read_card_xref(CARDS)
    assert cards[0] == CardXref("0500024453765740", customer_id=50, account_id=50)
    assert len({card.card_number for card in cards}) == 50
    assert {card.account_id for card in cards} == {account.id for account in read_accounts(ACCOUNTS)}


def test_the_transactions_are_read_exactly() -> None:
    transactions = read_transactions(TRANSACTIONS)
    first, second = transactions[:2]
    assert (first.id, first.card_number, first.amount) == ("0000000000683580", "4859452612877065", Decimal("504.77"))
    assert first.merchant_name == "Abshire-Lowe"
    assert first.description == "Purchase at Abshire-Lowe"
    assert first.originated == datetime(2022, 6, 10, 19, 27, 53)  # noqa: DTZ001 - the file names no zone
    assert first.originated_on == date(2022, 6, 10)
    assert (second.type_code, second.source, second.amount) == ("03", "OPERATOR", Decimal("-919.00"))
    assert len({transaction.id for transaction in transactions}) == 300
    amounts = {code: [t.amount for t in transactions if t.type_code == code] for code in ("01", "03")}
    assert (len(amounts["01"]), sum(amounts["01"])) == (250, Decimal("129200.83"))
    assert (len(amounts["03"]), sum(amounts["03"])) == (50, Decimal("-24399.29"))
    assert min(amounts["03"]) == Decimal("-998.33")
    assert max(amounts["01"]) == Decimal("999.77")


@pytest.mark.parametrize(
    ("last_byte", "amount"),
    [(0xC7, "504.77"), (0xF7, "504.77"), (0xD7, "-504.77"), (0xC0, "504.70"), (0xD0, "-504.70")],
)
def test_the_zone_of_the_last_byte_is_the_sign(last_byte: int, amount: str) -> None:
    data = patched(TRANSACTIONS[:350], 132 + 10, bytes([last_byte]))
    assert read_transactions(data)[0].amount == Decimal(amount)


@pytest.mark.parametrize(
    ("read", "data", "message"),
    [
        (read_accounts, ACCOUNTS[:-1], "ACCTDATA.PS, record 50: 299 bytes instead of 300"),
        (read_card_xref, CARDS + b"\x40", "CARDXREF.PS, record 51: 1 bytes instead of 50"),
        (read_transactions, TRANSACTIONS[1:], "DALYTRAN.PS, record 1, field category: byte 4 has the unknown zone D"),
        (read_accounts, patched(ACCOUNTS, 300 + 12, b"\xfa"), "record 2, field balance: byte 1 holds no digit"),
        (read_accounts, patched(ACCOUNTS, 23, b"\xcf"), "record 1, field balance: byte 12 holds no digit"),
        (read_accounts, patched(ACCOUNTS, 23, b"\xb1"), "field balance: byte 12 has the unknown zone B"),
        (read_accounts, patched(ACCOUNTS, 12, b"\xd1"), "field balance: byte 1 has the unknown zone D"),
        (read_accounts, patched(ACCOUNTS, 10, b"\xd1"), "field id: byte 11 has the unknown zone D"),
        (read_accounts, patched(ACCOUNTS, 58, "2025-02-30".encode("cp037")), "field expiry date: not a date"),
        (read_transactions, patched(TRANSACTIONS, 278, b"\x40" * 26), "field origin timestamp: not a time"),
        (
            read_transactions,
            patched(TRANSACTIONS, 32, b"\x00"),
            "field description: a character that cannot be printed",
        ),
    ],
)
def test_a_bad_record_is_refused_by_file_record_and_field(
    read: Callable[[bytes], list[Any]], data: bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=r"\.PS, record ") as refused:
        read(data)
    assert message in str(refused.value)


def test_a_file_may_have_another_name_and_may_be_empty() -> None:
    assert read_accounts(b"") == []
    with pytest.raises(ValueError, match="other file, record 1"):
        read_accounts(b"x", "other file")
