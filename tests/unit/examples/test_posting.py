"""The rule of the nightly run, case by case and over the whole night."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest

from easyflow.examples.mainframe.posting import AccountState, Posted, Rejected, decide
from easyflow.examples.mainframe.records import (
    Transaction,
    bundled,
    read_accounts,
    read_card_xref,
    read_transactions,
)
from easyflow.examples.mainframe.summary import Rejection, Summary, verify


@dataclass(frozen=True)
class Bought:
    amount: Decimal
    originated_on: date = date(2022, 6, 10)
    card_number: str = "4859452612877065"


ACCOUNT = AccountState(
    id=7,
    credit_limit=Decimal("500.00"),
    expires_on=date(2022, 6, 10),
    balance=Decimal("100.00"),
    cycle_credit=Decimal("300.00"),
    cycle_debit=Decimal("-50.00"),
)


def decided(amount: str, *, account: AccountState | None = ACCOUNT, approved: bool = False) -> Posted | Rejected:
    return decide(Bought(Decimal(amount)), account_id=7, account=account, overdraft_approved=approved)


def test_a_purchase_up_to_the_limit_adds_to_balance_and_cycle_credit() -> None:
    # 300.00 minus -50.00 are used, as the batch program counts.
    after = replace(ACCOUNT, balance=Decimal("250.00"), cycle_credit=Decimal("450.00"))
    assert decided("150.00") == Posted(after)


def test_a_return_adds_to_balance_and_cycle_debit() -> None:
    after = replace(ACCOUNT, balance=Decimal("80.00"), cycle_debit=Decimal("-70.00"))
    assert decided("-20.00") == Posted(after)


def test_an_amount_of_zero_is_a_purchase() -> None:
    assert decided("0.00") == Posted(ACCOUNT)


def test_a_cent_over_the_limit_is_rejected_with_card_amount_and_limit() -> None:
    rejected = decided("150.01")
    assert rejected == Rejected("102", "over limit: card ...7065, amount 150.01, limit 500.00, used 350.00")
    assert "4859" not in rejected.text


def test_an_approved_overdraft_lifts_the_limit() -> None:
    assert isinstance(decided("9999.00", approved=True), Posted)


@pytest.mark.parametrize("approved", [False, True])
def test_nothing_lifts_the_other_reasons(approved: bool) -> None:
    bought = Bought(Decimal("1.00"))
    unknown_card = decide(bought, account_id=None, account=None, overdraft_approved=approved)
    assert unknown_card == Rejected("100", "unknown card: card ...7065, amount 1.00")
    unknown_account = decide(bought, account_id=7, account=None, overdraft_approved=approved)
    assert unknown_account == Rejected("101", "unknown account: card ...7065, amount 1.00, account 7")
    expired = replace(ACCOUNT, expires_on=date(2022, 6, 9))
    for amount in ("1.00", "9999.00"):
        rejected = decided(amount, account=expired, approved=approved)
        assert isinstance(rejected, Rejected)
        assert rejected.code == "103"
        assert rejected.text.startswith("account expired on 2022-06-09: card ...7065")


class Night:
    """The whole run in memory: the accounts as they stand, what was posted and what was not."""

    def __init__(self) -> None:
        self.account_of = {card.card_number: card.account_id for card in read_card_xref(bundled("CARDXREF.PS"))}
        self.accounts = {
            record.id: AccountState(
                record.id,
                record.credit_limit,
                record.expires_on,
                record.balance,
                record.cycle_credit,
                record.cycle_debit,
            )
            for record in read_accounts(bundled("ACCTDATA.PS"))
        }
        self.posted: list[Transaction] = []
        self.rejected: list[tuple[Transaction, Rejected]] = []

    def run(self, transactions: Iterable[Transaction], *, approved: bool = False) -> None:
        for transaction in transactions:
            account_id = self.account_of.get(transaction.card_number)
            account = None if account_id is None else self.accounts.get(account_id)
            decision = decide(transaction, account_id=account_id, account=account, overdraft_approved=approved)
            if isinstance(decision, Posted):
                self.posted.append(transaction)
                self.accounts[decision.account.id] = decision.account
            else:
                self.rejected.append((transaction, decision))

    def approve(self, count: int) -> None:
        """The operator lets the first `count` rejected transactions through."""
        approved, self.rejected = self.rejected[:count], self.rejected[count:]
        self.run((transaction for transaction, _ in approved), approved=True)

    def summary(self) -> Summary:
        accounts = self.accounts.values()
        return Summary(
            posted=len(self.posted),
            posted_amount=sum((transaction.amount for transaction in self.posted), Decimal(0)),
            balances=sum((account.balance for account in accounts), Decimal(0)),
            cycle_credit=sum((account.cycle_credit for account in accounts), Decimal(0)),
            cycle_debit=sum((account.cycle_debit for account in accounts), Decimal(0)),
        )

    def rejections(self) -> list[Rejection]:
        return [Rejection(transaction.id, rejected.code, transaction.amount) for transaction, rejected in self.rejected]


@pytest.fixture
def night() -> Night:
    night = Night()
    night.run(read_transactions(bundled("DALYTRAN.PS")))
    return night


def test_the_night_posts_262_and_rejects_38_with_the_verified_sums(night: Night) -> None:
    assert night.summary() == Summary(
        posted=262,
        posted_amount=Decimal("77954.70"),
        balances=Decimal("90223.70"),
        cycle_credit=Decimal("102353.99"),
        cycle_debit=Decimal("-24399.29"),
    )
    assert len(night.rejected) == 38
    assert {rejected.code for _, rejected in night.rejected} == {"102"}
    assert sum(transaction.amount for transaction, _ in night.rejected) == Decimal("26846.84")
    assert verify(night.summary(), night.rejections()) == []


def test_all_38_approved_bring_the_other_verified_sums(night: Night) -> None:
    night.approve(38)
    summary = night.summary()
    assert (summary.posted, night.rejected) == (300, [])
    assert summary.balances == Decimal("117070.54")
    assert summary.cycle_credit + summary.cycle_debit == Decimal("104801.54")
    assert verify(summary, []) == []


@pytest.mark.parametrize("count", [1, 20, 37])
def test_every_step_on_the_way_verifies(night: Night, count: int) -> None:
    night.approve(count)
    assert len(night.rejected) == 38 - count
    assert verify(night.summary(), night.rejections()) == []


def test_every_figure_that_is_wrong_is_named(night: Night) -> None:
    right, rejections = night.summary(), night.rejections()
    cent = Decimal("0.01")
    wrong = {
        "transactions posted: 263 instead of 262": replace(right, posted=263),
        "amount posted: 77954.71 instead of 77954.70": replace(right, posted_amount=right.posted_amount + cent),
        "sum of balances: 90223.69 instead of 90223.70": replace(right, balances=right.balances - cent),
        "cycle credit: 102354.00 instead of 102353.99": replace(right, cycle_credit=right.cycle_credit + cent),
        "cycle debit: -24399.30 instead of -24399.29": replace(right, cycle_debit=right.cycle_debit - cent),
    }
    for sentence, summary in wrong.items():
        assert verify(summary, rejections) == [sentence]


def test_rejections_that_are_wrong_are_named(night: Night) -> None:
    right, rejections = night.summary(), night.rejections()
    first, second, *_ = rejections
    assert verify(right, rejections[1:])  # one is missing from both sides
    assert verify(right, [replace(first, code="103"), *rejections[1:]]) == [
        f"transaction {first.transaction_id} was rejected for reason 103 instead of 102"
    ]
    twice = [replace(first, transaction_id=second.transaction_id), *rejections[1:]]
    assert verify(right, twice) == ["a transaction was rejected more than once"]
    extra = verify(right, [*rejections, Rejection("x", "102", Decimal(0))])
    assert "transactions rejected: 39 instead of at most 38" in extra
    shifted = verify(right, [replace(first, amount=first.amount + 1), *rejections[1:]])
    assert "amount rejected: 26847.84 instead of 26846.84" in shifted
