"""The graph: order, ancestors, circles, and its picture."""

from __future__ import annotations

import pytest

from easyflow.domain.workflow import graph
from easyflow.domain.workflow.reading import read
from tests.support.definitions import CLAIMS, step, workflow

PICTURE = """flowchart TD
  s0["parse<br>task claims.parse"]
  s1[["validate<br>task claims.validate for each batch"]]
  s2{{"approve<br>waits for the signal approval"}}
  s3(("refused<br>fails the run"))
  s4["pay<br>task claims.pay, on failure skip"]
  s5(["rest<br>sleeps"])
  s6(["morning<br>sleeps"])
  s7[/"archive<br>workflow archive v3, on failure continue"/]
  s8[["mail<br>task mail.send for each item"]]
  s0 --> s1
  s1 --> s2
  s2 -->|"#33;steps.approve.result.approved"| s3
  s2 -->|"steps.approve.result.approved"| s4
  s4 --> s5
  s5 -->|"any"| s6
  s6 -->|"always"| s7
  c4["claims.refund"]
  s4 -.->|"taken back by"| c4"""


def test_the_picture_shows_kinds_conditions_and_compensations() -> None:
    assert graph.mermaid(read(CLAIMS)) == PICTURE


def test_nothing_in_a_condition_ends_the_text_of_the_picture() -> None:
    picture = graph.mermaid(read(workflow(step("a", when='input.x == "]|-->" || true'), step("b", "a", when="1 < 2"))))
    assert picture.splitlines() == [
        "flowchart TD",
        '  s0["a<br>task t<br>when input.x #61;#61; #34;#93;#124;--#62;#34; #124;#124; true"]',
        '  s1["b<br>task t"]',
        '  s0 -->|"1 #60; 2"| s1',
    ]


def test_the_order_puts_needs_first_and_keeps_what_is_written_otherwise() -> None:
    shuffled = read(workflow(step("d", "b", "c"), step("c", "a"), step("b", "a"), step("a"), step("z")))
    assert [each.name for each in graph.order(shuffled)] == ["a", "z", "c", "b", "d"]


def test_ancestors_are_found_through_others_and_in_circles() -> None:
    assert graph.ancestors({"a": [], "b": ["a"], "c": ["b"], "d": []}) == {
        "a": frozenset(),
        "b": frozenset({"a"}),
        "c": frozenset({"a", "b"}),
        "d": frozenset(),
    }
    assert graph.ancestors({"a": ["b"], "b": ["a"], "c": ["a"]}) == {
        "a": frozenset({"a", "b"}),
        "b": frozenset({"a", "b"}),
        "c": frozenset({"a", "b"}),
    }


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        ({"a": [], "b": ["a"]}, []),
        ({"a": ["a"], "b": ["a"]}, []),  # a need of itself is told apart
        ({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}, [("a", "b"), ("c", "d")]),
        ({"x": ["c"], "c": ["a"], "b": ["c"], "a": ["b"]}, [("c", "a", "b")]),
    ],
)
def test_each_circle_is_told_once_from_its_first_step(
    needs: dict[str, list[str]], found: list[tuple[str, ...]]
) -> None:
    assert graph.circles(needs) == found
