"""Every statement of the storage keeps its contract, and the rules that hold for all of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from easyflow.domain.transitions import TRANSITIONS
from easyflow.storage.sql import QUERIES, Statement, statement
from tests.support.project import ROOT

PACKAGE = ROOT / "backend" / "easyflow"
NAMES = sorted(path.stem for path in QUERIES.glob("*.sql"))

# These lock one row by its whole key, so there is no order to keep.
LOCK_ONE_ROW = {
    "lock_dead_letter": "where job_id = :job_id",
    "lock_doubt": "where job_id = :job_id",
    "lock_free_schedule": "where name = :name",
    "lock_queue": "where name = :queue",
    "lock_queue_at_once": "where name = :queue",
    "lock_schedule": "where name = :name",
    "request_cancel": "where job_id = :job_id",
    "lock_release": "where only_row",
}

# These compare the surroundings with the true time, which a test must not be able to stop.
TRUE_TIME = {"find_old_transactions", "read_server", "read_upkeep"}

# Joined, even laterally, the view is flattened into a hash join of everything, unless a limit keeps it apart.
ONE_JOB_AT_A_TIME = re.compile(
    r"(?: as \w+)?\s+where (?:\w+\.)?job_id = (?::\w+|any \(:\w+\)|\w+\.job_id limit 1)", re.IGNORECASE
)

OTHER_CLOCKS = re.compile(
    r"\bnow\s*\(|\b(?:clock|statement|transaction)_timestamp\b|\bcurrent_(?:timestamp|date|time)\b|\blocaltime|\btimeofday"
)
BEGINS_SQL = re.compile(
    r"^\s*(?:with \w+ as|select\b.*\bfrom|insert into|update \w|delete from|(?:create|alter|drop|lock) table)",
    re.IGNORECASE | re.DOTALL,
)


def source(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text()


def words(name: str) -> str:
    """A statement without comments and without what stands in quotes."""
    return re.sub(r"'[^']*'", "''", re.sub(r"--[^\n]*", "", source(name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_says_what_it_does_takes_and_returns(name: str) -> None:
    read = statement(name)
    assert read.purpose.endswith((".", ";"))
    assert {"takes", "returns"} <= set(read.labels)


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_file_holds_one_statement_in_lowercase(name: str) -> None:
    assert ";" not in words(name)
    assert words(name) == words(name).lower()


@pytest.mark.parametrize("name", sorted(set(NAMES) - TRUE_TIME))
def test_a_statement_reads_no_clock_but_easyflows(name: str) -> None:
    assert OTHER_CLOCKS.findall(words(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_that_locks_several_rows_says_in_which_order(name: str) -> None:
    text = words(name)
    for lock in re.finditer(r"for (?:no key )?update|for share", text):
        select = text[text.rindex("select", 0, lock.start()) : lock.start()]
        assert "order by" in select or LOCK_ONE_ROW[name] in select


@pytest.mark.parametrize("name", NAMES)
def test_every_move_of_a_statement_is_a_legal_transition(name: str) -> None:
    assert all(move in TRANSITIONS for move in statement(name).moves)


def test_every_transition_is_made_by_a_statement() -> None:
    made = {move for name in NAMES for move in statement(name).moves}
    assert [move for move in TRANSITIONS if move not in made] == []


def test_every_statement_is_used() -> None:
    code = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    assert [name for name in NAMES if f'statement("{name}")' not in code] == []


def test_only_files_hold_statements_that_are_put_together() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in composed_sql(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'f"select * from {table}"',
        '"delete from {}".format(table)',
        '"insert into %s values (1)" % table',
        '"with x as (select 1) select * from " + table',
    ],
)
def test_sql_put_together_in_python_is_caught(code: str) -> None:
    assert list(composed_sql(ast.parse(code))) == [1]


def test_a_row_of_ready_and_parked_is_never_updated() -> None:
    texts = [words(name) for name in NAMES] + [path.read_text() for path in (ROOT / "alembic").rglob("*.sql")]
    assert [text for text in texts if re.search(r"update\s+(?:only\s+)?easyflow\.(?:ready|parked)\b", text)] == []


def test_the_view_over_all_places_is_read_for_given_jobs_and_never_joined() -> None:
    for name in NAMES:
        for use in re.split(r"easyflow\.job_states\b", words(name))[1:]:
            assert ONE_JOB_AT_A_TIME.match(use), name


@pytest.mark.parametrize(
    ("contract", "body"),
    [
        ("-- takes: id uuid, other text", "select :id"),
        ("-- takes: id uuid", "select :id, :other"),
        ("-- takes: nothing", "select :id"),
    ],
)
def test_a_contract_that_does_not_name_exactly_the_parameters_is_refused(contract: str, body: str) -> None:
    with pytest.raises(ValueError, match="takes"):
        Statement("planted", f"-- Do something.\n{contract}\n-- returns: nothing\n{body}")


@pytest.mark.parametrize("moves", ["T6 READY -> SUCCEEDED", "T99 READY -> RUNNING", "READY -> RUNNING"])
def test_a_move_that_is_no_transition_is_refused(moves: str) -> None:
    planted = Statement("planted", f"-- Do.\n-- moves: {moves}\n-- takes: nothing\n-- returns: nothing\nselect 1")
    with pytest.raises(ValueError, match="no transition"):
        assert planted.moves


def test_parameters_are_numbered_as_taken_and_carry_their_type() -> None:
    read = Statement(
        "planted",
        "-- Do.\n-- takes: ids uuid[], at timestamptz,\n--        name text\n-- returns: nothing\n"
        "select :name, :at, :ids, x::text, :name",
    )
    assert read.text == "-- planted\nselect $3::text, $2::timestamptz, $1::uuid[], x::text, $3::text"
    assert list(read.arguments({"name": "n", "ids": [], "at": None})) == [[], None, "n"]


def test_a_missing_or_strange_argument_is_refused() -> None:
    read = Statement("planted", "-- Do.\n-- takes: a text, b text\n-- returns: nothing\nselect :a, :b")
    with pytest.raises(TypeError, match="planted"):
        read.arguments({"a": "1"})
    with pytest.raises(KeyError):
        read.arguments({"a": "1", "c": "2"})


def composed_sql(tree: ast.Module) -> Iterator[int]:
    """Lines where a string that begins like SQL is formatted or joined."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(first)), *rest]) if rest:
                text = first
            case ast.BinOp(left=ast.Constant(value=str(first)), op=ast.Mod() | ast.Add()):
                text = first
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(first)), attr="format")):
                text = first
            case _:
                continue
        if BEGINS_SQL.search(text):
            yield node.lineno


def test_the_package_is_where_the_statements_are() -> None:
    assert (PACKAGE / "storage" / "queries").samefile(QUERIES)
    assert len(NAMES) > 40
