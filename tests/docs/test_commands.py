"""Every command, option and variable that a document shows exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.documents import documents
from tests.support.project import ROOT
from tests.support.shown_commands import faults, make_targets, wrong_commands, wrong_variables

WRONG = {
    "make chekc": "the Makefile has no target chekc",
    "cd x && make gone": "the Makefile has no target gone",
    "./start-dev.sh --port 1": "easyflow dev has no option --port",
    "easyflow gone": "there is no command easyflow gone",
    ".venv/bin/easyflow submit demo.echo --wat": "easyflow submit has no option --wat",
    "easyflow dlq relpay --all": "easyflow dlq has no command relpay",
    "easyflow dlq list --seen-version 1": "easyflow dlq has no option --seen-version",
    "EASYFLOW_TASKS=a easyflow worker \\\n --queue a": "easyflow worker has no option --queue",
    "cd frontend && ../scripts/with-node.sh npm run biuld": "frontend/package.json has no script biuld",
    "npm run gone": "frontend/package.json has no script gone",
    "scripts/setup-backend.sh all": "there is no scripts/setup-backend.sh",
    ".venv/bin/python scripts/gone.py": "there is no scripts/gone.py",
    "J=$(easyflow jobs lits)": "easyflow jobs has no command lits",
}

RIGHT = [
    "make",
    "make check ARGS='-k x'",
    "./start-dev.sh --demo",
    "easyflow --help",
    'easyflow submit demo.echo \'{"message": "--x"}\' --wait 2>&1 || echo $?',
    "easyflow demo mainframe --no-wait",
    "easyflow submit demo.echo -",
    ". .easyflow/environment && .venv/bin/easyflow dlq replay --all --set a=b -y | head -1",
    "cd frontend && ../scripts/with-node.sh npm run generate",
    "scripts/setup-frontend.sh serve|all",
    ".venv/bin/python scripts/openapi.py",
    "curl -sS --gone",
]


@pytest.mark.parametrize("document", documents(ROOT), ids=str)
def test_whatever_a_document_tells_to_run_can_be_run(document: Path) -> None:
    assert wrong_commands(ROOT, document) == []


@pytest.mark.parametrize("document", documents(ROOT), ids=str)
def test_every_variable_a_document_names_is_a_setting(document: Path) -> None:
    assert wrong_variables(ROOT, document) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_is_caught(line: str) -> None:
    assert list(faults(ROOT, line)) == [WRONG[line]]


@pytest.mark.parametrize("line", RIGHT)
def test_a_right_command_is_left_alone(line: str) -> None:
    assert list(faults(ROOT, line)) == []


def test_a_wrong_variable_and_a_wrong_span_are_caught(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("check: lint\n")
    (tmp_path / "README.md").write_text("`make chekc` with `EASYFLOW_GONE`\n")
    assert wrong_variables(tmp_path, Path("README.md")) == ["README.md: EASYFLOW_GONE is no setting"]
    assert len(wrong_commands(tmp_path, Path("README.md"))) == 1


def test_the_targets_of_the_makefile_are_read_with_what_they_need() -> None:
    targets = make_targets(ROOT)
    assert {"setup", "check", "lint", "types", "test", "test-pg15", "bench", "lock", "format", "hooks"} <= set(targets)
    assert targets["lint"] == ["setup"]
    assert "BIN" not in targets
