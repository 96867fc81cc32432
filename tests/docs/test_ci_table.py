"""BRANCH_AWARE_CI_CD.md tells what CI really does."""

from __future__ import annotations

import re

from tests.support.documents import table
from tests.support.project import ROOT, project_files
from tests.support.shown_commands import make_targets

TEXT = (ROOT / "BRANCH_AWARE_CI_CD.md").read_text()
PATHS = table(TEXT, "changed path", "checked by", "required", "the same locally, first")

# What a change of it can break, nobody needs to check.
LEFT_OUT = {".editorconfig", ".gitignore", ".pre-commit-config.yaml", "LICENSE"}


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[-1] == "make check"
    assert [line for line in script if line.startswith("make ")] == ["make check"]
    assert "$ make check\n" in (ROOT / "README.md").read_text()


def test_the_targets_of_the_table_are_those_that_check_needs() -> None:
    rows = [named(row[0])[0] for row in table(TEXT, "target", "what it does")]
    assert rows == make_targets(ROOT)["check"]


def test_every_path_is_checked_by_targets_of_check() -> None:
    needed = make_targets(ROOT)["check"]
    for path, targets, required, locally in PATHS:
        assert set(named(targets)) <= set(needed), path
        assert named(targets) or targets == "all targets", path
        assert (required, len(named(locally))) == ("yes", 1), path


def test_every_file_of_the_project_is_below_a_path_of_the_table() -> None:
    paths = tuple(path for row in PATHS for path in named(row[0]))
    files = [str(path) for path in project_files(ROOT)]
    assert [file for file in files if not file.startswith(paths) and file not in LEFT_OUT] == []


def test_every_branch_runs_the_same() -> None:
    rows = table(TEXT, "branch", "what runs", "deploys")
    assert [row[1:] for row in rows] == [["`make check`", "nothing"]] * len(rows)
    assert "branch" not in (ROOT / ".ci" / "run").read_text()
