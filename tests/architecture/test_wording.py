"""Names that say something, modules that say what they hold, nothing put off, no path of anyone's machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import wording
from tests.support.project import ROOT, project_files

SLASH = "/"  # The planted paths are put together here, so that this file holds none.

Rule = Callable[[Path], list[str]]

RULES: list[Rule] = [
    wording.left_open,
    wording.unexplained,
    wording.empty_names,
    wording.machine_paths,
    wording.registry_names,
    wording.shadowing_packages,
]

PLANTED: dict[str, tuple[Rule, str, str]] = {
    "a note to self": (wording.left_open, "a.py", "x = 1  # TO" + "DO: think\n"),
    "a note to self in SQL": (wording.left_open, "a.sql", "-- FIX" + "ME\n"),
    "a note to self in a script": (wording.left_open, "run", "#!/usr/bin/env bash\n# XX" + "X\n"),
    "a module without docstring": (wording.unexplained, "a.py", "x = 1\n"),
    "SQL without an opening sentence": (wording.unexplained, "a.sql", "select 1;\n"),
    "a script without an opening sentence": (wording.unexplained, "a.sh", "#!/usr/bin/env bash\nset -e\n"),
    "a module called utils": (wording.empty_names, "utils.py", ""),
    "a module called something manager": (wording.empty_names, "job_manager.py", ""),
    "a folder called common": (wording.empty_names, "common/a.py", ""),
    "a component called helpers": (wording.empty_names, "src/date-helpers.ts", ""),
    "a home folder": (wording.machine_paths, "a.md", f"See {SLASH}home/ann/notes.\n"),
    "root's home": (wording.machine_paths, "a.toml", f'path = "{SLASH}root/x"\n'),
    "a checkout": (wording.machine_paths, "Makefile", f"DATA := {SLASH}work/main\n"),
    "a scratch file": (wording.machine_paths, "a.py", f'open("{SLASH}tmp/x")\n'),
    "a Mac": (wording.machine_paths, "a.json", f'"{SLASH}Users/ann"\n'),
    "a registry of Python packages": (wording.registry_names, "a.toml", 'url = "https://py' + 'pi.org/simple"\n'),
    "a registry of Node packages": (wording.registry_names, ".npmrc", "registry=https://registry.npm" + "js.org\n"),
    "a package that shadows alembic": (wording.shadowing_packages, "alembic/__init__.py", ""),
}

HARMLESS: dict[str, tuple[Rule, str, str]] = {
    "a word with the letters": (wording.left_open, "a.py", "MASTODON = 1\n"),
    "an empty module": (wording.unexplained, "__init__.py", ""),
    "a name that contains one": (wording.empty_names, "commonwealth.py", ""),
    "an address on the web": (wording.machine_paths, "a.md", "https://example.org/home/page\n"),
    "a path below a variable": (wording.machine_paths, "a.sh", '"$HOME/tmp/x" "${root}/work/x"\n'),
    "a route": (wording.machine_paths, "a.py", 'get("/workers/{id}")\n'),
    "what git ignores": (wording.left_open, ".venv/a.py", "# TO" + "DO\n"),
    "bytes that are no text": (wording.machine_paths, "a.bin", f"\0{SLASH}tmp/x"),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


def test_every_rule_is_tried_on_a_planted_violation() -> None:
    assert {rule for rule, _, _ in PLANTED.values()} == set(RULES)


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_violation_is_caught(case: str, tmp_path: Path) -> None:
    rule, file, text = PLANTED[case]
    plant(tmp_path, file, text)
    assert len(rule(tmp_path)) == 1


@pytest.mark.parametrize("case", HARMLESS)
def test_what_only_looks_like_one_is_left_alone(case: str, tmp_path: Path) -> None:
    rule, file, text = HARMLESS[case]
    plant(tmp_path, file, text)
    assert rule(tmp_path) == []


def test_the_rules_read_the_whole_project() -> None:
    files = {str(path) for path in project_files(ROOT)}
    assert {"Makefile", ".ci/run", "pyproject.toml", "backend/easyflow/errors.py", "tests/support/project.py"} <= files
    assert not [path for path in files if path.startswith((".venv/", ".git/"))]


def plant(root: Path, file: str, text: str) -> None:
    (root / ".gitignore").write_text("# what is left out\n.venv/\n")
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)
