"""CODEBASE_NAVIGATION.md: the diagram is the table of transitions, every folder has a row, every invariant a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from easyflow.domain.transitions import TRANSITIONS
from tests.support.decisions import is_a_test
from tests.support.documents import blocks, section, table
from tests.support.project import ROOT, project_files

TEXT = (ROOT / "CODEBASE_NAVIGATION.md").read_text()
PAGES = ("folder of the pages", "holds", "may import")


def test_the_arrows_of_the_diagram_are_the_transitions() -> None:
    (diagram,) = blocks(TEXT, "mermaid")
    drawn = set()
    for source, target, moves in re.findall(r"^ +(\S+) --> (\S+): (.*)$", diagram.text, re.MULTILINE):
        drawn |= {(source, target, *move.split(" ")) for move in moves.split(", ")}
    assert len(diagram.text.splitlines()) == len({arrow[:2] for arrow in drawn}) + 1
    assert drawn == {(str(t.source or "[*]"), str(t.target), t.id, t.actor) for t in TRANSITIONS}


def test_every_folder_of_the_code_has_a_row() -> None:
    code = {path.parent.as_posix() for path in project_files(ROOT) if path.parts[:2] == ("backend", "easyflow")}
    assert {row[0].strip("`") for row in table(TEXT, "folder", "holds")} == code


def test_every_folder_at_the_top_has_a_row() -> None:
    top = {path.parts[0] for path in project_files(ROOT) if len(path.parts) > 1}
    assert {row[0].strip("`") for row in table(TEXT, "at the top", "holds")} == top


def test_every_folder_of_the_pages_has_a_row() -> None:
    files = [path.parts[2:] for path in project_files(ROOT) if path.parts[:2] == ("frontend", "src")]
    folders = {path[0] for path in files if path[1:]} | {"/".join(path[:2]) for path in files if path[0] == "features"}
    assert {row[0].strip("`") for row in table(TEXT, *PAGES)} == folders


def test_the_pages_import_only_what_their_row_allows() -> None:
    pages = [path for path in project_files(ROOT) if path.parts[:2] == ("frontend", "src") and path.parts[3:]]
    code = {path: (ROOT / path).read_text() for path in pages if re.fullmatch(r"[^.]+\.tsx?", path.name)}
    assert len(code) > 60
    assert [f"{path}: {folder}" for path, text in code.items() for folder in wrongly_entered(path, text)] == []


def wrongly_entered(path: Path, text: str) -> set[str]:
    """The folders that a file of the pages imports against its row."""
    rows = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in table(TEXT, *PAGES)}
    here = path.parts[2]
    # Who says @/features/ means another feature: its own is beside it.
    own = {here} - {"features"}
    return set(re.findall(r"""(?:from|import\()\s*"@/([\w-]+)/""", text)) - rows[here] - own


@pytest.mark.parametrize(
    ("path", "text", "wrong"),
    [
        ("frontend/src/lib/time.ts", 'import { Page } from "@/components/ui/Page";', {"components"}),
        ("frontend/src/features/jobs/JobsPage.tsx", 'import { demo } from "@/features/overview/demo";', {"features"}),
        ("frontend/src/app/router.tsx", 'component: lazy(() => import("@/features/jobs/JobsPage"))', set()),
    ],
)
def test_an_import_against_its_row_is_caught(path: str, text: str, wrong: set[str]) -> None:
    assert wrongly_entered(Path(path), text) == wrong


def test_every_folder_of_tests_has_a_row_in_the_daily_guide() -> None:
    daily = (ROOT / "DAILY_DEVELOPER_GUIDE.md").read_text()
    rows = {row[0].strip("`") for row in table(daily, "folder", "what its tests need")}
    folders = {f"tests/{path.parts[1]}/" for path in project_files(ROOT) if path.parts[0] == "tests" and path.parts[2:]}
    assert rows == folders


def test_every_invariant_is_held_by_a_test() -> None:
    invariants = [line for line in section(TEXT, "Invariants").splitlines() if line.startswith("- ")]
    assert len(invariants) > 15
    for invariant in invariants:
        named = re.search(r": `(tests/[^`]+)`$", invariant)
        assert named is not None, invariant
        assert is_a_test(ROOT, named[1]), invariant


def test_every_statement_on_the_way_of_a_job_is_made_by_the_code_beside_it() -> None:
    for step, python, sql in table(TEXT, "step", "Python", "SQL"):
        code = "".join((ROOT / "backend/easyflow" / path).read_text() for path in re.findall(r"`([^`:]+):", python))
        for name in re.findall(r"queries/(\w+)\.sql", sql):
            assert f'statement("{name}")' in code, step
