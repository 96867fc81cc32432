"""Where a worker keeps what no restore of the database may take back."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyflow.settings import Settings


def test_the_folder_that_was_set_is_taken(tmp_path: Path) -> None:
    assert Settings(state_folder=tmp_path).state_path == tmp_path


def test_without_one_it_is_where_the_system_keeps_states(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EASYFLOW_STATE_FOLDER", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Settings().state_path == tmp_path / "easyflow"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().state_path == tmp_path / ".local" / "state" / "easyflow"


def test_an_account_without_a_home_gets_a_folder_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("EASYFLOW_STATE_FOLDER", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert Settings().state_path == Path("/var/lib/easyflow")
