"""The tasks of the nightly run: `demo.start` loads the files, `mainframe.post_transaction` books one transaction,
`mainframe.totals` says what the night has come to.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime, StrictBool, WithJsonSchema

from easyflow import Context, Fail, NewJob, enqueue, task
from easyflow.examples.mainframe import ledger, records
from easyflow.examples.mainframe.posting import Rejected
from easyflow.examples.mainframe.schema import create_all
from easyflow.examples.mainframe.summary import read_totals

QUEUE = "mainframe"

# JSON carries money as text: a number would pass through a float in many a client.
Money = Annotated[
    Decimal,
    Field(max_digits=12, decimal_places=2),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,10}\.[0-9]{2}$"}),
]
# The card company's own time: the format date-time would ask for a zone that the file does not have.
LocalTime = Annotated[
    NaiveDatetime,
    WithJsonSchema(
        {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$"}
    ),
]


class TransactionIn(BaseModel):
    """One transaction of the day, as the file holds it, and the operator's word on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transaction_id: str = Field(min_length=1, max_length=16)
    card_number: str = Field(min_length=1, max_length=16)
    amount: Money
    type_code: str = Field(max_length=2)
    category_code: int = Field(ge=0, le=9999)
    source: str = Field(max_length=10)
    description: str = Field(max_length=100)
    merchant_id: int = Field(ge=0)
    merchant_name: str = Field(max_length=50)
    merchant_city: str = Field(max_length=50)
    merchant_zip: str = Field(max_length=10)
    originated: LocalTime
    overdraft_approved: StrictBool = Field(False, description="post although it goes over the limit")

    @property
    def originated_on(self) -> date:
        """The day that the account's expiry is compared with."""
        return self.originated.date()


class PostingOut(BaseModel):
    """A booked transaction; `already` says that an earlier job had booked it."""

    transaction_id: str
    account_id: int
    amount: Money
    balance: Money
    already: bool


class StartIn(BaseModel):
    """Nothing to choose: the files come with the example."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StartOut(BaseModel):
    """What was put in; `already_enqueued` counts the transactions an earlier start had enqueued."""

    accounts: int
    cards: int
    enqueued: int
    already_enqueued: int


class TotalsIn(BaseModel):
    """Nothing to choose: there is one night."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Share(BaseModel):
    """So many transactions, worth so much together."""

    jobs: int
    amount: Money


class TotalsOut(BaseModel):
    """What the night has come to so far, of one moment; every part is null before the first `demo.start`.

    `not_posted` are the transactions of the file that are not booked: rejected ones, and those still to come.
    """

    posted: Share | None = None
    not_posted: Share | None = None
    balances: Money | None = None
    cycle_credit: Money | None = None
    cycle_debit: Money | None = None


@task("mainframe.post_transaction", effects="transactional", queue=QUEUE, timeout="30s")
async def post_transaction(ctx: Context, payload: TransactionIn) -> PostingOut:
    """Book one transaction on its account; what the rule rejects becomes a dead letter at once."""
    outcome = await ledger.post(ctx.session, payload, job_id=ctx.job_id, overdraft_approved=payload.overdraft_approved)
    if isinstance(outcome, Rejected):
        raise Fail(outcome.text, code=outcome.code)
    return PostingOut(
        transaction_id=payload.transaction_id,
        account_id=outcome.account_id,
        amount=outcome.amount,
        balance=outcome.balance,
        already=outcome.already,
    )


@task("demo.start", effects="transactional")
async def start(ctx: Context, payload: StartIn) -> StartOut:
    """Load accounts and cards and enqueue one job for each transaction, in file order, all in one transaction.

    Running it again adds what is missing and changes nothing that is there.
    """
    del payload
    accounts = records.read_accounts(records.bundled("ACCTDATA.PS"))
    cards = records.read_card_xref(records.bundled("CARDXREF.PS"))
    transactions = records.read_transactions(records.bundled("DALYTRAN.PS"))
    await create_all(ctx.session)
    await ledger.load(ctx.session, accounts, cards)
    account_of = {card.card_number: card.account_id for card in cards}
    done = await enqueue([_job(transaction, account_of) for transaction in transactions], session=ctx.session)
    return StartOut(
        accounts=len(accounts),
        cards=len(cards),
        enqueued=len(transactions) - done.existing,
        already_enqueued=done.existing,
    )


@task("mainframe.totals", effects="transactional", queue=QUEUE, timeout="30s")
async def totals(ctx: Context, payload: TotalsIn) -> TotalsOut:
    """Add up what is booked, and what the file holds beyond it; changes nothing."""
    del payload
    read = await read_totals(ctx.session, records.read_transactions(records.bundled("DALYTRAN.PS")))
    if read is None:
        return TotalsOut()
    summary, left = read
    return TotalsOut(
        posted=Share(jobs=summary.posted, amount=summary.posted_amount),
        not_posted=Share(jobs=len(left), amount=sum((transaction.amount for transaction in left), Decimal("0.00"))),
        balances=summary.balances,
        cycle_credit=summary.cycle_credit,
        cycle_debit=summary.cycle_debit,
    )


def payload_of(transaction: records.Transaction) -> TransactionIn:
    """The payload of one transaction, overdraft not approved; the same record always gives the same payload."""
    return TransactionIn(
        transaction_id=transaction.id,
        card_number=transaction.card_number,
        amount=transaction.amount,
        type_code=transaction.type_code,
        category_code=transaction.category_code,
        source=transaction.source,
        description=transaction.description,
        merchant_id=transaction.merchant_id,
        merchant_name=transaction.merchant_name,
        merchant_city=transaction.merchant_city,
        merchant_zip=transaction.merchant_zip,
        originated=transaction.originated,
    )


def _job(transaction: records.Transaction, account_of: dict[str, int]) -> NewJob:
    return NewJob(
        task="mainframe.post_transaction",
        payload=payload_of(transaction).model_dump(mode="json"),
        queue=QUEUE,
        # One account at a time, in file order; a card nobody knows has only itself to wait for.
        ordering_key=str(account_of.get(transaction.card_number, transaction.card_number)),
        idempotency_key=f"mainframe/{transaction.id}",
        tags=["mainframe"],
    )
