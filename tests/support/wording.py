"""What files are called, how they open, and what they never say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.support.project import code_files, project_files, text_of

CODE = (".py", ".sql", ".sh", ".ts", ".tsx", ".css", ".toml", ".yaml", ".yml", ".mako", ".mk")
# Written apart, so that this file does not say what it forbids.
LEFT_OPEN = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "service", "services", "common", "misc"}
MACHINE_PATH = re.compile(r"(?<![\w.})\]*-])/(?:" + "|".join(["work", "root", "home", "Users", "tmp"]) + r")/[\w.]+")
REGISTRY = re.compile("|".join([r"pypi" + r"\.org", "python" + "hosted", r"npm" + r"js\.(?:org|com)"]), re.IGNORECASE)


def left_open(root: Path) -> list[str]:
    """Lines of code that put something off."""
    return _lines_matching(root, LEFT_OPEN, code_files(root, *CODE))


def unexplained(root: Path) -> list[str]:
    """Modules without a docstring, SQL and shell files that do not open with a comment. Empty files are left alone."""
    return [
        f"{path} does not open by saying what it holds"
        for path in code_files(root, ".py", ".sql", ".sh")
        if (text := (root / path).read_text()).strip() and not _says_what_it_holds(path, text)
    ]


def empty_names(root: Path) -> list[str]:
    """Files and folders whose name says nothing of what they hold."""
    return [
        f"{path} has a name that says nothing"
        for path in code_files(root, *CODE)
        if any(EMPTY_NAMES & set(re.split(r"[^a-z]+", part.lower())) for part in path.with_suffix("").parts)
    ]


def machine_paths(root: Path) -> list[str]:
    """Lines with an absolute path of somebody's machine."""
    return _lines_matching(root, MACHINE_PATH, project_files(root))


def registry_names(root: Path) -> list[str]:
    """Lines that name the host of a package registry: which one to use is the reader's own setting."""
    return _lines_matching(root, REGISTRY, project_files(root))


def shadowing_packages(root: Path) -> list[str]:
    """A package in the folder alembic/ would be imported in place of the library."""
    init = root / "alembic" / "__init__.py"
    return [f"{init.relative_to(root)} shadows the library alembic"] if init.exists() else []


def _lines_matching(root: Path, pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in paths
        if (text := text_of(root / path)) is not None
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def _says_what_it_holds(path: Path, text: str) -> bool:
    if path.suffix == ".py":
        return bool(ast.get_docstring(ast.parse(text)))
    lines = text.splitlines()
    if path.suffix == ".sql":
        return lines[0].startswith("-- ")
    return len(lines) > 1 and lines[1].startswith("# ")
