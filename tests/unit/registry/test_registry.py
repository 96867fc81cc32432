"""What `@task` and `@lifespan` accept, and the one sentence they refuse the rest with."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from easyflow import registry
from easyflow.domain.retry import RetryPolicy
from easyflow.domain.states import Effects
from easyflow.engine.lifespans import opened
from easyflow.errors import Misconfigured
from easyflow.registry import lifespan, load, task


class Claim(BaseModel):
    """A payload."""

    amount: int


async def pay(ctx: Any, claim: Claim) -> str:
    """Pay a claim.

    At most once.
    """
    return "paid"


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered before the test, and nothing of it stays."""
    monkeypatch.setattr(registry, "TASKS", {})
    monkeypatch.setattr(registry, "LIFESPANS", [])
    monkeypatch.setattr("easyflow.engine.lifespans.LIFESPANS", registry.LIFESPANS)


def refused(handler: Callable[..., Any] = pay, **options: Any) -> str:
    """The sentence with which a registration is refused."""
    with pytest.raises(Misconfigured) as wrong:
        task("claims.pay", **{"effects": "pure", **options})(handler)
    assert "claims.pay" in wrong.value.message
    return wrong.value.message


def test_a_task_keeps_what_was_said_about_it_and_the_handler_stays_itself() -> None:
    same = task("claims.pay", effects="keyed", queue="claims", max_attempts=2, timeout="1.5m")(pay)
    assert same is pay
    made = registry.TASKS["claims.pay"]
    assert (made.effects, made.queue, made.timeout_seconds, made.is_async) == (Effects.KEYED, "claims", 90.0, True)
    assert made.retry == RetryPolicy(max_attempts=2)
    assert '"amount"' in made.payload_schema()
    assert made.result_schema() == '{"type": "string"}'
    assert len(made.code_digest) == 12


def test_a_transactional_task_has_less_time_unless_it_says_otherwise() -> None:
    task("a", effects="transactional")(pay)
    task("b", effects="pure")(pay)
    assert (registry.TASKS["a"].timeout_seconds, registry.TASKS["b"].timeout_seconds) == (30.0, 300.0)


def test_effects_must_be_declared_and_known() -> None:
    assert "must declare its effects" in refused(effects=None)
    assert "'harmless' is not one of pure, transactional" in refused(effects="harmless")


@pytest.mark.parametrize("timeout", ["", "5", "5 s", "0s", "-1s", 0, -1.0, float("nan"), float("inf"), "1d"])
def test_a_timeout_that_makes_no_sense_is_refused(timeout: Any) -> None:
    assert "neither seconds nor text" in refused(timeout=timeout)


def test_a_handler_takes_a_context_and_a_payload_and_nothing_else() -> None:
    def one(ctx: Any) -> None: ...

    def three(ctx: Any, payload: Any, more: Any) -> None: ...

    def keyword(ctx: Any, *, payload: Any) -> None: ...

    for handler in (one, three, keyword):
        assert "takes exactly (ctx, payload)" in refused(handler)


def test_a_handler_returns_its_result_and_does_not_yield() -> None:
    def parts(ctx: Any, payload: Any) -> Iterator[int]:
        yield 1

    async def async_parts(ctx: Any, payload: Any) -> AsyncIterator[int]:
        yield 1

    for handler in (parts, async_parts):
        assert "does not yield" in refused(handler)


def test_a_transactional_task_runs_in_the_executor() -> None:
    def in_thread(ctx: Any, payload: Any) -> None: ...

    assert "transactional" in refused(in_thread, effects="transactional")
    assert "transactional" in refused(effects="transactional", isolation="process")


def test_a_queryable_task_names_who_asks_what_happened() -> None:
    def ask(ctx: Any, effect: Any) -> Any: ...

    assert "needs reconcile=" in refused(effects="queryable")
    task("claims.pay", effects="queryable", reconcile=ask)(pay)
    assert registry.TASKS["claims.pay"].reconcile is ask


def test_a_key_is_remembered_for_ever_unless_the_task_says_how_long() -> None:
    task("a", effects="keyed")(pay)
    task("b", effects="keyed", key_window="24h")(pay)
    assert (registry.TASKS["a"].key_window_seconds, registry.TASKS["b"].key_window_seconds) == (None, 86_400.0)
    task("c", effects="unsafe", key_window=60)(pay)  # for those of its effects that are keyed
    assert registry.TASKS["c"].key_window_seconds == 60.0
    assert "key_window '1d' is neither seconds nor text" in refused(effects="keyed", key_window="1d")


@pytest.mark.parametrize("effects", ["pure", "transactional", "queryable"])
def test_only_a_task_that_may_send_keys_says_how_long_they_are_remembered(effects: str) -> None:
    def ask(ctx: Any, effect: Any) -> Any: ...

    said = refused(effects=effects, key_window="24h", reconcile=ask)
    assert "key_window is for effects='keyed' and 'unsafe' alone" in said


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    def handler(ctx: Any, payload: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert "Nowhere" in refused(handler)


def test_the_same_name_in_two_modules_is_refused_and_a_reload_is_not() -> None:
    task("claims.pay", effects="pure")(pay)
    task("claims.pay", effects="pure")(pay)

    async def other(ctx: Any, payload: Any) -> None: ...

    other.__module__ = "elsewhere"
    assert "registered twice" in refused(other)


@pytest.mark.parametrize("body", ["raise RuntimeError('no')", "import sys; sys.exit(0)", "import nothing_like_it", "("])
def test_a_module_that_cannot_be_loaded_is_named(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "night_tasks.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "night_tasks", raising=False)
    with pytest.raises(Misconfigured, match="cannot load tasks from night_tasks: "):
        load(["night_tasks"])


async def test_lifespans_open_in_order_and_close_in_reverse() -> None:
    said: list[str] = []

    def opening(name: str) -> None:
        @lifespan
        async def pool() -> AsyncIterator[dict[str, Any]]:
            said.append(f"open {name}")
            yield {name: name.upper()}
            said.append(f"close {name}")

    opening("first")
    opening("second")
    async with opened() as state:
        assert state == {"first": "FIRST", "second": "SECOND"}
    assert said == ["open first", "open second", "close second", "close first"]


async def test_two_lifespans_cannot_use_one_name() -> None:
    for _ in range(2):

        @lifespan
        async def pool() -> AsyncIterator[dict[str, Any]]:
            yield {"pool": 1}

    with pytest.raises(Misconfigured, match="two lifespans open pool"):
        async with opened():
            pass


def test_a_lifespan_is_an_async_function_with_one_yield() -> None:
    async def plain() -> dict[str, Any]:
        return {}

    with pytest.raises(Misconfigured, match="plain must be an async function with one yield"):
        lifespan(plain)  # type: ignore[arg-type]
