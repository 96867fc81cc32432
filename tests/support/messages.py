"""The messages that code can give: every sentence in it, as a pattern with a gap for each value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_SENTENCE = re.compile(r"[a-z]+ [a-z(]+")
_PATTERN = re.compile(r"\(\?|\[\^")


def sentences(file: Path) -> list[re.Pattern[str]]:
    """Every text in a module that reads like a part of a sentence; what is in a docstring is none."""
    tree = ast.parse(file.read_text())
    skipped = {id(node) for node in _docstrings(tree)}
    found = list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            text = "\0".join(_pieces(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            text = node.value
        else:
            continue
        if _SENTENCE.search(text) and not _PATTERN.search(text):
            found.append(text)
    return [re.compile(".*".join(map(re.escape, text.split("\0"))), re.DOTALL) for text in dict.fromkeys(found)]


def unsaid(file: Path, messages: list[str]) -> list[str]:
    """The sentences of a module that are in none of these messages."""
    return [each.pattern for each in sentences(file) if not any(each.search(message) for message in messages)]


def _pieces(text: ast.JoinedStr) -> Iterator[str]:
    piece = ""
    for part in text.values:
        if isinstance(part, ast.Constant):
            piece += str(part.value)
        else:
            yield piece
            piece = ""
    yield piece


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                yield first.value
