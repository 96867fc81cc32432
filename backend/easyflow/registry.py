"""Which tasks exist: user code registers handlers with `@task`, and pools with `@lifespan`."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema

from easyflow.domain.retry import RetryPolicy
from easyflow.domain.states import Effects
from easyflow.errors import Misconfigured

Handler = Callable[..., Any]
Lifespan = Callable[[], AsyncIterator[Mapping[str, Any]]]
Reconcile = Callable[..., Any]
H = TypeVar("H", bound=Handler)

DEFAULT_TIMEOUT_SECONDS = 300.0
TRANSACTIONAL_TIMEOUT_SECONDS = 30.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class TaskType:
    """One registered task."""

    name: str
    handler: Handler
    effects: Effects
    queue: str
    retry: RetryPolicy
    timeout_seconds: float
    isolation: Literal["shared", "process"]
    payload_type: Any
    result_type: Any
    reconcile: Reconcile | None = None
    key_window_seconds: float | None = None

    @cached_property
    def is_async(self) -> bool:
        """Whether the handler is a coroutine function; others run in threads."""
        return inspect.iscoroutinefunction(self.handler)

    @cached_property
    def payload(self) -> TypeAdapter[Any]:
        """Checks and reads payloads."""
        return TypeAdapter(self.payload_type)

    @cached_property
    def result(self) -> TypeAdapter[Any]:
        """Writes results."""
        return TypeAdapter(self.result_type)

    @cached_property
    def code_digest(self) -> str:
        """Twelve digits that change when the handler's source does: evidence, never a condition for running it."""
        try:
            source = inspect.getsource(self.handler)
        except (OSError, TypeError):
            source = repr(getattr(self.handler, "__code__", self.handler))
        return hashlib.sha256(source.encode()).hexdigest()[:12]

    def payload_schema(self) -> str:
        """Return the payload's JSON Schema as JSON text."""
        return json.dumps(self.payload.json_schema())

    def result_schema(self) -> str | None:
        """Return the result's JSON Schema as JSON text, None when it has none."""
        try:
            return json.dumps(self.result.json_schema(mode="serialization"))
        except PydanticInvalidForJsonSchema:
            return None


TASKS: dict[str, TaskType] = {}
LIFESPANS: list[Lifespan] = []


def task(
    name: str,
    *,
    effects: str | None = None,
    queue: str = "default",
    max_attempts: int | None = None,
    retry: RetryPolicy | None = None,
    timeout: str | float | None = None,
    isolation: Literal["shared", "process"] = "shared",
    reconcile: Reconcile | None = None,
    key_window: str | float | None = None,
) -> Callable[[H], H]:
    """Register a handler `(ctx, payload)` under a name; returns the handler unchanged, so that tests can call it.

    The annotation of `payload` (a pydantic model, or anything pydantic can check) becomes the payload's schema; the
    return annotation likewise. `effects` says what the handler does outside its own job and must be given:
    `pure`, `transactional` (writes through `ctx.session` only), `keyed` (the receiver honours `ctx.effect`'s key, for
    `key_window` if it forgets), `queryable` (`reconcile(ctx, effect)` asks it, and answers `Happened(result)`,
    `DidNotHappen()` or `Unknown()`) or `unsafe` (none of these: what is in doubt waits for a person).
    `timeout` is seconds or text such as "30s", "5m"; default 5 minutes, transactional tasks 30 seconds.
    Raises Misconfigured, naming the task, for anything that cannot work.
    """
    policy = retry or RetryPolicy()
    if max_attempts is not None:
        policy = RetryPolicy(max_attempts, policy.first_seconds, policy.longest_seconds)

    def register(handler: H) -> H:
        declared = _effects(name, effects)
        payload_type, result_type = _types(name, handler)
        added = TaskType(
            name=name,
            handler=handler,
            effects=declared,
            queue=queue,
            retry=policy,
            timeout_seconds=_timeout(name, timeout, declared),
            isolation=isolation,
            payload_type=payload_type,
            result_type=result_type,
            reconcile=reconcile,
            key_window_seconds=None if key_window is None else _seconds(name, "key_window", key_window),
        )
        _check(added)
        TASKS[name] = added
        return handler

    return register


def lifespan(opener: Lifespan) -> Lifespan:
    """Register an async generator that opens what handlers share, once per executor.

    It yields one mapping, whose entries become attributes of `ctx.state`, and goes on behind the `yield` when the
    executor stops.
    """
    if not inspect.isasyncgenfunction(opener):
        raise Misconfigured(f"@lifespan {opener.__name__} must be an async function with one yield")
    LIFESPANS.append(opener)
    return opener


def load(modules: list[str]) -> dict[str, TaskType]:
    """Import modules and return every task registered so far, by name; raises Misconfigured naming the module."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Misconfigured:
            raise
        except (Exception, SystemExit) as wrong:
            raise Misconfigured(f"cannot load tasks from {module}: {type(wrong).__name__}: {wrong}") from wrong
    return TASKS


def _effects(name: str, effects: str | None) -> Effects:
    words = ", ".join(Effects)
    if effects is None:
        raise Misconfigured(f"task {name} must declare its effects: one of {words}")
    try:
        return Effects(effects)
    except ValueError:
        raise Misconfigured(f"task {name}: effects {effects!r} is not one of {words}") from None


def _types(name: str, handler: Handler) -> tuple[Any, Any]:
    parameters = list(inspect.signature(handler).parameters.values())
    if len(parameters) != 2 or any(p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters):
        raise Misconfigured(f"task {name}: the handler takes exactly (ctx, payload)")
    try:
        hints = get_type_hints(handler, include_extras=True)
    except NameError as unknown:
        raise Misconfigured(f"task {name}: an annotation cannot be resolved: {unknown}") from None
    return hints.get(parameters[1].name, Any), hints.get("return", Any)


def _timeout(name: str, timeout: str | float | None, effects: Effects) -> float:
    if timeout is None:
        return TRANSACTIONAL_TIMEOUT_SECONDS if effects is Effects.TRANSACTIONAL else DEFAULT_TIMEOUT_SECONDS
    return _seconds(name, "timeout", timeout)


def _seconds(name: str, what: str, said: str | float) -> float:
    if isinstance(said, str):
        parsed = _DURATION.fullmatch(said)
        seconds = float(parsed[1]) * _UNITS[parsed[2]] if parsed else 0.0
    else:
        seconds = float(said)
    if not 0 < seconds < 366 * 86_400:
        raise Misconfigured(f"task {name}: {what} {said!r} is neither seconds nor text like '30s', '5m', '2h'")
    return seconds


def _check(added: TaskType) -> None:
    if not NAME.fullmatch(added.name):
        raise Misconfigured(f"task name {added.name!r}: letters, digits, '.', '_' and '-', at most 200")
    present = TASKS.get(added.name)
    if present is not None and present.handler.__module__ != added.handler.__module__:
        raise Misconfigured(
            f"task {added.name} is registered twice: in {present.handler.__module__} and {added.handler.__module__}"
        )
    if added.retry.max_attempts < 1:
        raise Misconfigured(f"task {added.name}: max_attempts must be at least 1")
    if added.effects is Effects.TRANSACTIONAL and (not added.is_async or added.isolation == "process"):
        raise Misconfigured(f"task {added.name}: a transactional task is async and runs in the executor")
    if added.effects is Effects.QUERYABLE and added.reconcile is None:
        raise Misconfigured(f"task {added.name}: effects='queryable' needs reconcile=..., which asks what happened")
    if added.key_window_seconds is not None and added.effects not in (Effects.KEYED, Effects.UNSAFE):
        raise Misconfigured(f"task {added.name}: key_window is for effects='keyed' and 'unsafe' alone")
    if inspect.isgeneratorfunction(added.handler) or inspect.isasyncgenfunction(added.handler):
        raise Misconfigured(f"task {added.name}: the handler returns its result, it does not yield")
    if added.isolation not in ("shared", "process"):
        raise Misconfigured(f"task {added.name}: isolation is 'shared' or 'process'")
    added.payload_schema()
