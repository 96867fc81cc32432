"""Every guard of every statement, found by parsing it: each mutant is the statement with one of them taken out.

Taken out means made void: `condition or true` holds of every row, and still takes the parameters of the contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import sqlglot
from sqlglot import exp

QUERIES = Path("backend/easyflow/storage/queries")
# Statements that move no ticket themselves, and decide with their locks and conditions what does.
GATES = (
    "close_open_effects",
    "count_leases",
    "lock_claims",
    "lock_dead_letter",
    "lock_doubt",
    "lock_keys",
    "lock_lost_leases",
    "lock_queue",
    "read_claims",
    "read_open_effects",
    "retire_executor",
    "retire_expired_executors",
    "take_batch_key",
    "take_keys",
)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_MARK = "parameter__"
LONGEST = 110

Mutate = Callable[[exp.Expr], object]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One guard taken out of one file: what the report calls it, and the file's text without it.

    `whole` is the same text with the guard in it, written by the same hand.
    """

    guard: str
    file: Path
    text: str
    whole: str


def guarded(root: Path) -> list[Path]:
    """Return the files of all statements that move tickets, or gate those that do."""
    files = sorted((root / QUERIES).glob("*.sql"))
    return [file for file in files if "\n-- moves:" in file.read_text() or file.stem in GATES]


def mutants(file: Path) -> Iterator[Mutant]:
    """Yield a statement's mutants in the order of its text; their names are unique and do not depend on lines."""
    header, tree = parse(file)
    seen: dict[str, int] = {}
    for place, node in enumerate(tree.walk()):
        for told, mutate in _ways(node):
            copy = tree.copy()
            mutate(next(islice(copy.walk(), place, None)))
            name = f"{file.stem}: {_short(told)}"
            seen[name] = seen.get(name, 0) + 1
            numbered = f"{name} ({seen[name]})" if seen[name] > 1 else name
            yield Mutant(numbered, file, written(header, copy), written(header, tree))


def parse(file: Path) -> tuple[str, exp.Expr]:
    """Return a statement's contract and its tree; parameters stand in it as names."""
    lines = file.read_text().splitlines()
    end = next(n for n, line in enumerate(lines) if not line.startswith("--"))
    body = _PARAMETER.sub(rf"{_MARK}\1", "\n".join(lines[end:]))
    return "\n".join(lines[:end]), sqlglot.parse_one(body, dialect="postgres")


def written(header: str, tree: exp.Expr) -> str:
    """Return the text of a tree under its contract."""
    return f"{header}\n{_sql(tree)}\n"


def _sql(node: exp.Expr) -> str:
    return re.sub(rf"(?i){_MARK}([a-z_]+)", r":\1", node.sql(dialect="postgres", comments=False))


def _ways(node: exp.Expr) -> Iterator[tuple[str, Mutate]]:
    """Yield what can be taken out at one node, and how."""
    if isinstance(node, exp.And) and not isinstance(node.parent, exp.And):
        for n, part in enumerate(node.flatten()):
            yield _sql(part), partial(_drop_part, n=n)
    elif isinstance(node, exp.Where | exp.Join) and not isinstance(
        condition := _condition(node), exp.And | exp.Boolean
    ):
        if condition is not None:
            yield _sql(condition), _drop_condition
        for n, column in enumerate((node.args.get("using") or ())[1:], 1):
            yield f"using {_sql(column)}", partial(_drop_column, n=n)
    elif isinstance(node, exp.Case) and node.this is None:
        for n, branch in enumerate(node.args["ifs"]):
            if not isinstance(branch.this, exp.And):
                yield f"when {_sql(branch.this)}", partial(_drop_branch, n=n)
    elif isinstance(node, exp.Lock):
        yield "row lock", _drop_lock
        if node.args.get("wait") is False:
            yield "skip locked", lambda found: found.set("wait", None)
    elif isinstance(node, exp.OnConflict):
        yield "on conflict", lambda found: found.pop()
    elif isinstance(node, exp.Limit) and not node.expression.is_int:
        yield f"limit {_sql(node.expression)}", _drop_limit


def _condition(node: exp.Expr) -> exp.Expr | None:
    found: exp.Expr | None = node.this if isinstance(node, exp.Where) else node.args.get("on")
    return found


def _drop_condition(found: exp.Expr) -> None:
    condition = _condition(found)
    assert condition is not None
    condition.replace(_void(condition))


def _drop_part(found: exp.Expr, n: int) -> None:
    part = list(found.flatten())[n]
    part.replace(_void(part))


def _void(condition: exp.Expr) -> exp.Expr:
    return exp.paren(exp.Or(this=exp.paren(condition.copy(), copy=False), expression=exp.true()), copy=False)


def _drop_column(found: exp.Expr, n: int) -> None:
    found.args["using"].pop(n)


def _drop_branch(found: exp.Expr, n: int) -> None:
    when = found.args["ifs"][n].this
    when.replace(exp.And(this=exp.paren(when.copy(), copy=False), expression=exp.false()))


def _drop_limit(found: exp.Expr) -> None:
    limit = found.expression
    found.set("expression", exp.Case(ifs=[exp.If(this=exp.true(), true=exp.null())], default=limit.copy()))


def _drop_lock(found: exp.Expr) -> None:
    assert found.parent is not None
    found.parent.args["locks"].remove(found)


def _short(told: str) -> str:
    """Keep a name readable, and harmless in a table."""
    return told.replace("|", "/") if len(told) <= LONGEST else f"{told[: LONGEST - 4].replace('|', '/')} ..."
