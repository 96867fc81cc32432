"""Joining the stack that runs in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from easyflow.local.folder import StackFolder
from easyflow.local.running import join_running_stack

NAMES = ("EASYFLOW_DATABASE_URL", "EASYFLOW_DATABASE_DIRECT_URL", "EASYFLOW_TASKS", "EASYFLOW_MODE", "PATH_OF_MINE")
URL = "postgresql://easyflow:p'ss word@127.0.0.1:15432/easyflow"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a stack runs; whatever is set in the environment is taken back at the end."""
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    stack = StackFolder(tmp_path)
    stack.path.mkdir()
    stack.write_environment({"EASYFLOW_DATABASE_URL": URL, "EASYFLOW_TASKS": "shop.tasks", "PATH_OF_MINE": "x"})
    return tmp_path


def test_what_the_stack_shares_is_taken_over_exactly(folder: Path) -> None:
    join_running_stack(folder)
    assert (os.environ["EASYFLOW_DATABASE_URL"], os.environ["EASYFLOW_TASKS"]) == (URL, "shop.tasks")
    assert "PATH_OF_MINE" not in os.environ


def test_other_settings_of_ones_own_come_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYFLOW_TASKS", "mine.tasks")
    join_running_stack(folder)
    assert (os.environ["EASYFLOW_DATABASE_URL"], os.environ["EASYFLOW_TASKS"]) == (URL, "mine.tasks")


@pytest.mark.parametrize("name", ["EASYFLOW_DATABASE_URL", "EASYFLOW_DATABASE_DIRECT_URL"])
def test_a_database_of_ones_own_keeps_everything_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "postgresql://mine")
    join_running_stack(folder)
    assert os.environ[name] == "postgresql://mine"
    assert "EASYFLOW_TASKS" not in os.environ


def test_a_file_that_others_may_write_is_not_read(folder: Path) -> None:
    StackFolder(folder).environment.chmod(0o620)
    join_running_stack(folder)
    assert "EASYFLOW_DATABASE_URL" not in os.environ


def test_a_file_of_somebody_else_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody_else = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody_else)
    join_running_stack(folder)
    assert "EASYFLOW_DATABASE_URL" not in os.environ


@pytest.mark.parametrize("text", [None, "export EASYFLOW_DATABASE_URL='never closed", "\x00"])
def test_a_folder_without_a_readable_stack_changes_nothing(folder: Path, text: str | None) -> None:
    shared = StackFolder(folder).environment
    if text is None:
        shared.unlink()
    else:
        shared.write_text(text)
    join_running_stack(folder)
    assert "EASYFLOW_DATABASE_URL" not in os.environ
