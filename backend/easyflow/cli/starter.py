"""The files that `easyflow init` writes."""

from __future__ import annotations

_PACKAGE = '''"""The tasks of {name}."""
'''

_TASKS = '''"""Tasks: each has a name, a checked payload, and a word on its effects."""

from __future__ import annotations

from pydantic import BaseModel, Field

from easyflow import Context, task


class Greeting(BaseModel):
    """Whom to greet."""

    name: str = Field(min_length=1, max_length=100)


@task("{name}.greet", effects="pure")
async def greet(ctx: Context, payload: Greeting) -> str:
    """Greet somebody by name."""
    return f"Hello, {{payload.name}}!"
'''

_TESTS = '''"""The tasks, run in this process as a worker would run them; no database is needed."""

from __future__ import annotations

import pytest

from easyflow.errors import Invalid
from easyflow.testing import run_task
from {name}.tasks import greet


def test_somebody_is_greeted_by_name() -> None:
    assert run_task(greet, {{"name": "Ada"}}) == "Hello, Ada!"


def test_nobody_cannot_be_greeted() -> None:
    with pytest.raises(Invalid):
        run_task("{name}.greet", {{"name": ""}})
'''

_README = """# {name}

Tasks for EasyFlow: `{name}/tasks.py` holds one, `tests/test_tasks.py` tries it.
Run all commands in this folder; what is in it can be imported.

## Try the task

    pip install pytest
    python -m pytest

No database is needed.

## Run it

EasyFlow keeps jobs in PostgreSQL 15 or newer:

    export EASYFLOW_DATABASE_URL=postgresql://user:password@localhost:5432/name
    easyflow migrate

Then start, each in a terminal of its own with the same variable:

    easyflow worker --tasks {name}.tasks
    easyflow api          # http://localhost:3030
    easyflow dashboard    # http://localhost:3000

And submit a job, from the command line or from Python:

    easyflow submit {name}.greet '{{"name": "Ada"}}' --wait

    from easyflow import Client

    with Client() as client:
        job = client.submit("{name}.greet", {{"name": "Ada"}})
        print(client.wait(job.id, timeout=30).result)

## Without a database of your own

With its extra `local`, as in `pip install './easyflow-0.1.0-py3-none-any.whl[local]'`, one command starts all of this
over a private PostgreSQL in `.easyflow/`, which belongs into your `.gitignore`:

    EASYFLOW_TASKS={name}.tasks easyflow dev
"""


def files_of(name: str) -> dict[str, str]:
    """Return the files of a new project whose package is `name`: path -> text."""
    texts = {
        f"{name}/__init__.py": _PACKAGE,
        f"{name}/tasks.py": _TASKS,
        "tests/test_tasks.py": _TESTS,
        "README.md": _README,
    }
    return {path: text.format(name=name) for path, text in texts.items()}
