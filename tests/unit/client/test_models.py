"""The client's answers have the fields the API's own description has, so that neither can drift."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from easyflow.api import run_schemas, schemas
from easyflow.client import models, options, run_models
from easyflow.submission.requests import NewJob
from easyflow.submission.runs import NewRun

SAME = [
    "FieldProblem", "LastError", "Job", "AttemptError", "Attempt", "Effect", "InDoubt", "DeadLetter",
    "DeadLetterDetail", "JobDetail",
]  # fmt: skip
OF_RUNS = ["RegisteredWorkflow", "Run", "StepJob", "StepItems", "StepCompensation", "RunStep", "RunDetail", "RunItem"]
# Told as words here and as a shape there: what a newer API adds is understood.
LOOSER = {"kind", "step_counts", "state"}


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


@pytest.mark.parametrize("name", OF_RUNS)
def test_an_answer_about_runs_is_the_answer_of_the_api(name: str) -> None:
    def shown(model: type[BaseModel]) -> dict[str, str]:
        kinds = {field: kind.replace(model.__module__ + ".", "") for field, kind in fields(model).items()}
        return {field: "" if field in LOOSER else kind for field, kind in kinds.items()}

    assert shown(getattr(run_models, name)) == shown(getattr(run_schemas, name))


def test_a_start_of_the_client_can_say_what_the_api_takes() -> None:
    assert {*options.RunOptions.__annotations__, "workflow", "input"} == set(NewRun.model_fields)


def test_a_submit_of_the_client_can_say_what_the_api_takes() -> None:
    assert set(options.NewJob.__annotations__) == set(NewJob.model_fields)
