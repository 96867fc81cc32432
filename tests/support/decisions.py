"""Decision pages: each is in the index, short, and names the tests that hold it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PAGE_LINES = 80
PAGE_NAME = re.compile(r"\d{4}-[a-z0-9-]+\.md")
HELD_BY = re.compile(r"^Held by: (.+)$", re.MULTILINE)
TEST = re.compile(r"tests/[\w./-]+\.py(?:::\w+)*")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def problems(root: Path) -> list[str]:
    """What is wrong with the decision pages below `root`, one sentence each."""
    folder = root / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    pages = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    found = list(_index_problems(index, pages))
    for page in pages:
        found += [f"{page.name} {problem}" for problem in _page_problems(root, page.read_text())]
    return found


def is_a_test(root: Path, name: str) -> bool:
    """Whether `tests/...py::test_function` or `tests/...py::Class::test_method` is there."""
    file, *names = name.split("::")
    if not (root / file).is_file() or not names or not names[-1].startswith("test_"):
        return False
    node: ast.AST = ast.parse((root / file).read_text())
    for wanted in names:
        children = {child.name: child for child in ast.iter_child_nodes(node) if isinstance(child, Definition)}
        if wanted not in children:
            return False
        node = children[wanted]
    return True


def _index_problems(index: str, pages: list[Path]) -> Iterator[str]:
    linked = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index)
    names = [page.name for page in pages]
    numbers = [name[:4] for name in names]
    yield from (f"{name} is not in the index" for name in names if name not in linked)
    yield from (f"the index names {name}, which is not there" for name in linked if name not in names)
    yield from (f"{name} should be named NNNN-title.md" for name in names if not PAGE_NAME.fullmatch(name))
    yield from (f"the number {number} is used twice" for number in sorted({n for n in numbers if numbers.count(n) > 1}))


def _page_problems(root: Path, text: str) -> Iterator[str]:
    if len(text.splitlines()) > PAGE_LINES:
        yield f"is longer than one page ({PAGE_LINES} lines)"
    held = [name for line in HELD_BY.findall(text) for name in TEST.findall(line)]
    if not held:
        yield "names no test that holds it"
    yield from (f"is held by {name}, which is not there" for name in held if not is_a_test(root, name))
