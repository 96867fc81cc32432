"""Which dotted names a module reaches, read from its syntax tree: plain, from, relative, lazy and by string."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def references(path: Path, source_root: Path) -> list[tuple[int, str]]:
    """All (line, absolute dotted name) a module imports or reaches through an imported module, sorted, once each.

    `from a import b` gives `a.b`, `import os` followed by `os.environ` gives both. Imports inside functions and
    under TYPE_CHECKING count like any other: knowing a room is depending on it.
    """
    tree = ast.parse(path.read_text(), filename=str(path))
    package = _package_of(path, source_root)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    bound = {name: module for node in imported for name, module in _bindings(node)}
    found: set[tuple[int, str]] = set()
    for node in ast.walk(tree):
        found.update(_names_in(node, package, bound))
    return sorted(found)


def _names_in(node: ast.AST, package: list[str], bound: dict[str, str]) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Import():
            yield from ((node.lineno, alias.name) for alias in node.names)
        case ast.ImportFrom():
            base = _absolute(node.module or "", node.level, package)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        case ast.Attribute():
            chain = _chain(node, bound)
            if chain:
                yield node.lineno, chain
        case ast.Call(args=[ast.Constant(value=str(name)), *_]) if _imports_by_name(node.func):
            stripped = name.lstrip(".")
            yield node.lineno, _absolute(stripped, len(name) - len(stripped), package)


def _package_of(path: Path, source_root: Path) -> list[str]:
    return list(path.relative_to(source_root).parent.parts)


def _bindings(node: ast.Import) -> Iterator[tuple[str, str]]:
    """`import a.b` binds `a`; `import a.b as c` binds `c` to `a.b`."""
    for alias in node.names:
        top = alias.name.partition(".")[0]
        yield (alias.asname, alias.name) if alias.asname else (top, top)


def _absolute(module: str, level: int, package: list[str]) -> str:
    base = package[: len(package) - level + 1] if level else []
    return ".".join([*base, *([module] if module else [])])


def _chain(node: ast.Attribute, bound: dict[str, str]) -> str | None:
    names = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        names.append(value.attr)
        value = value.value
    if not isinstance(value, ast.Name) or value.id not in bound:
        return None
    return ".".join([bound[value.id], *reversed(names)])


def _imports_by_name(called: ast.expr) -> bool:
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in {"import_module", "__import__"}
