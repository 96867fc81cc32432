"""The command line from outside: what it loads, what it answers, which tasks a worker has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from easyflow.cli.tasks import BUILT_IN, modules, queues_of
from easyflow.errors import Misconfigured
from easyflow.settings import Settings
from tests.support.command_line import call

LOADED = """
import sys
sys.argv = ["easyflow", "--help"]
from easyflow.cli.main import run
try:
    run()
finally:
    heavy = ("alembic", "asyncpg", "fastapi", "pydantic", "rich", "sqlalchemy", "structlog", "uvicorn")
    print("heavy:", [name for name in heavy if name in sys.modules])
"""

GROUPS = {
    "jobs": ["list", "show", "cancel", "run-now"],
    "dlq": ["list", "show", "replay", "discard"],
    "queues": ["list", "set", "pause", "resume"],
    "workflow": ["validate", "show", "diff", "graph", "schema"],
    "demo": ["mainframe"],
}


def test_help_loads_nothing_heavy() -> None:
    shown = subprocess.run([sys.executable, "-c", LOADED], check=False, capture_output=True, text=True)
    assert shown.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("group", GROUPS)
async def test_a_group_alone_shows_its_commands_and_is_a_wrong_call(group: str) -> None:
    shown = await call(group)
    assert (shown.code, shown.out) == (2, "")
    assert [name for name in GROUPS[group] if f"\n  {name} " not in shown.err] == []


async def test_a_wrong_call_is_one_sentence() -> None:
    wrong = await call("jobs", "--colour")
    assert wrong.code == 2
    assert wrong.err == "EasyFlow: No such option: --colour (`easyflow jobs --help` tells more)\n"


def test_a_worker_has_the_built_in_tasks_those_of_the_setting_and_those_named() -> None:
    known = Settings(tasks="shop.tasks, bank.tasks")
    assert modules(known, "bank.tasks,more.tasks") == [*BUILT_IN, "shop.tasks", "bank.tasks", "more.tasks"]
    assert modules(Settings(tasks=""), None) == list(BUILT_IN)


def test_a_worker_serves_the_queues_of_its_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.py").write_text(
        'from easyflow import task\n\n\n@task("shop.pack", effects="pure", queue="parcels")\n'
        "def pack(ctx, payload: int) -> None:\n    ...\n"
    )
    monkeypatch.chdir(tmp_path)
    assert queues_of([*BUILT_IN, "shop"]) == ["default", "mainframe", "parcels"]
    assert "shop" not in sys.modules


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("raise ValueError('no bank today')", "cannot load tasks from shop: ValueError: no bank today"),
        ("import os\nos._exit(3)", "the tasks cannot be loaded"),
        ("from easyflow import task\n@task('a')\ndef a(ctx, payload): ...", "task a must declare its effects"),
    ],
)
def test_tasks_that_cannot_be_loaded_are_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    (tmp_path / "shop.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match=says):
        queues_of(["shop"])
