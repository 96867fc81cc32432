"""Definitions of workflows for tests, and those that are wrong with what is said about them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Json = dict[str, Any]


def step(name: str, *needs: str, **said: Any) -> Json:
    """A step; a job of the task `t` when nothing else is said."""
    kinds = {"task", "wait_for_signal", "sleep", "child", "fail"}
    kind = {} if kinds & said.keys() else {"task": "t"}
    return {"name": name, **({"needs": list(needs)} if needs else {}), **kind, **said}


def workflow(*steps: Any, **head: Any) -> Json:
    """A workflow called `w` of these steps."""
    return {"name": "w", "steps": list(steps), **head}


def reading(expression: str, **said: Any) -> Json:
    """A workflow whose second step `b` reads an expression; it needs the step `a`."""
    return workflow(step("a"), step("b", "a", input=f"${{{expression}}}", **said))


CLAIMS: Json = {
    "name": "claims.settle",
    "description": "From a file of claims to money.",
    "input_schema": {"type": "object", "required": ["file"], "properties": {"limit": {"minimum": Decimal("0.5")}}},
    "deadline_seconds": 86400,
    "key": "${input.policy}",
    "key_policy": "refuse",
    "compensate": "on_request",
    "output": {"paid": "${steps.pay.result.id}"},
    "steps": [
        {"name": "parse", "task": "claims.parse", "input": {"file": "${input.file}"}, "queue": "files", "priority": -1}
        | {"max_attempts": 3, "timeout_seconds": 60, "effects": "pure", "task_version": "2"},
        {"name": "validate", "needs": ["parse"], "task": "claims.validate", "description": "each row"}
        | {"map": {"items_of": "parse", "batch_size": 500, "concurrency": 50, "tolerated_percent": Decimal("2.5")}},
        {"name": "approve", "needs": ["validate"]}
        | {
            "wait_for_signal": {
                "signal": "approval",
                "schema": {"type": "object", "required": ["approved"]},
                "timeout_seconds": 3600,
                "default": {"approved": False},
            }
        },
        {"name": "refused", "needs": ["approve"], "when": "!steps.approve.result.approved"}
        | {"fail": {"reason": "the claim was refused"}},
        {"name": "pay", "needs": ["approve"], "when": "steps.approve.result.approved", "task": "claims.pay"}
        | {"input": {"sum": "${steps.parse.result.total}"}, "effects": "keyed", "on_failure": "skip"}
        | {"compensate_with": {"task": "claims.refund", "input": {"receipt": "${step.result.id}"}, "max_attempts": 9}},
        {"name": "rest", "needs": ["pay"], "sleep": {"seconds": "${steps.pay.result.days * 86400}"}},
        {"name": "morning", "needs": ["rest"], "sleep": {"until": "2026-12-01T00:00:00Z"}, "join": "any"},
        {"name": "archive", "needs": ["morning"], "child": {"workflow": "archive", "version": 3}, "input": {}}
        | {"join": "always", "on_failure": "continue"},
        {"name": "mail", "task": "mail.send", "map": {"items": ["${input.to}", "b@example.org"]}}
        | {"input": {"to": "${item}", "place": "${position}", "run": "${run.id}"}},
    ],
}
