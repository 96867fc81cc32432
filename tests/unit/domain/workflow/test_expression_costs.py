"""What an expression may cost: CEL knows no budget, and nothing else runs meanwhile."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from easyflow.domain.workflow.expressions import Condition, ExpressionFailed, Scope, Template


@pytest.mark.parametrize(
    "expression",
    [
        "input.l.map(x, x)",
        'input.l.map(x, {"id": x.id, "all": x, "once more": x})',
        "input.l.filter(x, x.id >= 0)",
        "input.l.map(x, input.s)",
        "input.l.all(x, x.id in input.n || true)",
        'input.l.all(x, input.s.matches("(x+x+)+y") || true)',
    ],
)
def test_the_dearest_expression_that_is_allowed_costs_no_more_than_moments(expression: str) -> None:
    gathering = "map" in expression or "filter" in expression
    elements, characters = (240, 31_000) if gathering else (400, 60_000)
    objects = [{"id": n, "word": "w" * 20} for n in range(elements)]
    given = {"l": objects, "n": list(range(elements)), "s": "x" * (characters - 80 * elements)}
    template = Template.read(f"${{{expression}}}", "here", Scope.STEP)
    begun = time.perf_counter()
    with contextlib.suppress(ExpressionFailed):  # a result that is too large is refused
        template.resolve({"input": given})
    assert time.perf_counter() - begun < 5


def test_a_result_that_is_too_large_is_refused() -> None:
    given = {"l": list(range(200)), "s": "x" * 20_000}
    with pytest.raises(ExpressionFailed, match="larger than 1048576 bytes"):
        Template.read("${input.l.map(x, input.s)}", "here", Scope.STEP).resolve({"input": given})


def test_an_expression_is_compiled_once_and_may_be_used_in_any_thread() -> None:
    condition = Condition.read("input.list.all(x, x > 0)", "here")
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(condition.holds({"input": {"list": [1, 2, 3]}}))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
