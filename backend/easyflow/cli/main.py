"""`easyflow`: finds the module of a command by its name and imports it only when that command runs."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from easyflow.cli.output import complain, sentence_of
from easyflow.errors import EasyFlowError

# name -> (module with a Typer called `app`, one line of help): `--help` must not import the rest of the program.
COMMANDS = {
    "init": ("easyflow.cli.init", "Write a small project: one task, one test."),
    "dev": ("easyflow.cli.dev", "Start PostgreSQL, API, worker and dashboard in this folder."),
    "migrate": ("easyflow.cli.migrate", "Bring the database to this release's schema."),
    "api": ("easyflow.cli.api", "Serve the HTTP API."),
    "dashboard": ("easyflow.cli.dashboard", "Serve the dashboard."),
    "worker": ("easyflow.cli.worker", "Run jobs."),
    "submit": ("easyflow.cli.submit", "Submit a job, and wait for its result if asked."),
    "jobs": ("easyflow.cli.jobs", "List jobs, show one, cancel it, run it now, settle one in doubt."),
    "dlq": ("easyflow.cli.dlq", "Dead letters: list, show, replay, discard."),
    "queues": ("easyflow.cli.queues", "List queues, set their limits, pause and resume them."),
    "workflow": ("easyflow.cli.workflow", "Definitions of workflows: validate, show, diff, graph, register."),
    "runs": ("easyflow.cli.runs", "Runs of workflows: start, list, show, watch, cancel, pause, resume, signal."),
    "schedules": ("easyflow.cli.schedules", "Start workflows by the clock: create, list, preview, pause, backfill."),
    "workers": ("easyflow.cli.workers", "List workers."),
    "timeline": ("easyflow.cli.timeline", "Did the database go back in time? Show it, and release unsafe jobs."),
    "check": ("easyflow.cli.check", "Is the data right?"),
    "doctor": ("easyflow.cli.doctor", "Are the surroundings right?"),
    "demo": ("easyflow.cli.demo", "Real work to look at: a card company's nightly posting run."),
}


class LazyCommands(TyperGroup):
    """Shows every command of COMMANDS, imports the one that is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {name: TyperCommand(name=name, help=text) for name, (_, text) in COMMANDS.items()}

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command and exit: 0 done, 1 refused or a negative answer, 2 when it was called wrongly.

        What stands against it is one sentence on standard error.
        """
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except EasyFlowError as refused:
            complain(sentence_of(refused))
            sys.exit(1)
        except typer.TyperException as wrong:
            _explain(wrong)
            sys.exit(wrong.exit_code)
        except typer.Abort:
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replace the stub that `--help` shows by the real command."""
        name, stub, rest = super().resolve_command(ctx, args)
        if name not in COMMANDS:
            return name, stub, rest
        command = typer.main.get_command(importlib.import_module(COMMANDS[name][0]).app)
        command.name = name
        return name, command, rest


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def easyflow() -> None:
    """The workflow engine for work that must not happen twice."""


def run() -> None:
    """Run the command line."""
    try:
        app(prog_name="easyflow")
    except KeyboardInterrupt:
        sys.exit(130)


def _explain(wrong: typer.TyperException) -> None:
    message = wrong.format_message()
    if message.startswith("Missing"):  # a choice is told with a line for each of its words
        message = " ".join(message.split())
    if "\n" in message:  # a group without a command answers with its whole help
        print(message, file=sys.stderr)
        return
    context = getattr(wrong, "ctx", None)
    hint = f" (`{context.command_path} --help` tells more)" if context else ""
    complain(f"{message.rstrip('.')}{hint}")


if __name__ == "__main__":
    run()
