"""The query parameters and ids that several routes share."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from easyflow.errors import Missing
from easyflow.submission.requests import Name, Tag

PAGE_SIZE = 50
LARGEST_PAGE = 500


def _uuid(text: str) -> str:
    if _parsed(text) is None:
        raise ValueError("must be a cursor that an earlier page gave as next_cursor")
    return text


def _id(text: str) -> str:
    if _parsed(text) is None:
        raise ValueError("must be an id")
    return text


def _parsed(text: str) -> UUID | None:
    """Return an id in its one usual spelling, else None."""
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None


class NeverNull:
    """Describes a field of a query that may be left out: nothing in a query is null."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the field without null."""
        described = handler(schema)
        (kind,) = [each for each in described.pop("anyOf") if each != {"type": "null"}]
        return {**kind, **described}


class NoQuery(BaseModel):
    """Nothing may be asked."""

    model_config = ConfigDict(extra="forbid")


Cursor = Annotated[str, AfterValidator(_uuid), Field(json_schema_extra={"format": "uuid"})]
AnId = Annotated[str, AfterValidator(_id), Field(json_schema_extra={"format": "uuid"})]


class PageQuery(BaseModel):
    """Which page of a list, and of what."""

    model_config = ConfigDict(extra="forbid")

    task: Annotated[Name | None, NeverNull()] = None
    queue: Annotated[Name | None, NeverNull()] = None
    tag: Annotated[Tag | None, NeverNull()] = None
    cursor: Annotated[Cursor | None, NeverNull()] = Field(None, description="next_cursor of the page before")
    limit: int = Field(PAGE_SIZE, ge=1, le=LARGEST_PAGE)

    @property
    def after(self) -> UUID | None:
        """The job behind which the page begins."""
        return UUID(self.cursor) if self.cursor else None


def _job_id(job_id: Annotated[str, Path(description="the job's id", json_schema_extra={"format": "uuid"})]) -> UUID:
    parsed = _parsed(job_id)
    if parsed is None:
        raise Missing("there is no job with this id")
    return parsed


def _run_id(run_id: Annotated[str, Path(description="the run's id", json_schema_extra={"format": "uuid"})]) -> UUID:
    parsed = _parsed(run_id)
    if parsed is None:
        raise Missing("there is no run with this id")
    return parsed


JobId = Annotated[UUID, Depends(_job_id)]
RunId = Annotated[UUID, Depends(_run_id)]
