"""scripts/setup-environment.sh: a second call is free, and what it cannot do it says in one sentence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.project import ROOT

SCRIPT = "scripts/setup-environment.sh"


def checkout(root: Path, **programs: str) -> Path:
    """A copy of what the script reads, and a folder of stand-ins for the programs it calls."""
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "bin").mkdir()
    for name, body in programs.items():
        stand_in = root / "bin" / name
        stand_in.write_text(f"#!/bin/sh\n{body}\n")
        stand_in.chmod(0o755)
    return root


def with_environment(root: Path, stamp: str) -> Path:
    """Give the copy an environment whose uv only notes how it was called."""
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, body in {"python": "exit 0", "uv": f'[ "$1" = --version ] || echo "uv $*" >>{root}/.venv/calls'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    (root / ".venv" / "easyflow.root").write_text(str(root))
    (root / ".venv" / "easyflow.stamp").write_text(stamp)
    return root


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["/usr/bin/env", f"PATH={root / 'bin'}:/usr/bin:/bin", str(root / SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_a_second_call_does_nothing_and_says_nothing() -> None:
    before = (ROOT / ".venv" / "easyflow.stamp").stat().st_mtime_ns
    for kind in ("dev", "local", "runtime"):
        done = run(ROOT, kind)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (ROOT / ".venv" / "easyflow.stamp").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("held", "wanted", "installed"),
    [("dev", "local", "dev"), ("local", "dev", "dev"), ("runtime", "local", "local"), ("local", "local", "local")],
)
def test_an_environment_that_grew_old_is_never_made_smaller(
    tmp_path: Path, held: str, wanted: str, installed: str
) -> None:
    root = with_environment(checkout(tmp_path), f"{held} of-an-earlier-lock")
    assert run(root, wanted).returncode == 0
    synced, *rest = (root / ".venv" / "calls").read_text().splitlines()
    assert synced.split()[-2:] == ["requirements/bootstrap.txt", f"requirements/{installed}.txt"]
    assert (root / ".venv" / "easyflow.stamp").read_text().startswith(f"{installed} ")
    for smaller in ("runtime", wanted):
        assert run(root, smaller).stdout == ""
    assert (root / ".venv" / "calls").read_text().splitlines() == [synced, *rest]


def test_node_of_the_wheel_is_added_on_demand_and_then_kept(tmp_path: Path) -> None:
    root = with_environment(checkout(tmp_path), "local of-an-earlier-lock")
    for wanted in (["local"], ["local", "node"], ["local"], ["dev"], ["runtime", "node"]):
        assert run(root, *wanted).returncode == 0
    synced = [
        call.split(".txt ", 1)[1] for call in (root / ".venv" / "calls").read_text().splitlines() if " sync " in call
    ]
    node = "requirements/node.txt"
    assert synced == ["requirements/local.txt", f"requirements/local.txt {node}", f"requirements/dev.txt {node}"]


def test_more_is_installed_where_less_is_current(tmp_path: Path) -> None:
    root = with_environment(checkout(tmp_path), "local of-an-earlier-lock")
    run(root, "local")
    run(root, "dev")
    synced = [call for call in (root / ".venv" / "calls").read_text().splitlines() if " sync " in call]
    assert [call.split()[-1] for call in synced] == ["requirements/local.txt", "requirements/dev.txt"]


def test_an_old_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    old = 'case "$1" in -c) exit 1 ;; --version) echo "Python 3.9.2" ;; esac'
    done = run(checkout(tmp_path, python3=old))
    assert done.returncode == 1
    assert done.stderr == "EasyFlow: this is Python 3.9.2; install Python 3.11 or newer and put it first on PATH.\n"


def test_an_ordinary_user_without_venv_is_told_which_package_to_install(tmp_path: Path) -> None:
    without_venv = 'case "$2" in *ensurepip*) exit 1 ;; esac'
    done = run(checkout(tmp_path, python3=without_venv, id="echo 1000"))
    assert done.returncode == 1
    assert done.stderr.startswith("EasyFlow: Python cannot make virtual environments here; ")
    assert "install the package python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_root_without_venv_gets_the_package_installed(tmp_path: Path) -> None:
    # The stand-in for apt-get leaves a mark, and from then on the stand-in for python3 can make environments.
    python = 'case "$2" in *ensurepip*) test -e "$0.venv" ;; venv) echo made; exit 7 ;; esac'
    apt = 'case "$*" in *python3-venv*) touch "$(dirname "$0")/python3.venv" ;; esac'
    done = run(checkout(tmp_path, **{"python3": python, "id": "echo 0", "apt-get": apt}))
    assert "Installing python3-venv ..." in done.stdout
    assert "Making the Python environment" in done.stdout
    assert done.returncode == 7


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    done = run(checkout(tmp_path), "prod")
    assert (done.returncode, done.stderr) == (1, "EasyFlow: say runtime, local or dev, not 'prod'.\n")


def test_an_unknown_addition_is_refused(tmp_path: Path) -> None:
    done = run(checkout(tmp_path), "local", "deno")
    assert (done.returncode, done.stderr) == (1, "EasyFlow: say node or nothing after the kind, not 'deno'.\n")
