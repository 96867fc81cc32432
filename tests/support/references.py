"""Paths, symbols, links and tests that documents name: each must be there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from tests.support.decisions import is_a_test
from tests.support.documents import anchors, links, spans
from tests.support.project import ignored_names

# A path may be written from the top, or shorter: from the code, from the pages, or beside the examples of the guide.
BASES = ("", "backend", "backend/easyflow", "frontend/src", "docs/guides/examples")
SUFFIXES = "py|sql|sh|md|toml|txt|yml|yaml|json|mako|PS"
NO_PATHS = {"application/json", "application/x-ndjson"}

_PATH = re.compile(
    rf"(?P<path>(?:\./)?\.?[A-Za-z_][\w.-]*(?:/[\w.*-]+)+/?|[\w-]+/|[\w.-]+\.(?:{SUFFIXES}))(?::(?P<symbol>[A-Za-z_][\w.]*))?"
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def dangling(root: Path, document: Path) -> list[str]:
    """Every path, symbol, test and link in a document that leads nowhere, one sentence each."""
    text = (root / document).read_text()
    found = [f"{document}: `{span}` {why}" for span in spans(text) if (why := _why(root, span))]
    return found + [
        f"{document}: the link {link} leads nowhere" for link in links(text) if not _leads(root, document, link)
    ]


def source_of(root: Path, reference: str) -> str:
    """The text of a file, or of one symbol in it (`path:symbol`) with its decorators; raises ValueError."""
    path, _, symbol = reference.partition(":")
    text = (root / path).read_text()
    if not symbol:
        return text
    node = _node(text, symbol)
    if not isinstance(node, Definition) or node.end_lineno is None:
        raise ValueError(f"{reference} is neither a function nor a class")
    first = min(part.lineno for part in (node, *node.decorator_list))
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno]) + "\n"


def _why(root: Path, span: str) -> str | None:
    """Say what is wrong with a span, None when nothing is or it is no path."""
    if "::" in span:
        return None if is_a_test(root, span) else "is no test"
    named = _PATH.fullmatch(span)
    if named is None or span in NO_PATHS:
        return None
    path = named["path"].removeprefix("./")
    if _is_left_out(root, path):
        return None
    places = [place for base in BASES if (place := _place(root / base, path)) is not None]
    if not places:
        return "is not there"
    if named["symbol"] and not any(_defines(place, named["symbol"]) for place in places):
        return "names a symbol that is not there"
    return None


def _place(base: Path, path: str) -> Path | None:
    if "*" in path:
        return next(base.glob(path), None)
    place = base / path
    return place if (place.is_dir() if path.endswith("/") else place.exists()) else None


def _is_left_out(root: Path, path: str) -> bool:
    """Whether git ignores it, or a folder it is in: the environment, the stack's folder, packages, what is built."""
    return any(fnmatch(part, pattern) for part in path.split("/") for pattern in ignored_names(root))


def _leads(root: Path, document: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    target = (root / document).parent / path if path else root / document
    return target.exists() and (not anchor or anchor in anchors(target.read_text()))


def _defines(place: Path, symbol: str) -> bool:
    if place.suffix in (".ts", ".tsx"):
        defined = rf"^(export )?(async )?(function|class|const|let|interface|type) {re.escape(symbol)}\b"
        return re.search(defined, place.read_text(), re.MULTILINE) is not None
    return place.suffix == ".py" and _node(place.read_text(), symbol) is not None


@cache
def _node(text: str, symbol: str) -> ast.AST | None:
    """The definition or assignment that gives `symbol` (dotted for members) its meaning."""
    node: ast.AST = ast.parse(text)
    for name in symbol.split("."):
        found = next((child for child in ast.iter_child_nodes(node) if name in _names(child)), None)
        if found is None:
            return None
        node = found
    return node


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Assign():
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
