"""`Workflow`: Python that reads well, and the JSON one would have written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from easyflow import Context, Workflow, task
from easyflow.domain import document
from easyflow.domain.workflow.expressions import Condition, Scope, Template
from easyflow.domain.workflow.reading import read
from easyflow.domain.workflow.references import Expression, cel_of
from easyflow.errors import Invalid, Misconfigured
from easyflow.registry import TASKS
from easyflow.workflow import WORKFLOWS, StepHandle
from tests.support.definitions import CLAIMS


class Claims(BaseModel):
    file: str
    limit: int = 3


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """What a test registers is gone behind it."""
    tasks, workflows = dict(TASKS), dict(WORKFLOWS)
    yield
    for registry, before in ((TASKS, tasks), (WORKFLOWS, workflows)):
        registry.clear()
        registry.update(before)  # type: ignore[arg-type]


def claims() -> Workflow:
    w = Workflow(
        "claims.settle",
        input=CLAIMS["input_schema"],
        description="From a file of claims to money.",
        deadline_seconds=86400,
        key=Workflow.input.policy,
        key_policy="refuse",
        compensate="on_request",
    )
    parse = w.step(
        "parse",
        "claims.parse",
        {"file": w.input.file},
        queue="files",
        priority=-1,
        max_attempts=3,
        timeout_seconds=60,
        effects="pure",
        task_version="2",
    )
    validate = w.map(
        "validate",
        "claims.validate",
        parse,
        needs=parse,
        description="each row",
        batch_size=500,
        concurrency=50,
        tolerated_percent=2.5,
    )
    pay = _pay(w, parse, validate)
    rest = w.sleep("rest", seconds=pay.result.days * 86400, needs=[pay])
    morning = w.sleep("morning", until=datetime(2026, 12, 1, tzinfo=UTC), needs=[rest], join="any")
    w.child("archive", "archive", {}, version=3, needs=[morning], join="always", on_failure="continue")
    w.map("mail", "mail.send", [w.input.to, "b@example.org"], {"to": w.item, "place": w.position, "run": w.run.id})
    w.output({"paid": pay.result.id})
    return w


def _pay(w: Workflow, parse: StepHandle, validate: StepHandle) -> StepHandle:
    approve = w.wait_for_signal(
        "approve",
        "approval",
        schema={"type": "object", "required": ["approved"]},
        timeout_seconds=3600,
        default={"approved": False},
        needs=[validate],
    )
    w.fail("refused", "the claim was refused", needs=approve, when=~approve.result.approved)
    return w.step(
        "pay",
        "claims.pay",
        {"sum": parse.result.total},
        needs="approve",
        when=approve.result.approved,
        effects="keyed",
        on_failure="skip",
        compensate_with={"task": "claims.refund", "input": {"receipt": w.this.result.id}, "max_attempts": 9},
    )


def test_a_workflow_in_python_is_the_json_one_writes_by_hand() -> None:
    written = claims().definition()
    assert document.canonical(written) == document.canonical(CLAIMS)
    assert read(written).digest == read(CLAIMS).digest


def test_the_definition_is_new_each_time() -> None:
    w = claims()
    w.definition()["steps"][0]["task"] = "other"
    assert w.definition()["steps"][0]["task"] == "claims.parse"


def test_a_workflow_is_registered_under_its_name() -> None:
    w = claims()
    assert WORKFLOWS["claims.settle"] is w


def test_the_same_workflow_may_be_made_twice_and_another_of_its_name_may_not() -> None:
    claims()
    again = claims()
    assert read(again.definition()).digest == read(CLAIMS).digest
    other = claims()
    other.fail("last", "no", needs="archive")
    with pytest.raises(Misconfigured, match=r"two workflows are called claims\.settle, and they differ"):
        other.definition()


def test_a_task_is_given_as_it_was_decorated_or_by_name() -> None:
    @task("claims.parse", effects="pure")
    def parse(ctx: Context, payload: Claims) -> int:
        return 1

    w = Workflow("w", input=Claims)
    w.step("a", parse)
    w.step("b", TASKS["claims.parse"], needs="a", compensate_with=parse)
    w.step("c", "elsewhere")
    w.child("d", w)
    definition = w.definition()
    assert [step.get("task") for step in definition["steps"]] == ["claims.parse", "claims.parse", "elsewhere", None]
    assert definition["steps"][1]["compensate_with"] == {"task": "claims.parse"}
    assert definition["steps"][3]["child"] == {"workflow": "w"}
    assert definition["input_schema"]["required"] == ["file"]
    with pytest.raises(Misconfigured, match="workflow w: read is no task; decorate it"):
        w.step("e", read)


def test_what_is_no_json_is_refused_with_its_place() -> None:
    w = Workflow("w")
    w.step("a", "t", {"when": datetime.now(UTC)})
    with pytest.raises(Misconfigured, match=r"workflow w\.steps\.0\.input\.when: "):
        w.definition()
    with pytest.raises(Misconfigured, match="without zone; give it one"):
        w.sleep("b", until=datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is refused


def test_times_are_written_in_utc_and_null_stays_null() -> None:
    w = Workflow("w")
    w.sleep("a", until=datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    w.wait_for_signal("b", default=None, timeout_seconds=1)
    w.step("c", "t", None)
    w.output(None)
    steps = w.definition()["steps"]
    assert steps[0]["sleep"] == {"until": "2026-01-01T00:00:00Z"}
    assert steps[1]["wait_for_signal"] == {"signal": "b", "timeout_seconds": 1, "default": None}
    assert steps[2]["input"] is None
    assert w.definition()["output"] is None


def test_references_are_written_as_expressions() -> None:
    w = Workflow("w")
    parse, odd = w.step("parse", "t"), w.step("odd-name", "t")
    assert str(parse.result.total) == "${steps.parse.result.total}"
    assert str(parse.result["a b"][0].in_) == '${steps.parse.result["a b"][0].in_}'
    assert str(parse.result["in"]) == '${steps.parse.result["in"]}'
    assert str(odd.state) == '${steps["odd-name"].state}'
    assert repr(w.input.x) == "<input.x>"


A, B = Workflow.input.a, Workflow.input.b
OPERATORS: dict[str, tuple[Any, Any]] = {
    "input.a == 3": (A == 3, False),
    "input.a != 3": (A != 3, True),
    "input.a < 3": (A < 3, True),
    "input.a <= 1": (A <= 1, True),
    "input.a > input.b": (A > B, False),
    "input.a >= 2": (A >= 2, False),
    "input.a + 1": (A + 1, 2),
    "1 + input.a": (1 + A, 2),
    "input.a - -1": (A - -1, 2),
    "(input.a + input.b) * 2": ((A + B) * 2, 6),
    "input.b / input.a": (B / A, 2),
    "input.b % 2": (B % 2, 0),
    '(input.a == 1) && (!(input.b == 1))': ((A == 1) & ~(B == 1), True),
    '(input.a == 2) || (input.b == 2)': ((A == 2) | (B == 2), True),
    '"é\\n\\"" + input.c': ('é\n"' + Workflow.input.c, 'é\n"c'),
    "input.c == null": (Workflow.input.c == None, False),  # noqa: E711 - an operator is being built
    "input.d == [1,true]": (Workflow.input.d == [1, True], True),
}  # fmt: skip


@pytest.mark.parametrize("text", OPERATORS)
def test_operators_of_python_become_cel_with_the_same_value(text: str) -> None:
    expression, value = OPERATORS[text]
    assert cel_of(expression) == text
    template = Template.read(str(expression), "here", Scope.STEP)
    assert template.resolve({"input": {"a": 1, "b": 2, "c": "c", "d": [1, True]}}) == value


def test_a_condition_is_text_or_an_expression() -> None:
    w = Workflow("w")
    a = w.step("a", "t")
    w.step("b", "t", needs=a, when="steps.a.result > 1")
    w.step("c", "t", needs=a, when=a.result > 1)
    assert {step.get("when") for step in w.definition()["steps"][1:]} == {"steps.a.result > 1"}


def test_what_has_no_value_yet_cannot_be_used_as_one_by_mistake() -> None:
    with pytest.raises(TypeError, match="write & | ~ in place of and, or, not".replace("|", r"\|")):
        bool(A)
    with pytest.raises(TypeError, match="go through it"):
        list(A)
    with pytest.raises(TypeError, match="write the condition as text"):
        assert 3 in A
    assert isinstance(A == A, Expression)  # noqa: PLR0124 - comparing builds an expression
    assert {A: 1}[A] == 1


FIELDS = st.text(min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(FIELDS | st.integers(0, 3), min_size=1, max_size=4), st.integers(-5, 5) | st.text(max_size=5))
def test_any_field_can_be_reached_and_compared(way: list[str | int], value: int | str) -> None:
    reference: Any = Workflow.input
    around: Any = value
    for place in way:
        reference = reference[place]
    for place in reversed(way):
        around = [around] * (place + 1) if isinstance(place, int) else {place: around}
    try:
        document.check([way, value], max_bytes=10_000)
    except Invalid:
        return
    assert Template.read(str(reference), "here", Scope.STEP).resolve({"input": around}) == value
    condition = Condition.read(cel_of(reference == value), "here")
    assert condition.holds({"input": around})


def test_numbers_keep_their_digits() -> None:
    w = Workflow("w")
    w.step("a", "t", {"sum": Decimal("0.10"), "big": 2**70})
    assert read(w.definition()).document["steps"][0]["input"] == {"sum": Decimal("0.1"), "big": 2**70}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_graph_built_in_python_is_the_one_written_by_hand(data: st.DataObject) -> None:
    WORKFLOWS.clear()
    w, by_hand, handles = Workflow("w"), list[dict[str, Any]](), list[StepHandle]()
    for number in range(data.draw(st.integers(1, 8))):
        chosen = data.draw(st.lists(st.sampled_from(handles), unique=True)) if handles else []
        name = f"{data.draw(st.sampled_from(['s', 'with-dash']))}{number}"
        handle = w.step(name, "t", [each.result.x for each in chosen], needs=chosen, priority=number)
        written = [str(each.result.x) for each in chosen]
        needs = [each.name for each in chosen]
        by_hand.append({"name": name, "task": "t", "input": written, "needs": needs, "priority": number})
        handles.append(handle)
    assert read(w.definition()) == read({"name": "w", "steps": by_hand})
