"""Expressions: paths are exact, CEL is bounded, and what fails says why without a value of the run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain import document
from easyflow.domain.workflow.expressions import Condition, ExpressionFailed, Scope, Template
from easyflow.errors import Invalid
from tests.support.messages import sentences, unsaid
from tests.support.project import ROOT
from tests.support.wrong_expressions import WRONG_EXPRESSIONS

ROOM = ROOT / "backend/easyflow/domain/workflow"

VARIABLES: dict[str, Any] = {
    "input": {
        "a": 1,
        "b": {"c d": ["zero", {"e": None}], "in": "word"},
        "big": 2**70,
        "money": Decimal("0.10"),
        "secret": "hunter2",
        "list": [1, 2, 3],
        "claims": [{"id": n, "sum": n * 10} for n in range(40)],
        "thousand": list(range(1000)),
        "long": "x" * 300_000,
        "wide": ["y" * 1000 for _ in range(40)],
    },
    "steps": {"parse": {"result": {"total": 7}, "state": "SUCCEEDED"}, "a-b": {"result": None, "state": "SKIPPED"}},
    "run": {"id": "7", "workflow": "w", "version": 1, "started_at": "2026-01-01T00:00:00Z"},
    "item": {"x": 1},
    "items": [1],
    "position": 4,
}

VALUES: dict[str, Any] = {
    "input.a": 1,
    " input.a ": 1,
    'input.b["c d"][1].e': None,
    "input.b.in": "word",
    "input.big": 2**70,
    "input.money": Decimal("0.10"),
    "steps.parse.result": {"total": 7},
    'steps["a-b"].state': "SKIPPED",
    "run.version": 1,
    "item.x + position": 5,
    "size(items)": 1,
    'size(input.b) + size(input["b"]["c d"])': 4,
    'size(input.b["c d"]) + size(input.b)': 4,
    "true": True,
    "null": None,
    "input.a + 1": 2,
    "input.money > 0.05": True,
    '"steps." + "x"': "steps.x",
    "// steps.nobody\ninput.a + 0": 1,
    "r'\\' + \"\"\"input\"\"\"": "\\input",
    'input["b"]["c d"][0]': "zero",
    "has(input.nothing) ? 1 : 2": 2,
    "input.list.map(x, x * 2)": [2, 4, 6],
    "input.list.filter(x, x > input.a)": [2, 3],
    "input.claims.exists(c, c.sum == 390)": True,
    "input.list.exists_one(x, x == 2) && steps.parse.result.total == 7": True,
    '{"n": double(input.a), "l": [input.a, null]}': {"n": 1.0, "l": [1, None]},
    "type(input.a) == int": True,
    'timestamp("2026-01-01T00:00:00+01:00") + duration("90m")': "2026-01-01T00:30:00Z",
    'timestamp(run.started_at) + duration("1.5s")': "2026-01-01T00:00:01.500000Z",
    'duration("90s")': 90,
    'duration("1500ms")': 1.5,
    'timestamp(run.started_at).getFullYear() + timestamp(run.started_at).getDate()': 2027,
    'input.secret.matches("^h.*2$")': True,
}  # fmt: skip

# An expression -> exactly what is said when it fails in a run.
FAILURES: dict[str, str] = {
    "item.y": "item.y: item has no field y",
    "input.a.b": "input.a.b: input.a is a number, not an object",
    "input.b.c": "input.b.c: input.b has no field c",
    "input.a[0]": "input.a[0]: input.a is a number, not a list",
    "input.list[3]": "input.list[3]: input.list has no position 3; it has 3 elements",
    'input.b["c d"][1].e.f': 'input.b["c d"][1].e.f: input.b.c d[1].e is null, not an object',
    "input.secret.x": "input.secret.x: input.secret is text, not an object",
    "input.list.x": "input.list.x: input.list is a list, not an object",
    "input.b[0]": "input.b[0]: input.b is an object, not a list",
    "steps.skipped.result": "steps.skipped.result: steps has no field skipped",
    "input.nothing + 1": "input.nothing + 1: there is no field nothing",
    "input.b[input.secret]": "input.b[input.secret]: a field that it reads is missing",
    "input.list[7] + 1": "input.list[7] + 1: it asks for a position that the list does not have",
    "input.a / 0": "input.a / 0: it divides by zero",
    "9223372036854775807 + input.a": "9223372036854775807 + input.a: a number leaves 64 bits",
    "input.a + 1.5": "input.a + 1.5: values of these types do not go together; CEL converts nothing unasked, write"
    " int(x), double(x) or string(x)",
    "int(input.secret)": "int(input.secret): a function of it refused what it was given",
    "timestamp(input.secret)": "timestamp(input.secret): a function of it refused what it was given",
    "size(1, 2)": "size(1, 2): a function of it refused what it was given",
    "input.list.map(x, x)[0] + x": "input.list.map(x, x)[0] + x: x has no value there",
    "input.big + 1": "input.big + 1: a whole number beyond 64 bits can be passed on, but not computed with",
    "1.0 / 0.0": "1.0 / 0.0: its result is not a finite number",
    'b"a"': 'b"a": its result is no JSON; bytes and optional values are none',
    "{1: 2}": "{1: 2}: the names of an object's fields must be text",
    '"\\u0000"': '"\\u0000": its result is no JSON that can be kept: a NUL character, which PostgreSQL cannot keep',
    'timestamp("9999-12-31T23:59:59-05:00")': 'timestamp("9999-12-31T23:59:59-05:00"): its result is a time beyond the'
    " year 9999",
    "size(input.long)": "size(input.long): it looks at more than 256 KiB; name the fields it needs",
    "input.wide.map(x, x)": "input.wide.map(x, x): it looks at more than 32 KiB; name the fields it needs",
    "size(input.long) > 1 && input.list.all(x, x > 0)": "size(input.long) > 1 && input.list.all(x, x > 0): it looks at"
    " more than 64 KiB; name the fields it needs",
    "input.thousand.map(x, x)": "input.thousand.map(x, x): map looks at no more than 250 elements; let a step with"
    " `map` do this",
    "input.thousand.all(x, x in input.list)": "input.thousand.all(x, x in input.list): all looks at no more than 1000"
    " elements; let a step with `map` do this",
    "(input.claims + input.claims + input.claims + input.claims + input.claims + input.claims + input.claims)"
    ".map(x, 1)": "(input.claims + input.claims + input.claims + input.claims + input.claims + inp…: map looks at no"
    " more than 250 elements; let a step with `map` do this",
}


def resolved(expression: str, scope: Scope = Scope.ITEM) -> Any:
    return Template.read(f"${{{expression}}}", "here", scope).resolve(VARIABLES)


@pytest.mark.parametrize("expression", VALUES)
def test_an_expression_has_its_value(expression: str) -> None:
    value = resolved(expression)
    assert (value, type(value)) == (VALUES[expression], type(VALUES[expression]))
    document.check(value, max_bytes=1000)


@pytest.mark.parametrize("expression", FAILURES)
def test_an_expression_that_fails_says_why_and_repeats_no_value(expression: str) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        resolved(expression)
    assert failed.value.message == FAILURES[expression]
    assert "hunter2" not in failed.value.message


def test_every_sentence_about_expressions_is_in_a_table() -> None:
    tests = (ROOT / "tests/unit/domain/workflow").glob("*.py")
    said = [*FAILURES.values(), *(message for _, _, message in WRONG_EXPRESSIONS.values())]
    conditions = [line for file in tests for line in file.read_text().splitlines() if "match=" in line or "==" in line]
    for module in ("evaluation", "expressions"):
        assert len(sentences(ROOM / f"{module}.py")) > 5
        left = unsaid(ROOM / f"{module}.py", [*said, *conditions])
        assert [pattern for pattern in left if "EOF" not in pattern] == []


def test_a_template_is_json_in_which_only_whole_texts_are_expressions() -> None:
    said = {
        "plain": "input.a",
        "within": "it is ${input.a}",
        "before": "${input.a} it is",
        "literal": "$${input.a}",
        "open": "${input.a",
        "deep": [{"x": "${input.a}"}, ["${item.x}", 3, None, True, Decimal("1.50")]],
        "${input.a}": "key",
    }
    template = Template.read(said, "here", Scope.ITEM)
    assert template.resolve(VARIABLES) == {
        **said,
        "literal": "${input.a}",
        "deep": [{"x": 1}, [1, 3, None, True, Decimal("1.50")]],
    }
    assert template.source == said


def test_the_steps_that_are_read_are_known_beforehand() -> None:
    template = Template.read(
        {"a": "${steps.one.result}", "b": ['${steps["t-w o"].state == "steps.four" || steps . three.result}']},
        "here",
        Scope.STEP,
    )
    assert template.references == {"one", "t-w o", "three"}
    assert Condition.read("has(steps.five.result.x) // steps.six", "here").references == {"five"}
    assert Template.read("${input.steps.seven}", "here", Scope.STEP).references == frozenset()
    assert Template.read("${input.l.map(x, x.steps.eight)}", "here", Scope.STEP).references == frozenset()


def test_a_condition_is_true_or_false_and_nothing_else() -> None:
    assert Condition.read("steps.parse.result.total > 3", "here").holds(VARIABLES) is True
    assert Condition.read("!(input.a == 1)", "here").holds(VARIABLES) is False
    for text, word in {
        "input.a": "a number",
        "input.secret": "text",
        "input.list": "a list",
        "input.b": "an object",
        "null": "null",
        "input.money": "a number",
    }.items():
        with pytest.raises(ExpressionFailed) as failed:
            Condition.read(text, "here").holds(VARIABLES)
        assert failed.value.message == f"{text}: a condition must be true or false, and this is {word}"


def test_a_path_that_holds_is_exact_and_a_missing_variable_is_named() -> None:
    assert Condition.read("input.yes", "here").holds({"input": {"yes": True}})
    with pytest.raises(ExpressionFailed) as failed:
        resolved("step.result", Scope.COMPENSATION)
    assert failed.value.message == "step.result: there is no step"


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        (Scope.STEP, {"input", "steps", "run"}),
        (Scope.ITEM, {"input", "steps", "run", "item", "items", "position"}),
        (Scope.BATCH, {"input", "steps", "run", "items", "position"}),
        (Scope.COMPENSATION, {"input", "steps", "run", "step"}),
        (Scope.KEY, {"input"}),
        (Scope.OUTPUT, {"input", "steps", "run"}),
    ],
)
def test_each_place_has_its_own_variables(scope: Scope, known: set[str]) -> None:
    for name in ("input", "steps.x.result", "run.id", "item", "items", "position", "step.input", "other"):
        for expression in (name, f"[{name}]"):
            if name.partition(".")[0] in known:
                Template.read(f"${{{expression}}}", "here", scope)
            else:
                with pytest.raises(Invalid):
                    Template.read(f"${{{expression}}}", "here", scope)


def test_only_what_an_expression_mentions_is_handed_to_cel() -> None:
    # Beside a text that is far too long, and a number that CEL could not take.
    assert resolved("input.a + size(input.b) + steps.parse.result.total") == 10
    assert resolved("input.claims[39].sum + 1") == 391
    with pytest.raises(ExpressionFailed, match="64 bits"):
        resolved("size(input)")


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="inputseprun.[]()\"'{}x 10+-*/!=<>&|?:,\\\n", max_size=40))
def test_any_text_is_read_or_refused_and_has_a_value_or_fails(text: str) -> None:
    try:
        value = Template.read(f"${{{text}}}", "here", Scope.STEP).resolve(VARIABLES)
    except Invalid as refused:
        said = refused.problems[0]["message"]
    except ExpressionFailed as failed:
        said = failed.message
    else:
        said = ""
        document.check(value, max_bytes=10_000_000)
    assert "hunter2" not in said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5).filter(lambda text: text != "a"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(JSON, st.lists(st.sampled_from(["f", "x y", "_g", 0, 1]), max_size=5))
def test_a_path_finds_what_was_put_there(value: Any, way: list[str | int]) -> None:
    around, text = value, ""
    for place in reversed(way):
        around = [None, around][: place + 1] if place == 1 else [around] if place == 0 else {str(place): around}
    for place in way:
        text += f"[{place}]" if isinstance(place, int) else f'["{place}"]' if " " in place else f".{place}"
    assert Template.read(f"${{input{text}}}", "here", Scope.STEP).resolve({"input": around}) == value
