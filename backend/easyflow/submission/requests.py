"""What one asks for when submitting a job, and the checks that need no database."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

SMALLEST_PRIORITY, LARGEST_PRIORITY = -32_768, 32_767
MOST_TAGS = 20
LATEST_RUN_YEAR = 9000
YEAR_SECONDS = 366 * 86_400.0

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _storable(text: str) -> str:
    """Refuse what PostgreSQL cannot keep as text."""
    if "\x00" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError("must not contain NUL or lone surrogates")
    return text


def _moment(value: Any) -> Any:
    """Refuse what pydantic would read as a time and no standard calls one: a number, a date, a time without zone."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("must be a time as RFC 3339 writes it, with an offset: 2026-01-31T09:30:00+01:00")


def _number(value: Any) -> Any:
    """Refuse text and true or false, which pydantic would read as numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")
    return value


def _within_reach(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= LATEST_RUN_YEAR:
        raise ValueError(f"must be between the years 1970 and {LATEST_RUN_YEAR}")
    return moment


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
KeyText = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_storable)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_storable)]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_storable)
]
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
NearMoment = Annotated[Moment, AfterValidator(_within_reach)]
Whole = Annotated[int, BeforeValidator(_number)]
Seconds = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]


class NewJob(BaseModel):
    """One job to be submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Name = Field(description="name of a registered task")
    payload: Any = Field(default_factory=dict, description="JSON that fits the task's payload schema")
    queue: Name | None = Field(None, description="default: the task's queue")
    priority: Whole = Field(0, ge=SMALLEST_PRIORITY, le=LARGEST_PRIORITY, description="lower runs first")
    run_at: NearMoment | None = Field(None, description="not before this time; RFC 3339 with offset")
    delay_seconds: Annotated[Seconds, Field(ge=0, le=100 * YEAR_SECONDS)] | None = None
    concurrency_key: KeyText | None = Field(
        None, description="of the jobs with this key, only the queue's concurrency_per_key run at once"
    )
    ordering_key: KeyText | None = Field(None, description="jobs with this key run one after another, in order")
    max_attempts: Whole | None = Field(None, ge=1, le=1000)
    timeout_seconds: Annotated[Seconds, Field(gt=0, le=YEAR_SECONDS)] | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=MOST_TAGS)
    idempotency_key: KeyText | None = Field(None, description="the same key never makes a second job")

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.run_at is not None and self.delay_seconds is not None:
            raise ValueError("run_at and delay_seconds exclude each other")
        if self.concurrency_key is not None and self.ordering_key is not None:
            raise ValueError("concurrency_key and ordering_key exclude each other")
        return self

    def identity(self) -> dict[str, Any]:
        """Return what makes two requests the same request: everything but the idempotency key itself."""
        said = {
            "task": self.task,
            "payload": self.payload,
            "queue": self.queue,
            "priority": self.priority,
            "run_at": self.run_at.astimezone(UTC).isoformat() if self.run_at else None,
            "delay_seconds": self.delay_seconds,
            "concurrency_key": self.concurrency_key,
            "ordering_key": self.ordering_key,
            "max_attempts": self.max_attempts,
            "timeout_seconds": self.timeout_seconds,
            "tags": sorted(set(self.tags)),
        }
        return {name: value for name, value in said.items() if value is not None}
