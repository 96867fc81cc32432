"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from easyflow.cli.main import COMMANDS
from tests.support.command_line import call

HELP = """
import sys
sys.argv = ["easyflow", "--help"]
from easyflow.cli.main import COMMANDS, run
try:
    run()
finally:
    loaded = [module for module, _ in COMMANDS.values() if module in sys.modules]
    print("loaded:", loaded, [name for name in ("asyncpg", "fastapi", "pydantic", "sqlalchemy") if name in sys.modules])
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """One call of the interpreter, as from a shell."""
    return subprocess.run([sys.executable, *command], check=False, capture_output=True, text=True)


def test_help_names_every_command_and_imports_none() -> None:
    shown = run("-c", HELP)
    assert [name for name in COMMANDS if f" {name} " not in shown.stdout] == []
    assert shown.stdout.splitlines()[-1] == "loaded: [] []"


@pytest.mark.parametrize("name", COMMANDS)
async def test_every_command_explains_itself(name: str) -> None:
    shown = await call(name, "--help")
    assert shown.code == 0, shown.err
    assert f"easyflow {name} " in shown.out


def test_a_misspelt_command_is_guessed() -> None:
    refused = run("-m", "easyflow.cli.main", "dve")
    assert refused.returncode == 2
    assert "Did you mean 'dev'?" in refused.stderr
