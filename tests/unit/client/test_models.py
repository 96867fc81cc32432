"""The client's answers have the fields the API's own description has, so that neither can drift."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from easyflow.api import schemas
from easyflow.client import models, options
from easyflow.submission.requests import NewJob

SAME = [
    "FieldProblem", "LastError", "Job", "AttemptError", "Attempt", "Effect", "InDoubt", "DeadLetter",
    "DeadLetterDetail", "JobDetail",
]  # fmt: skip


def fields(model: type[BaseModel]) -> dict[str, str]:
    """Each field and its type, modules left out."""
    return {
        name: re.sub(r"easyflow\.(api|client)\.\w+\.", "", str(field.annotation))
        for name, field in model.model_fields.items()
    }


@pytest.mark.parametrize("name", SAME)
def test_an_answer_of_the_client_is_the_answer_of_the_api(name: str) -> None:
    def shown(model: type[BaseModel]) -> dict[str, str]:
        return {field: kind.replace(model.__module__ + ".", "") for field, kind in fields(model).items()}

    assert shown(getattr(models, name)) == shown(getattr(schemas, name))


def test_a_submit_of_the_client_can_say_what_the_api_takes() -> None:
    assert set(options.NewJob.__annotations__) == set(NewJob.model_fields)
