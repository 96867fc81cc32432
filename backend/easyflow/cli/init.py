"""`easyflow init`: a small project to begin with."""

from __future__ import annotations

import keyword
import sys
from pathlib import Path
from typing import Annotated

import typer

from easyflow.cli.output import program
from easyflow.cli.starter import files_of
from easyflow.errors import Conflict

app = typer.Typer(rich_markup_mode=None, add_completion=False)

TAKEN = frozenset({"easyflow", "tests", "test", "site", *sys.stdlib_module_names})


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the Python package that holds the tasks.", show_default=False)],
    folder: Annotated[Path, typer.Option(help="Where to write; made if it is missing. Default: here.")] = Path(),
) -> None:
    """Write a package with one task, a test for it, and a README with the commands to run them.

    Nothing is overwritten: if one of the files is there already, none is written.
    """
    if not name.isascii() or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise typer.BadParameter(f"{name!r} cannot name a package: letters, digits and _, beginning with a letter")
    if name in TAKEN:
        raise typer.BadParameter(f"{name!r} would hide another package of that name; choose another name")
    write(folder, files_of(name))
    _tell(name, folder)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write `files` below `folder`, all or, if one is there already, none; raises Conflict naming it."""
    present = [path for path in files if (folder / path).exists() or (folder / path).is_symlink()]
    if present:
        raise Conflict(f"{folder / present[0]} is there already; nothing was written: choose another --folder or name")
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as wrong:
        raise Conflict(f"{wrong.filename or folder} cannot be written: {wrong.strerror}") from None


def _tell(name: str, folder: Path) -> None:
    easyflow = program()
    entered = "" if folder.resolve() == Path.cwd().resolve() else f"  cd {folder}\n"
    print(
        f"""Wrote the package {name} with one task, a test for it, and README.md.

Next:
{entered}  python -m pytest                                   # try the task; needs no database
  export EASYFLOW_DATABASE_URL=postgresql://user:password@localhost:5432/name
  {easyflow} migrate
  {easyflow} worker --tasks {name}.tasks
and, from another terminal with the same variable:
  {easyflow} submit {name}.greet '{{"name": "Ada"}}' --wait

README.md tells the rest."""
    )
