"""The folder `.easyflow` and the lock that makes a stack the only one in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from easyflow.local.errors import CannotStart
from easyflow.local.folder import StackFolder


def test_a_second_stack_is_told_who_is_running(tmp_path: Path) -> None:
    refused = pytest.raises(CannotStart, match=rf"another EasyFlow is running in this folder \(process {os.getpid()}\)")
    with StackFolder(tmp_path).locked(), refused, StackFolder(tmp_path).locked():
        pass
    with StackFolder(tmp_path).locked():
        pass


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".easyflow").write_text("")
    with pytest.raises(CannotStart, match="cannot be used"), StackFolder(tmp_path).locked():
        pass


def test_other_terminals_can_read_the_environment_while_the_stack_runs(tmp_path: Path) -> None:
    folder = StackFolder(tmp_path)
    with folder.locked():
        folder.write_environment({"EASYFLOW_DATABASE_URL": "postgresql://u:it's $HOME@127.0.0.1/x"})
        assert folder.environment.stat().st_mode & 0o777 == 0o600
        shown = subprocess.run(
            ["sh", "-c", '. .easyflow/environment && printf %s "$EASYFLOW_DATABASE_URL"'],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        assert shown.stdout == "postgresql://u:it's $HOME@127.0.0.1/x"
    assert not folder.environment.exists()


def test_removing_the_contents_keeps_the_lock(tmp_path: Path) -> None:
    folder = StackFolder(tmp_path)
    with folder.locked():
        (folder.postgres / "data").mkdir(parents=True)
        (folder.path / "anything").write_text("")
        folder.remove_contents()
        assert sorted(entry.name for entry in folder.path.iterdir()) == [".gitignore", "lock"]
