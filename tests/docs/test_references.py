"""Every path, symbol, test and link that a document names is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.documents import documents
from tests.support.project import ROOT
from tests.support.references import dangling

CODE = """
LIMIT: int = 3

class Claimer:
    room = 1

    async def run(self): ...
"""

MISSING = {
    "a file": "`engine/gone.py`",
    "a folder": "`engine/attic/`",
    "a file from the top": "`backend/easyflow/gone.py`",
    "a function": "`engine/claimer.py:stop`",
    "a method": "`engine/claimer.py:Claimer.stop`",
    "a symbol of the page": "`frontend/src/page.tsx:Gone`",
    "a test": "`tests/test_claim.py::test_gone`",
    "a pattern": "`engine/*.sql`",
    "a single file": "`GONE.md`",
    "a link": "[there](gone.md)",
    "an anchor": "[there](NOTES.md#gone)",
}

PRESENT = {
    "a file": "`engine/claimer.py` and `backend/easyflow/engine/claimer.py`",
    "a folder": "`engine/`",
    "a symbol": "`engine/claimer.py:Claimer.run`, `engine/claimer.py:Claimer.room`, `engine/claimer.py:LIMIT`",
    "a symbol of the page": "`frontend/src/page.tsx:Page` and `frontend/src/page.tsx:SIZE`",
    "a test": "`tests/test_claim.py::test_two`",
    "what git ignores": "`.venv/bin/easyflow` and `engine/.venv/`",
    "other words": "`application/json`, `a / b`, `READY`, `/api/v1/jobs`, `ctx.session`, `delay_seconds`",
    "a block": "```\n`engine/gone.py`\n```",
    "a link": "[here](NOTES.md#the-notes), [there](https://example.org/gone), [below](#a-title)",
}


def project(root: Path, text: str) -> Path:
    """A small project with one document."""
    (root / "backend" / "easyflow" / "engine").mkdir(parents=True)
    (root / "backend" / "easyflow" / "engine" / "claimer.py").write_text(CODE)
    (root / "tests").mkdir()
    (root / "tests" / "test_claim.py").write_text("def test_two(): ...\n")
    (root / "frontend" / "src").mkdir(parents=True)
    (root / "frontend" / "src" / "page.tsx").write_text("export function Page() {}\nconst SIZE = 3;\n// Gone\n")
    (root / ".gitignore").write_text(".venv/\n")
    (root / "NOTES.md").write_text("# The notes\n")
    (root / "README.md").write_text(f"# A title\n\n{text}\n")
    return root


@pytest.mark.parametrize("document", documents(ROOT), ids=str)
def test_whatever_a_document_names_is_there(document: Path) -> None:
    assert dangling(ROOT, document) == []


def test_all_documents_are_read() -> None:
    assert {"README.md", "CODEBASE_NAVIGATION.md", "DAILY_DEVELOPER_GUIDE.md", "BRANCH_AWARE_CI_CD.md"} <= {
        str(document) for document in documents(ROOT)
    }
    assert {"docs/guides/easyflow_guide.md", "docs/decisions/0001-thin-tickets.md"} <= set(map(str, documents(ROOT)))


@pytest.mark.parametrize("case", MISSING)
def test_what_is_not_there_is_caught(case: str, tmp_path: Path) -> None:
    assert len(dangling(project(tmp_path, MISSING[case]), Path("README.md"))) == 1


@pytest.mark.parametrize("case", PRESENT)
def test_what_is_there_is_left_alone(case: str, tmp_path: Path) -> None:
    assert dangling(project(tmp_path, PRESENT[case]), Path("README.md")) == []
