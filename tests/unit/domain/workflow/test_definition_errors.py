"""Everything that can be wrong with a definition: the place, and the exact words."""

from __future__ import annotations

from typing import Any

import pytest

from easyflow.domain.workflow import faults, schema
from easyflow.domain.workflow.expressions import Condition, Scope, Template
from easyflow.domain.workflow.reading import MOST_BYTES, read
from easyflow.errors import Invalid, Malformed, TooLarge
from tests.support.definitions import step, workflow
from tests.support.messages import sentences, unsaid
from tests.support.project import ROOT
from tests.support.wrong_connections import WRONG_CONNECTIONS
from tests.support.wrong_expressions import WRONG_EXPRESSIONS
from tests.support.wrong_parts import WRONG_PARTS
from tests.support.wrong_shapes import WRONG_SHAPES

ROOM = ROOT / "backend/easyflow/domain"
WRONG = WRONG_SHAPES | WRONG_PARTS | WRONG_CONNECTIONS | WRONG_EXPRESSIONS
SAID = [message for _, _, message in WRONG.values()]

# What is said of a whole template or condition, and of values in a run: `test_expressions.py` has those.
ELSEWHERE = {"the template does not fit", "the condition does not fit", "the definition does not fit"}

KEYWORDS_WITHOUT_A_SENTENCE = {
    *("$schema", "$ref", "$defs", "title", "description", "default", "examples", "properties", "items"),
    "additionalProperties",
}


def problems_of(document: Any) -> list[dict[str, str]]:
    with pytest.raises(Invalid) as refused:
        read(document)
    assert type(refused.value) is Invalid
    assert refused.value.message == "the definition does not fit"
    return refused.value.problems


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_at_its_place_and_nothing_else(case: str) -> None:
    document, at, message = WRONG[case]
    assert problems_of(document) == [{"at": at, "message": message}]


@pytest.mark.parametrize("module", ["workflow/faults", "workflow/checks", "workflow/connections", "json_schema"])
def test_every_sentence_of_the_code_is_in_the_table(module: str) -> None:
    assert len(sentences(ROOM / f"{module}.py")) > 1
    assert unsaid(ROOM / f"{module}.py", SAID) == []


def test_every_keyword_of_the_published_schema_has_a_sentence() -> None:
    used = set(_keywords(schema.parts()["workflow"]))
    kinds = {word[0].upper() + word[1:] for word in used - KEYWORDS_WITHOUT_A_SENTENCE}
    assert kinds == set(faults._SENTENCES)


def test_all_problems_are_said_at_once_in_the_order_of_the_steps() -> None:
    document = workflow(
        step("a", "c", "zz", input={"x": "${steps.b.result}", "y": ["${1 +}", "${foo}"]}),
        step("b", sleep={"seconds": -1, "unti": 3}, task="x"),
        step("c", "a", needs=3),
        {"needs": 3},
        step("c", wait_for_signal={"signal": "s", "default": 1}),
        key_policy="queu",
    )
    assert [(problem["at"], problem["message"]) for problem in problems_of(document)] == [
        ("key_policy", "must be one of queue, refuse, replace"),
        ("steps.a.input.y.0", "it is not CEL: it ends too early, at column 4"),
        ("steps.a.input.y.1", 'there is no variable "foo" in a step, only input, run, steps'),
        ("steps.a.needs", 'there is no step "zz"'),
        ("steps.a.input", 'it reads steps.b, which need not be over by then; add "b" to needs'),
        ("steps.b.sleep.seconds", "must be above 0"),
        ("steps.b.sleep", 'there is nothing called "unti" here; did you mean "until"?'),
        ("steps.b", "a step is one thing, and this one has task and sleep"),
        ("steps.c.needs", "must be a list"),
        ("steps.3.needs", "must be a list"),
        ("steps.3", '"name" is missing'),
        ("steps.3", "it does not say what it is; give it one of task, wait_for_signal, sleep, child, fail"),
        ("steps.4.wait_for_signal.default", "it is the result after timeout_seconds, which is missing"),
        ("steps.4.name", 'an earlier step is called "c" too'),
    ]


def test_a_faulty_part_causes_no_second_complaint() -> None:
    faulty = workflow(
        step("a", map={"items_of": 3}),
        step("b", when=3, needs=[3]),
        step("c", fail={"reason": 3}),
        step("d", wait_for_signal={"signal": 3, "schema": 3, "default": 3, "timeout_seconds": "x"}),
        step("e", "a", input="${steps.c.result}", needs={}),
        step("f", sleep=3),
    )
    places = [problem["at"] for problem in problems_of(faulty)]
    assert places == [
        "steps.a.map.items_of",
        "steps.b.needs.0",
        "steps.b.when",
        "steps.c.fail.reason",
        "steps.d.wait_for_signal.schema",
        "steps.d.wait_for_signal.signal",
        "steps.d.wait_for_signal.timeout_seconds",
        "steps.e.needs",
        "steps.f.sleep",
    ]


def test_steps_behind_a_step_that_never_begins_never_begin_either() -> None:
    lost = workflow(
        step("a", fail={"reason": "r"}), step("b", "a"), step("c", "b"), step("d", "c", join="any"), step("e")
    )
    assert [(problem["at"], problem["message"]) for problem in problems_of(lost)] == [
        ("steps.b.needs", 'it can never begin: "a" always fails'),
        ("steps.c.needs", 'it can never begin: "b" can never begin'),
        ("steps.d.needs", 'it can never begin: "c" can never begin'),
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [step("a", fail={"reason": "r"}, on_failure="continue"), step("b", "a")],
        [step("a", fail={"reason": "r"}, on_failure="skip"), step("b", "a", join="always")],
        [step("a", fail={"reason": "r"}, when="input.x"), step("b", "a", join="always")],
        [step("z"), step("a", "z", fail={"reason": "r"}), step("b", "a", join="always")],
        [step("a", fail={"reason": "r"}, when="input.x"), step("z"), step("b", "a", "z", join="any")],
        [
            step("a", fail={"reason": "r"}, when="input.x"),
            step("c", "a", "z", join="any"),
            step("z"),
            step("d", "c"),
        ],
    ],
)
def test_a_step_behind_one_that_fails_may_be_reachable(steps: list[dict[str, Any]]) -> None:
    assert [each.name for each in read(workflow(*steps)).steps] == [each["name"] for each in steps]


def test_a_definition_that_cannot_be_kept_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(Malformed, match="NUL"):
        read(workflow(step("a", description="\x00")))
    with pytest.raises(Malformed, match=r"definition\.steps\.0\.timeout_seconds"):
        read(workflow(step("a", timeout_seconds=float("nan"))))
    with pytest.raises(TooLarge) as refused:
        read(workflow(step("a", input="x" * MOST_BYTES)))
    assert refused.value.facts["limit_bytes"] == MOST_BYTES
    with pytest.raises(TooLarge):  # small in Python, large as text
        read(workflow(step("a", input=["\u0001" * 200_000])))


def test_no_problem_repeats_what_a_document_holds_at_length() -> None:
    found = problems_of(workflow(step("a", "n" * 5000, **{"k" * 5000: 1}), step("b", map={"items_of": "m" * 5000})))
    assert len(found) == 3
    assert max(len(problem["message"]) for problem in found) < 200


def test_a_template_and_a_condition_alone_say_what_is_wrong() -> None:
    with pytest.raises(Invalid, match="the template does not fit") as refused:
        Template.read({"a": ["${foo}", "${run.x}"]}, "here", Scope.STEP)
    assert [problem["at"] for problem in refused.value.problems] == ["here.a.0", "here.a.1"]
    with pytest.raises(Invalid, match="the condition does not fit") as condition:
        Condition.read("foo", "there")
    assert condition.value.problems[0]["at"] == "there"


def _keywords(part: Any) -> list[str]:
    if isinstance(part, list):
        return [word for each in part for word in _keywords(each)]
    if not isinstance(part, dict):
        return []
    found = [*part]
    for word, below in part.items():
        if word in ("properties", "$defs"):
            found += [inner for each in below.values() for inner in _keywords(each)]
        elif word not in ("default", "examples", "enum"):
            found += _keywords(below)
    return found
