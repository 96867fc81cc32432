"""Rooms import only what their row in CODEBASE_NAVIGATION.md allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import ROOT
from tests.support.rooms import read_rule, violations

DOCUMENT = """
# A house

| room | holds | may import |
|---|---|---|
| `domain` | decisions | – |
| `errors` | errors | – |
| `settings` | configuration | `errors` |
| `storage` | SQL | `domain`, `errors` |
| `enqueue` | the door in | `storage` |
| `easyflow` | the public names | `domain`, `enqueue` |
| `api` | HTTP | `storage`, `errors` |
| `examples` | user code | `easyflow` |

| name | only in |
|---|---|
| `fastapi`, `starlette` | `api` |
| `sqlalchemy` | `storage` |
| `os.environ`, `os.getenv` | `settings` |
"""

# What is planted where, and the sentence it must cause; `a: b` stands for `a may not import b`.
FORBIDDEN = {
    "a plain import": ("domain/a.py", "import easyflow.storage.jobs\n", "domain: easyflow.storage"),
    "a plain import with another name": ("domain/a.py", "import easyflow.storage as s\n", "domain: easyflow.storage"),
    "a from import": ("domain/a.py", "from easyflow.storage import jobs\n", "domain: easyflow.storage.jobs"),
    "a room from the package": ("domain/a.py", "from easyflow import storage\n", "domain: easyflow.storage"),
    "a relative import": ("domain/a.py", "from ..storage import jobs\n", "domain: easyflow.storage"),
    "a relative import of a room": ("domain/a.py", "from .. import storage\n", "domain: easyflow.storage"),
    "a deep relative import": ("domain/deep/a.py", "from ...storage import jobs\n", "domain: easyflow.storage"),
    "a lazy import": ("storage/a.py", "def f():\n    from easyflow.api import app\n", "storage: easyflow.api"),
    "an import for types only": (
        "storage/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from easyflow.api import app\n",
        "storage: easyflow.api.app",
    ),
    "an import by string": (
        "storage/a.py",
        "import importlib\nimportlib.import_module('easyflow.api.app')\n",
        "storage: easyflow.api.app",
    ),
    "a relative import by string": (
        "storage/a.py",
        "from importlib import import_module\nimport_module('..api', __package__)\n",
        "storage: easyflow.api",
    ),
    "an import by dunder": ("storage/a.py", "__import__('easyflow.api')\n", "storage: easyflow.api"),
    "an attribute of the package": (
        "examples/a.py",
        "import easyflow\neasyflow.storage.jobs.claim()\n",
        "examples: easyflow.storage",
    ),
    "a name that is not public": ("examples/a.py", "from easyflow import secret\n", "examples: easyflow.secret"),
    "a room behind a public name": (
        "examples/a.py",
        "from easyflow.enqueue import x\n",
        "examples: easyflow.enqueue.x",
    ),
    "a public name in an inner room": ("storage/a.py", "from easyflow import task\n", "storage: easyflow.task"),
    "the package's own face": ("__init__.py", "from easyflow.api import app\n", "easyflow: easyflow.api.app"),
    "a file that is a room": ("errors.py", "from easyflow.domain import states\n", "errors: easyflow.domain"),
    "FastAPI in storage": ("storage/a.py", "from fastapi import Depends\n", "fastapi belongs to api, not to storage"),
    "Starlette, lazily": ("domain/a.py", "def f():\n    import starlette.responses\n", "starlette belongs to api"),
    "SQLAlchemy in the API": ("api/a.py", "import sqlalchemy.ext.asyncio as sa\n", "sqlalchemy belongs to storage"),
    "the environment as an attribute": ("api/a.py", "import os\nos.environ['X']\n", "os.environ belongs to settings"),
    "the environment under another name": (
        "api/a.py",
        "import os as o\no.getenv('X')\n",
        "os.getenv belongs to settings",
    ),
    "the environment as a name": ("api/a.py", "from os import environ\n", "os.environ belongs to settings"),
    "a room without a row": ("attic/a.py", "", "the room attic has no row"),
    "a file without a row": ("attic.py", "", "the room attic has no row"),
}

ALLOWED = {
    "its own room": (
        "domain/a.py",
        "from easyflow.domain import states\nfrom . import states\nfrom .states import State\n",
    ),
    "a room of its row": ("api/a.py", "from easyflow.storage import jobs\nfrom ..errors import Missing\n"),
    "public names": ("examples/a.py", "import easyflow\nfrom easyflow import task\neasyflow.task()\n"),
    "a public function named like its room": ("examples/a.py", "from easyflow import enqueue\n"),
    "other packages": ("domain/a.py", "import os\nimport json\nos.getpid()\nfrom fastapifoo import x\n"),
    "a library at home": ("api/a.py", "import fastapi\nfrom starlette.responses import Response\n"),
    "the environment at home": ("settings.py", "import os\nos.environ['X']\n"),
    "a word in a text": ("domain/a.py", "text = 'import easyflow.storage'\n"),
}


def house(root: Path, file: str, source: str) -> Path:
    code = root / "backend" / "easyflow"
    code.mkdir(parents=True)
    (root / "CODEBASE_NAVIGATION.md").write_text(DOCUMENT)
    (code / "__init__.py").write_text('__all__ = ["enqueue", "task"]\n')
    (code / file).parent.mkdir(parents=True, exist_ok=True)
    (code / file).write_text(source)
    return root


def test_every_room_of_the_house_imports_only_what_its_row_allows() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize("case", FORBIDDEN)
def test_a_forbidden_import_is_caught(case: str, tmp_path: Path) -> None:
    file, source, sentence = FORBIDDEN[case]
    found = violations(house(tmp_path, file, source))
    wanted = sentence.replace(": ", " may not import ")
    assert any(wanted in violation for violation in found), found


@pytest.mark.parametrize("case", ALLOWED)
def test_an_allowed_import_is_left_alone(case: str, tmp_path: Path) -> None:
    assert violations(house(tmp_path, *ALLOWED[case])) == []


def test_a_row_for_a_room_that_is_not_built_yet_is_no_problem(tmp_path: Path) -> None:
    assert violations(house(tmp_path, "errors.py", "")) == []


def test_a_row_that_names_an_unknown_room_is_caught(tmp_path: Path) -> None:
    root = house(tmp_path, "errors.py", "")
    (root / "CODEBASE_NAVIGATION.md").write_text(DOCUMENT.replace("| `storage`, `errors` |", "| `cellar` |"))
    assert "the row of api names the unknown room cellar" in violations(root)


def test_a_document_without_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="room, holds, may import"):
        read_rule("# A house without rooms\n")
