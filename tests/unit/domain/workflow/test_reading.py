"""A definition that is right: what is read, its digest, and the tasks it needs."""

from __future__ import annotations

import copy
import time
from decimal import Decimal
from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain import document, json_schema
from easyflow.domain.states import Effects
from easyflow.domain.workflow import graph, schema
from easyflow.domain.workflow.definition import (
    ChildStep,
    Compensate,
    FailStep,
    JobSettings,
    Join,
    KeyPolicy,
    OnFailure,
    SignalStep,
    SleepStep,
    TaskStep,
)
from easyflow.domain.workflow.reading import TaskUse, read, tasks_of
from tests.support.definitions import CLAIMS, step, workflow


def test_a_definition_is_read_whole() -> None:
    claims = read(CLAIMS)
    assert (claims.name, claims.description) == ("claims.settle", "From a file of claims to money.")
    assert (claims.deadline_seconds, claims.key_policy, claims.compensate) == (
        86400.0,
        KeyPolicy.REFUSE,
        Compensate.ON_REQUEST,
    )
    assert claims.input_schema == CLAIMS["input_schema"]
    assert claims.key is not None
    assert claims.key.resolve({"input": {"policy": 7}}) == 7
    assert claims.output is not None
    assert claims.output.references == {"pay"}
    assert [each.name for each in claims.steps] == [each["name"] for each in CLAIMS["steps"]]
    assert [each.number for each in claims.steps] == list(range(9))


def test_steps_with_tasks_are_read_with_their_settings() -> None:
    by_name = read(CLAIMS).by_name
    parse = by_name["parse"].kind
    assert isinstance(parse, TaskStep)
    assert (parse.task, parse.effects, parse.task_version, parse.map) == ("claims.parse", Effects.PURE, "2", None)
    assert parse.settings == JobSettings("files", -1, 3, 60.0)
    validate = by_name["validate"].kind
    assert isinstance(validate, TaskStep)
    assert validate.map is not None
    assert validate.input is None
    over = validate.map
    assert (over.items, over.items_of, over.batch_size, over.concurrency) == (None, "parse", 500, 50)
    assert (over.tolerated_failures, over.tolerated_percent) == (0, 2.5)


def test_each_kind_of_step_without_a_task_is_read_with_its_settings() -> None:
    by_name = read(CLAIMS).by_name
    approve = by_name["approve"].kind
    assert isinstance(approve, SignalStep)
    assert (approve.signal, approve.timeout_seconds, approve.default, approve.has_default) == (
        "approval",
        3600.0,
        {"approved": False},
        True,
    )
    refused = by_name["refused"]
    assert isinstance(refused.kind, FailStep)
    assert refused.kind.reason.source == "the claim was refused"
    assert refused.when is not None
    assert refused.references == {"approve"}
    rest, morning = by_name["rest"].kind, by_name["morning"].kind
    assert isinstance(rest, SleepStep)
    assert rest.until is None
    assert by_name["rest"].references == {"pay"}
    assert isinstance(morning, SleepStep)
    assert morning.seconds is None
    assert by_name["morning"].join is Join.ANY
    archive = by_name["archive"]
    assert isinstance(archive.kind, ChildStep)
    assert (archive.kind.workflow, archive.kind.version, archive.join, archive.on_failure) == (
        "archive",
        3,
        Join.ALWAYS,
        OnFailure.CONTINUE,
    )


def test_a_compensation_may_read_its_own_step_and_what_came_before() -> None:
    pay = read(CLAIMS).by_name["pay"]
    assert pay.compensation is not None
    assert pay.compensation.settings.max_attempts == 9
    assert pay.references == {"parse", "approve"}  # of the step itself, not of its compensation
    back = {"task": "t", "input": ["${steps.b.result}", "${steps.a.result}", "${step.input}"]}
    read(workflow(step("a"), step("b", "a", compensate_with=back)))


def test_what_a_definition_leaves_out_has_a_default() -> None:
    (only,) = read(workflow(step("a"))).steps
    assert (only.join, only.on_failure, only.when, only.compensation) == (Join.ALL, OnFailure.FAIL, None, None)
    assert isinstance(only.kind, TaskStep)
    assert only.kind.input is None
    assert only.kind.settings == JobSettings()
    read(workflow(step("a", map={"items": "${input.l}"}, input="${items}")))
    (waits,) = read(workflow(step("a", wait_for_signal={"signal": "s", "default": None, "timeout_seconds": 1}))).steps
    assert isinstance(waits.kind, SignalStep)
    assert waits.kind.has_default
    nothing, anything = (read(workflow(step("a"), input_schema=said)).input_schema for said in (False, True))
    assert json_schema.problems_of(json_schema.compiled(nothing), {}, "input")
    assert not json_schema.problems_of(json_schema.compiled(anything), {}, "input")


def test_the_tasks_of_a_definition_are_listed_with_what_is_relied_on() -> None:
    assert tasks_of(read(CLAIMS)) == (
        TaskUse("claims.parse", "steps.parse.task", Effects.PURE, "2"),
        TaskUse("claims.validate", "steps.validate.task", None, None),
        TaskUse("claims.pay", "steps.pay.task", Effects.KEYED, None),
        TaskUse("claims.refund", "steps.pay.compensate_with.task", None, None),
        TaskUse("mail.send", "steps.mail.task", None, None),
    )


def test_the_same_content_has_one_digest_and_other_content_another() -> None:
    digest = read(CLAIMS).digest
    assert len(digest) == 32
    assert read({**CLAIMS, "$schema": "https://example.org/schema"}).digest == digest
    assert read({**CLAIMS, "deadline_seconds": Decimal("86400.0")}).digest == digest
    assert read({**CLAIMS, "deadline_seconds": 86401}).digest != digest
    other = copy.deepcopy(CLAIMS)
    other["steps"].reverse()
    assert read(other).digest != digest


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_fields_changes_nothing(random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in random.sample(list(value), len(value))}
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    read_again = read(shuffled(CLAIMS))
    assert read_again.digest == read(CLAIMS).digest
    assert document.canonical(read_again.document) == document.canonical(CLAIMS)


def test_what_was_read_reads_again_as_the_same() -> None:
    first = read(CLAIMS)
    again = read(document.parse(document.dumps(first.document), max_bytes=1 << 20))
    assert again == first


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_graph_without_circles_is_read_and_ordered(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    names = [f"s{n}" for n in range(count)]
    needs = {
        name: data.draw(st.lists(st.sampled_from(names[:at]), unique=True)) if at else []
        for at, name in enumerate(names)
    }
    steps = [
        step(name, *needs[name], input={"all": [f"${{steps.{need}.result}}" for need in needs[name]]}) for name in names
    ]
    definition = read(workflow(*data.draw(st.permutations(steps))))
    seen = list[str]()
    for each in graph.order(definition):
        assert set(each.needs) <= set(seen)
        assert each.references == set(each.needs)
        seen.append(each.name)
    assert sorted(seen) == sorted(names)


def test_a_thousand_steps_that_need_each_other_closely_are_read_within_seconds() -> None:
    steps = [step(f"s{n}", *(f"s{m}" for m in range(max(0, n - 150), n))) for n in range(1000)]
    begun = time.perf_counter()
    assert len(read(workflow(*steps)).steps) == 1000
    assert time.perf_counter() - begun < 20


def test_the_published_schema_is_one_and_takes_what_is_read() -> None:
    published = document.parse(schema.published(), max_bytes=1 << 20)
    jsonschema_rs.meta.validate(published)
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert jsonschema_rs.validator_for(published).is_valid({**CLAIMS, "$schema": "x"})


def test_every_part_of_the_published_schema_is_explained_and_closed() -> None:
    for name, part in schema.parts().items():
        if part["type"] != "object":
            continue
        assert part["additionalProperties"] is False, name
        assert {"title", "description"} <= part.keys(), name
        for field, said in part["properties"].items():
            target = schema.parts()[said["$ref"].rpartition("/")[2]] if "$ref" in said else {}
            assert {"title", "description"} <= {*target, *said}, f"{name}.{field}"
