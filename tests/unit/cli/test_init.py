"""`easyflow init` writes a project that works, and never over one that is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import call
from tests.support.project import ROOT

FILES = ["README.md", "shop/__init__.py", "shop/tasks.py", "tests/test_tasks.py"]


def files(folder: Path) -> list[str]:
    """The files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_new_project_has_a_task_a_test_and_says_what_is_next(tmp_path: Path) -> None:
    made = await call("init", "shop", "--folder", str(tmp_path / "new"))
    assert made.code == 0, made.err
    assert files(tmp_path / "new") == FILES
    assert f"cd {tmp_path / 'new'}" in made.out
    assert 'submit shop.greet \'{"name": "Ada"}\' --wait' in made.out


def run(folder: Path, *words: str) -> str:
    """Run a tool in the new project; what it says."""
    done = subprocess.run([sys.executable, "-m", *words], check=False, cwd=folder, capture_output=True, text=True)
    return f"{done.returncode}: {done.stdout}{done.stderr}"


async def test_its_test_passes_and_fails_when_the_task_is_broken(tmp_path: Path) -> None:
    await call("init", "shop", "--folder", str(tmp_path))
    assert "2 passed" in run(tmp_path, "pytest", "-q")
    tasks = tmp_path / "shop/tasks.py"
    tasks.write_text(tasks.read_text().replace("Hello", "Good-bye"))
    assert "1 failed, 1 passed" in run(tmp_path, "pytest", "-q")


async def test_its_code_is_written_as_ours_is(tmp_path: Path) -> None:
    await call("init", "shop", "--folder", str(tmp_path))
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "."]
    assert run(tmp_path, "ruff", "check", *config) == "0: All checks passed!\n"
    assert run(tmp_path, "ruff", "format", "--check", *config).startswith("0: ")


@pytest.mark.parametrize("present", FILES)
async def test_what_is_there_is_left_alone_and_nothing_else_is_written(tmp_path: Path, present: str) -> None:
    (tmp_path / present).parent.mkdir(exist_ok=True)
    (tmp_path / present).write_text("mine")
    refused = await call("init", "shop", "--folder", str(tmp_path))
    assert refused.code == 1
    assert f"{present} is there already; nothing was written" in refused.sentence
    assert (files(tmp_path), (tmp_path / present).read_text()) == ([present], "mine")


@pytest.mark.parametrize("name", ["class", "my-app", "1app", "", "a.b", "json", "easyflow", "tests", "_app", "über"])
async def test_a_name_that_cannot_be_a_package_is_refused(tmp_path: Path, name: str) -> None:
    refused = await call("init", name, "--folder", str(tmp_path))
    assert refused.code == 2, refused
    assert files(tmp_path) == []


async def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = await call("init", "shop", "--folder", str(tmp_path / "file"))
    assert refused.code == 1
    assert "cannot be written" in refused.sentence
