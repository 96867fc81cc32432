"""The EBCDIC files of the nightly run: fixed-length records of text, dates and zoned decimals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

CODE_PAGE = "cp037"
DATA = Path(__file__).with_name("data")

_PLUS, _MINUS, _NO_SIGN = {0xC, 0xF}, {0xD}, {0xF}


@dataclass(frozen=True, slots=True)
class Account:
    """One record of ACCTDATA: a card account with its limits and what was booked in this cycle."""

    id: int
    status: str
    balance: Decimal
    credit_limit: Decimal
    cash_limit: Decimal
    opened_on: date
    expires_on: date
    cycle_credit: Decimal
    cycle_debit: Decimal


@dataclass(frozen=True, slots=True)
class CardXref:
    """One record of CARDXREF: which account a card belongs to."""

    card_number: str
    customer_id: int
    account_id: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One record of DALYTRAN: a purchase (type 01) or a return (type 03) of the day."""

    id: str
    type_code: str
    category_code: int
    source: str
    description: str
    amount: Decimal
    merchant_id: int
    merchant_name: str
    merchant_city: str
    merchant_zip: str
    card_number: str
    originated: datetime  # local time of the card company; the file names no zone

    @property
    def originated_on(self) -> date:
        """The day that an account's expiry is compared with."""
        return self.originated.date()


def bundled(file: str) -> bytes:
    """The bytes of one of the files that come with the example."""
    return (DATA / file).read_bytes()


def read_accounts(data: bytes, file: str = "ACCTDATA.PS") -> list[Account]:
    """Read all accounts in file order; raises ValueError naming file, record and field of the first bad one."""
    return [
        Account(
            id=record.number("id", 0, 11),
            status=record.text("status", 11, 1),
            balance=record.money("balance", 12, 12),
            credit_limit=record.money("credit limit", 24, 12),
            cash_limit=record.money("cash limit", 36, 12),
            opened_on=record.day("open date", 48),
            expires_on=record.day("expiry date", 58),
            cycle_credit=record.money("cycle credit", 78, 12),
            cycle_debit=record.money("cycle debit", 90, 12),
        )
        for record in _records(data, file, 300)
    ]


def read_card_xref(data: bytes, file: str = "CARDXREF.PS") -> list[CardXref]:
    """Read which card belongs to which account, in file order; raises ValueError like `read_accounts`."""
    return [
        CardXref(
            card_number=record.text("card number", 0, 16),
            customer_id=record.number("customer", 16, 9),
            account_id=record.number("account", 25, 11),
        )
        for record in _records(data, file, 50)
    ]


def read_transactions(data: bytes, file: str = "DALYTRAN.PS") -> list[Transaction]:
    """Read the day's transactions in file order; raises ValueError like `read_accounts`."""
    return [
        Transaction(
            id=record.text("id", 0, 16),
            type_code=record.text("type", 16, 2),
            category_code=record.number("category", 18, 4),
            source=record.text("source", 22, 10),
            description=record.text("description", 32, 100),
            amount=record.money("amount", 132, 11),
            merchant_id=record.number("merchant id", 143, 9),
            merchant_name=record.text("merchant name", 152, 50),
            merchant_city=record.text("merchant city", 202, 50),
            merchant_zip=record.text("merchant zip", 252, 10),
            card_number=record.text("card number", 262, 16),
            originated=record.moment("origin timestamp", 278),
        )
        for record in _records(data, file, 350)
    ]


def _records(data: bytes, file: str, length: int) -> Iterator[_Record]:
    for number, start in enumerate(range(0, len(data), length), 1):
        raw = data[start : start + length]
        if len(raw) != length:
            raise ValueError(f"{file}, record {number}: {len(raw)} bytes instead of {length}")
        yield _Record(file, number, raw)


class _Record:
    """One record's bytes, read field by field: name, offset, length."""

    def __init__(self, file: str, number: int, raw: bytes) -> None:
        self.file = file
        self.position = number
        self.raw = raw

    def text(self, name: str, offset: int, length: int) -> str:
        text = self.raw[offset : offset + length].decode(CODE_PAGE).rstrip()
        if not text.isprintable():
            raise self.wrong(name, "a character that cannot be printed")
        return text

    def number(self, name: str, offset: int, length: int) -> int:
        return self.zoned(name, offset, length, _NO_SIGN)

    def money(self, name: str, offset: int, length: int) -> Decimal:
        return Decimal(self.zoned(name, offset, length, _PLUS | _MINUS)).scaleb(-2)

    def zoned(self, name: str, offset: int, length: int, zones_of_last: set[int]) -> int:
        value = 0
        field = self.raw[offset : offset + length]
        for index, byte in enumerate(field):
            zone, digit = byte >> 4, byte & 0xF
            if digit > 9:
                raise self.wrong(name, f"byte {index + 1} holds no digit")
            if zone not in (zones_of_last if index == length - 1 else _NO_SIGN):
                raise self.wrong(name, f"byte {index + 1} has the unknown zone {zone:X}")
            value = value * 10 + digit
        return -value if field[-1] >> 4 in _MINUS else value

    def day(self, name: str, offset: int) -> date:
        text = self.text(name, offset, 10)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.wrong(name, "not a date") from None

    def moment(self, name: str, offset: int) -> datetime:
        text = self.text(name, offset, 26)
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise self.wrong(name, "not a time") from None

    def wrong(self, name: str, reason: str) -> ValueError:
        return ValueError(f"{self.file}, record {self.position}, field {name}: {reason}")
