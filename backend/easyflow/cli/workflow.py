"""`easyflow workflow`: read definitions and tell what is in them, without a database; and register them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from easyflow.cli.connection import actor, known_settings, lending, with_database
from easyflow.cli.options import Json, command_app
from easyflow.cli.output import complain, print_facts, print_json, print_table, raw
from easyflow.cli.tasks import modules, workflows_of
from easyflow.cli.workflow_preflight import tell_preflight
from easyflow.domain import document
from easyflow.domain.workflow import graph as graphs
from easyflow.domain.workflow import schema as schemas
from easyflow.domain.workflow.definition import Definition, Step
from easyflow.domain.workflow.difference import Change, compare
from easyflow.domain.workflow.reading import MOST_BYTES, read
from easyflow.errors import Invalid, Missing
from easyflow.settings import Settings, settings
from easyflow.storage.notifications import notify_changed
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import Version
from easyflow.submission.workflows import register_workflow

app = command_app()

Which = Annotated[
    str,
    typer.Argument(
        metavar="FILE|-|NAME", help="A JSON file; - reads stdin; or a Workflow of the task modules.", show_default=False
    ),
]
Tasks = Annotated[str | None, typer.Option(help="Modules with workflows, separated by commas; beside EASYFLOW_TASKS.")]


@app.callback()
def group() -> None:
    """Read definitions of workflows and tell what is in them, without a database; and register them."""


@app.command()
def validate(which: Which, tasks: Tasks = None, as_json: Json = False) -> None:
    """Say everything that is wrong with a definition.

    The exit code is 0 when nothing is, else 1. Whether its tasks exist is looked at when it is registered.
    """
    found = _document(which, tasks)
    try:
        definition = read(found)
    except Invalid as wrong:
        if as_json:
            print_json({"valid": False, "digest": None, "problems": wrong.problems})
        else:
            for problem in wrong.problems:
                print(f"{problem['at']}: {problem['message']}")
            many = "one problem" if len(wrong.problems) == 1 else f"{len(wrong.problems)} problems"
            complain(f"{_name_of(found, which)} has {many}; nothing else stands against it")
        raise typer.Exit(1) from None
    if as_json:
        print_json({"valid": True, "digest": definition.digest.hex(), "problems": []})
    else:
        print(f"{definition.name} is a workflow of {_count(definition)}; nothing is wrong with it")


@app.command()
def show(which: Which, tasks: Tasks = None, as_json: Json = False) -> None:
    """Show a definition step by step, each behind those it needs."""
    definition = read(_document(which, tasks))
    if as_json:
        print_json({"digest": definition.digest.hex(), "definition": raw(document.dumps(definition.document))})
        return
    print_facts(
        {
            "name": definition.name,
            "description": definition.description,
            "digest": definition.digest.hex(),
            "key": None if definition.key is None else f"{definition.key.source} ({definition.key_policy})",
            "deadline": None if definition.deadline_seconds is None else f"{definition.deadline_seconds:g} s",
            "compensates": _compensates(definition),
        }
    )
    print()
    columns = ("step", "does", "needs", "when", "on failure", "taken back by")
    print_table(columns, [_row(step) for step in graphs.order(definition)], empty="")


@app.command()
def diff(
    old: Which,
    new: Which,
    tasks: Tasks = None,
    as_json: Json = False,
) -> None:
    """Show what changed from one definition to another; the exit code is 0 whether anything did or not."""
    difference = compare(read(_document(old, tasks)), read(_document(new, tasks)))
    if as_json:
        print_json({"changes": [_change_of(change) for change in difference.changes]})
        return
    for line in difference.lines() or ["nothing changed"]:
        print(line)


@app.command()
def graph(which: Which, tasks: Tasks = None) -> None:
    """Print the graph as Mermaid text, which many editors and pages draw."""
    print(graphs.mermaid(read(_document(which, tasks))))


@app.command()
def schema() -> None:
    """Print the JSON Schema of definitions: give it to an editor, and it helps to write one."""
    print(schemas.published(), end="")


@app.command()
def register(which: Which, tasks: Tasks = None, as_json: Json = False) -> None:
    """Keep a definition as the next version of its workflow; what is known already keeps its version.

    Its tasks must have been announced by a worker.
    """
    known_settings()  # names the database before the task modules are looked for, for which settings are read
    found = _document(which, tasks)

    async def work(connection: Connection, known: Settings) -> Version:
        lend = lending(connection, known)
        version = await register_workflow(lend, found, actor=actor())
        async with lend() as lent:
            await notify_changed(lent, "runs")
        return version

    version = with_database(work)
    if as_json:
        print_json({"name": version.name, "version": version.number, "new": version.new})
    else:
        print(f"{version.name} version {version.number}{'' if version.new else ', registered before'}")


@app.command()
def preflight(which: Which, tasks: Tasks = None, as_json: Json = False) -> None:
    """Say which runs could go on by a definition, and what breaks the others; nothing is registered or changed.

    Looks at every run of the workflow that is under way or failed. The exit code is 0 when nothing breaks, else 1.
    """
    known_settings()
    tell_preflight(read(_document(which, tasks)), as_json=as_json)


def _document(which: str, tasks: str | None) -> Any:
    """Find a definition and return its JSON; raises Missing, Malformed or BadParameter."""
    if which != "-" and not Path(which).is_file():
        return _of_modules(which, tasks)
    try:
        content = sys.stdin.buffer.read() if which == "-" else Path(which).read_bytes()
    except OSError as wrong:
        raise typer.BadParameter(f"{which} cannot be read: {wrong.strerror}") from None
    return document.parse(content, max_bytes=MOST_BYTES, at="stdin" if which == "-" else which)


def _of_modules(name: str, tasks: str | None) -> Any:
    named = modules(settings(), tasks)
    found = workflows_of(named)
    if name in found:
        return found[name]
    there = f"there are {', '.join(sorted(found))}" if found else "they have none; name others with --tasks"
    raise Missing(f"there is no file {name}, and no workflow of that name in the task modules: {there}")


def _row(step: Step) -> tuple[Any, ...]:
    return (
        step.name,
        graphs.describe(step.kind),
        f"{'' if step.join == 'all' else f'{step.join}: '}{', '.join(step.needs)}" if step.needs else None,
        None if step.when is None else step.when.source,
        step.on_failure,
        None if step.compensation is None else step.compensation.task,
    )


def _compensates(definition: Definition) -> str | None:
    if not any(step.compensation for step in definition.steps):
        return None
    return {"on_failure": "on failure", "on_request": "when a person asks"}[definition.compensate]


def _change_of(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "at": change.at,
        "before": raw(document.dumps(change.before)),
        "after": raw(document.dumps(change.after)),
    }


def _count(definition: Definition) -> str:
    return "one step" if len(definition.steps) == 1 else f"{len(definition.steps)} steps"


def _name_of(found: Any, which: str) -> str:
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name else "stdin" if which == "-" else which
