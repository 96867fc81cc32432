"""scripts/setup-frontend.sh, scripts/with-node.sh and start-dev.sh: nothing twice, nothing taken away, one sentence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.project import ROOT

NEW, OLD = "exit 0", "exit 1"
# npm notes how it was called, and leaves what it leaves when it is done.
NPM = 'echo "$*" >>"$(dirname "$0")/calls"; mkdir -p node_modules; touch node_modules/.package-lock.json'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the scripts read, with stand-ins for Node and npm."""
    for name in ("frontend", "scripts", "bin", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / "frontend" / name, tmp_path / "frontend")
    for name in ("setup-frontend.sh", "with-node.sh"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    program(tmp_path / "bin" / "node", NEW)
    program(tmp_path / "bin" / "npm", NPM)
    return tmp_path


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    ours = ["/usr/bin/env", f"PATH={root / 'bin'}:/usr/bin:/bin", str(root / command[0]), *command[1:]]
    return subprocess.run(ours, capture_output=True, text=True, check=False, timeout=30)


def set_up(root: Path, *kind: str) -> subprocess.CompletedProcess[str]:
    return run(root, "scripts/setup-frontend.sh", *kind)


def calls(root: Path) -> list[list[str]]:
    return [line.split() for line in (root / "bin" / "calls").read_text().splitlines()]


def test_what_serves_the_dashboard_is_installed_once(checkout: Path) -> None:
    assert set_up(checkout).stdout == "Installing the packages of frontend/package-lock.json ...\n"
    again = set_up(checkout, "serve")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (call,) = calls(checkout)
    assert call[0] == "ci"
    assert "--omit=dev" in call


def test_a_changed_lock_is_installed_again(checkout: Path) -> None:
    set_up(checkout)
    with (checkout / "frontend" / "package-lock.json").open("a") as lock:
        lock.write("\n")
    set_up(checkout)
    assert len(calls(checkout)) == 2


def test_all_packages_are_more_than_those_that_serve_and_are_never_taken_away(checkout: Path) -> None:
    set_up(checkout)
    set_up(checkout, "all")
    assert set_up(checkout, "serve").stdout == ""
    (checkout / "frontend" / "package-lock.json").write_text("{}")
    set_up(checkout, "serve")
    assert ["--omit=dev" in call for call in calls(checkout)] == [True, False, False]


def test_packages_that_somebody_else_installed_count_as_all(checkout: Path) -> None:
    (checkout / "frontend" / "node_modules").mkdir()
    (checkout / "frontend" / "node_modules" / ".package-lock.json").touch()
    set_up(checkout, "serve")
    assert ["--omit=dev" in call for call in calls(checkout)] == [False]


def test_an_installation_that_fails_ends_in_one_sentence_and_is_tried_again(checkout: Path) -> None:
    program(checkout / "bin" / "npm", "echo no network >&2; exit 1")
    failed = set_up(checkout)
    assert failed.returncode == 1
    assert failed.stderr == (
        "no network\n"
        "EasyFlow: the dashboard's packages could not be installed; ./start-dev.sh --no-frontend does without them.\n"
    )
    program(checkout / "bin" / "npm", NPM)
    assert set_up(checkout).returncode == 0
    assert len(calls(checkout)) == 1


def test_an_unknown_kind_of_packages_is_refused(checkout: Path) -> None:
    refused = set_up(checkout, "dev")
    assert (refused.returncode, refused.stderr) == (1, "EasyFlow: say serve or all, not 'dev'.\n")


@pytest.mark.parametrize("missing", ["an old node", "no npm"])
def test_where_node_is_missing_the_one_of_the_wheel_is_fetched_and_used(checkout: Path, missing: str) -> None:
    program(checkout / "bin" / "node", OLD if missing == "an old node" else NEW)
    if missing == "no npm":
        # Nothing of this system may stand in for it.
        (checkout / "bin" / "npm").unlink()
        for name in ("bash", "dirname", "env"):
            (checkout / "bin" / name).symlink_to(f"/usr/bin/{name}")
    program(checkout / "scripts" / "setup-environment.sh", 'echo "fetched for $*"')
    program(checkout / ".venv" / "bin" / "node", "echo of the wheel")
    done = subprocess.run(
        ["/bin/bash", str(checkout / "scripts" / "with-node.sh"), "node", "--version"],
        env={"PATH": str(checkout / "bin") + ("" if missing == "no npm" else ":/usr/bin:/bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("of the wheel\n", "fetched for local node\n")


@pytest.mark.parametrize(
    ("words", "with_frontend"),
    [((), True), (("--demo",), True), (("--demo", "--no-frontend"), False), (("--no-dashboard",), False)],
)
def test_the_start_sets_up_what_its_options_need_and_passes_them_on(
    checkout: Path, words: tuple[str, ...], with_frontend: bool
) -> None:
    shutil.copy(ROOT / "start-dev.sh", checkout)
    for name in ("environment", "frontend"):
        program(checkout / "scripts" / f"setup-{name}.sh", f'echo "{name} for $*"')
    program(checkout / ".venv" / "bin" / "easyflow", 'echo "easyflow $*"')
    done = run(checkout, "start-dev.sh", *words)
    *before, started = done.stdout.splitlines()
    assert sorted(before) == ["environment for local", *(["frontend for serve"] if with_frontend else [])]
    assert started == " ".join(["easyflow dev", *words])


@pytest.mark.parametrize("fails", ["environment", "frontend"])
def test_nothing_is_started_when_a_preparation_fails(checkout: Path, fails: str) -> None:
    shutil.copy(ROOT / "start-dev.sh", checkout)
    for name in ("environment", "frontend"):
        program(checkout / "scripts" / f"setup-{name}.sh", "exit 5" if name == fails else "exit 0")
    program(checkout / ".venv" / "bin" / "easyflow", "echo started")
    done = run(checkout, "start-dev.sh")
    assert (done.returncode, done.stdout) == (5, "")
