"""What a night came to, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from easyflow.cli.output import program
from easyflow.domain.states import State

REASONS = {"100": "unknown card", "101": "unknown account", "102": "over limit", "103": "account expired"}
APPROVE = (
    "dlq replay --all --task mainframe.post_transaction --set overdraft_approved=true "
    '--reason "overdraft approved" --yes'
)


class Totals(Protocol):
    """Counts and sums over the demo's tables."""

    posted: int
    posted_amount: Decimal
    balances: Decimal
    cycle_credit: Decimal
    cycle_debit: Decimal


class Rejected(Protocol):
    """One transaction that was not booked."""

    code: str
    amount: Decimal


@dataclass(slots=True)
class Report:
    """The night's totals, and every sentence on how they deviate from the verified ones."""

    states: dict[State, int]
    totals: Totals
    rejected: Sequence[Rejected]
    wrong: list[str]
    start_job_id: UUID | None = None
    was_done: bool = False

    def rows(self) -> list[tuple[str, int | None, str]]:
        """Return name, number of jobs and amount of each figure."""
        totals = self.totals
        codes = Counter(rejection.code for rejection in self.rejected)
        rejections = [
            (f"rejected, {REASONS.get(code, 'other')} ({code})", count, _money(self._rejected_amount(code)))
            for code, count in sorted(codes.items())
        ]
        return [
            ("posted", totals.posted, _money(totals.posted_amount)),
            *rejections,
            ("sum of balances", None, _money(totals.balances)),
            ("cycle credit", None, _money(totals.cycle_credit)),
            ("cycle debit", None, _money(totals.cycle_debit)),
            ("cycle credit plus debit", None, _money(totals.cycle_credit + totals.cycle_debit)),
        ]

    def lines(self) -> list[str]:
        """Return what there is to say below the figures, and what to do next."""
        said = [f"Deviates from the verified results: {sentence}." for sentence in self.wrong]
        if not self.wrong:
            said.append("These are exactly the verified results.")
        if self.was_done:
            said.append("It had been started before: nothing was submitted or booked a second time.")
        if self.rejected:
            said.append(f"Approve the overdrafts and post the rejected {len(self.rejected)}: {program()} {APPROVE}")
        return said

    def document(self) -> dict[str, Any]:
        """Return everything for programs; amounts are text, with two decimals."""
        totals = self.totals
        return {
            "start_job_id": self.start_job_id,
            "was_done": self.was_done,
            "states": {str(state): count for state, count in self.states.items()},
            "posted": totals.posted,
            "posted_amount": str(totals.posted_amount),
            "rejected": len(self.rejected),
            "rejected_amount": str(self._rejected_amount()),
            "balances": str(totals.balances),
            "cycle_credit": str(totals.cycle_credit),
            "cycle_debit": str(totals.cycle_debit),
            "deviations": self.wrong,
        }

    def _rejected_amount(self, code: str | None = None) -> Decimal:
        amounts = (rejection.amount for rejection in self.rejected if code in (None, rejection.code))
        return sum(amounts, Decimal("0.00"))


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
