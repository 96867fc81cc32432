"""BRANCH_AWARE_CI_CD.md tells what CI really does: its tables are the plan, its jobs are targets of the Makefile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from scripts.ci_plan import JOBS, RULES, changed_paths, is_release, plan
from tests.support.documents import table
from tests.support.project import ROOT, project_files
from tests.support.shown_commands import made_by

TEXT = (ROOT / "BRANCH_AWARE_CI_CD.md").read_text()
PATHS = table(TEXT, "changed path", "jobs", "required", "deploys", "the same locally, first")
BRANCHES = table(TEXT, "branch", "jobs", "deploys")
WORKFLOW: dict[str, Any] = YAML(typ="safe").load(ROOT / ".github/workflows/ci.yml")
ANY = "a-change"


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def jobs(cell: str) -> list[str]:
    return list(JOBS) if cell == "all" else named(cell)


def runs(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[-1] == "make check"
    assert [line for line in script if line.startswith("make ")] == ["make check"]
    assert "$ make check\n" in (ROOT / "README.md").read_text()


def test_the_jobs_of_the_plan_are_what_check_needs() -> None:
    assert list(JOBS) == made_by(ROOT, "check")
    assert [named(row[0])[0] for row in table(TEXT, "job", "what it does")] == list(JOBS)


def test_every_job_of_the_workflow_runs_exactly_one_target_and_the_plan_decides_about_it() -> None:
    assert list(WORKFLOW["jobs"]) == ["plan", *JOBS]
    for name in JOBS:
        job = WORKFLOW["jobs"][name]
        assert runs(job) == [".ci/install-packages", f"make {name}"]
        assert job["needs"] == "plan"
        assert job["if"] == f"contains(fromJSON(needs.plan.outputs.jobs), '{name}')"
    (planning,) = runs(WORKFLOW["jobs"]["plan"])
    assert re.findall(r"\bmake .*?([a-z-]+)\b >>", planning) == ["ci-plan"]


def test_the_workflow_may_only_read_and_takes_actions_by_their_content() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    assert "secrets." not in text
    assert [job for job in WORKFLOW["jobs"].values() if "permissions" in job] == []
    used = re.findall(r"uses: (\S+)", text)
    assert len(used) == len(WORKFLOW["jobs"])
    assert all(re.fullmatch(r"actions/checkout@[0-9a-f]{40}", action) for action in used)


@pytest.mark.parametrize("row", PATHS, ids=lambda row: row[0])
def test_every_row_of_paths_is_the_plan(row: list[str]) -> None:
    paths, wanted, required, deploys, locally = row
    for path in named(paths):
        assert plan(ANY, [f"{path}x" if path.endswith("/") else path]) == jobs(wanted), path
    assert (required, deploys, len(named(locally))) == ("yes", "nothing", 1)


@pytest.mark.parametrize("row", BRANCHES, ids=lambda row: row[0])
def test_every_row_of_branches_is_the_plan(row: list[str]) -> None:
    branch, wanted, _ = row
    docs_only = plan(named(branch)[0] if named(branch) else ANY, ["README.md"])
    assert docs_only == (list(JOBS) if wanted == "all" else plan(ANY, ["README.md"]))


def test_every_rule_has_a_row() -> None:
    assert set(RULES) <= {path for row in PATHS for path in named(row[0])}


def test_every_file_of_the_project_is_below_a_path_of_the_table() -> None:
    paths = tuple(path for row in PATHS for path in named(row[0]))
    assert [file for file in map(str, project_files(ROOT)) if not file.startswith(paths)] == []


def test_a_change_needs_what_each_of_its_paths_needs() -> None:
    assert plan(ANY, ["README.md", "bench/drain.py"]) == ["lint", "types", "test"]
    assert plan(ANY, ["backend/Dockerfile"]) == ["lint", "test"]
    assert plan(ANY, ["backend/Dockerfiles"]) == plan(ANY, ["backend/easyflow/errors.py"])


@pytest.mark.parametrize("branch", ["main", "v1.2.3"])
def test_what_is_merged_and_what_is_released_passes_everything(branch: str) -> None:
    assert plan(branch, ["README.md"]) == list(JOBS)


@pytest.mark.parametrize("paths", [[], ["of/no/rule"], ["README.md", "of/no/rule"]])
def test_when_in_doubt_everything_runs(paths: list[str]) -> None:
    assert plan(ANY, paths) == list(JOBS)


def test_a_release_is_a_v_and_a_version() -> None:
    assert [name for name in ("v1", "v1.2.3", "v", "verify", "1.2.3", "main") if is_release(name)] == ["v1", "v1.2.3"]


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, timeout=20)


def test_the_paths_of_a_change_are_those_since_it_parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--initial-branch", "main")
    (tmp_path / "old.md").write_text("x\n" * 20)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message", "one")
    git(tmp_path, "switch", "--create", ANY)
    git(tmp_path, "mv", "old.md", "new.md")
    git(tmp_path, "commit", "--message", "two")
    monkeypatch.chdir(tmp_path)
    assert changed_paths("main") == ["new.md", "old.md"]
    assert (changed_paths("gone"), changed_paths("")) == ([], [])


def test_the_plan_needs_nothing_but_python() -> None:
    command = [sys.executable, "-I", "-S", str(ROOT / "scripts/ci_plan.py")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20, env={"BRANCH": "main"})
    assert done.stdout == f"jobs={json.dumps(JOBS)}\n"
