"""How long files and functions are, and which are longer than a reader should have to hold in mind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.project import code_files

FILE_LINES = 300
FUNCTION_LINES = 40
FUNCTION_LINES_WITH_DOCSTRING = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def oversized(root: Path) -> dict[str, str]:
    """Everything too long below `root`: `path` or `path::Class.function` -> a sentence with its length."""
    found: dict[str, str] = {}
    for path in code_files(root, ".py", ".sh", ".ts", ".tsx"):
        text = (root / path).read_text()
        if (lines := len(text.splitlines())) > FILE_LINES:
            found[str(path)] = f"{path} has {lines} lines; {FILE_LINES} are allowed"
        functions = {".py": _python_functions, ".sh": _shell_functions}.get(path.suffix or ".sh", _no_functions)
        for name, length, with_docstring in functions(text):
            if length > FUNCTION_LINES or with_docstring > FUNCTION_LINES_WITH_DOCSTRING:
                found[f"{path}::{name}"] = f"{name} in {path} has {length} lines; {FUNCTION_LINES} are allowed"
    return found


def _python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """(dotted name, lines without docstring, lines with it), from `def` to the end."""
    return _functions_in(ast.parse(text), "")


def _functions_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, int, int]]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, Function | ast.ClassDef):
            name = f"{prefix}{child.name}."
        if isinstance(child, Function):
            lines = _lines(child)
            yield name.rstrip("."), lines - _docstring_lines(child), lines
        yield from _functions_in(child, name)


def _docstring_lines(function: Function) -> int:
    return _lines(function.body[0]) if ast.get_docstring(function) else 0


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _shell_functions(text: str) -> Iterator[tuple[str, int, int]]:
    for found in re.finditer(r"^(\w+)\(\) \{\n.*?^\}$", text, re.DOTALL | re.MULTILINE):
        lines = len(found[0].splitlines())
        yield found[1], lines, lines


def _no_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """The front end's linter counts its own."""
    del text
    return iter(())
