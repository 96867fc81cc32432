"""The rooms of the code: what the table in CODEBASE_NAVIGATION.md allows, and what the files really import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.imports import references

PACKAGE = "easyflow"
CODE = Path("backend") / PACKAGE
DOCUMENT = "CODEBASE_NAVIGATION.md"


@dataclass(frozen=True)
class Rule:
    """Who may import what: rooms by room, and the homes of names that have one."""

    may_import: dict[str, set[str]]
    homes: dict[str, set[str]]


def read_rule(document: str) -> Rule:
    """Read both tables of the document; raises ValueError when one is missing or empty."""
    rooms = _table(document, ["room", "holds", "may import"])
    names = _table(document, ["name", "only in"])
    return Rule(
        may_import={_words(row[0])[0]: set(_words(row[2])) for row in rooms},
        homes={name: set(_words(row[1])) for row in names for name in _words(row[0])},
    )


def violations(root: Path) -> list[str]:
    """Every import below `root` that the tables do not allow, and every room they do not know; one sentence each."""
    rule = read_rule((root / DOCUMENT).read_text())
    public = public_names(root / CODE / "__init__.py")
    found = list(_unknown_rooms(root, rule))
    for path in sorted((root / CODE).rglob("*.py")):
        found += _violations_of(root, path, rule, public)
    return found


def public_names(init: Path) -> set[str]:
    """The strings of `__all__` in the package's __init__.py; empty when there is none yet."""
    tree = ast.parse(init.read_text() if init.exists() else "")
    listings = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and _assigns_all(node)]
    constants = [item.value for node in listings for item in ast.walk(node) if isinstance(item, ast.Constant)]
    return {name for name in constants if isinstance(name, str)}


def room_of(path: Path, root: Path) -> str:
    """The room a module belongs to; the package's own __init__.py is the room `easyflow`."""
    first = path.relative_to(root / CODE).parts[0]
    return PACKAGE if first == "__init__.py" else first.removesuffix(".py")


def _violations_of(root: Path, path: Path, rule: Rule, public: set[str]) -> Iterator[str]:
    room = room_of(path, root)
    allowed = rule.may_import.get(room, set()) | {room}
    for line, name in references(path, root / CODE.parent):
        where = f"{path.relative_to(root)}:{line}"
        target = _target(name, rule, public)
        if target is not None and target not in allowed:
            yield f"{where}: {room} may not import {name}; allowed: {', '.join(sorted(allowed))}"
        for home, rooms in rule.homes.items():
            if room not in rooms and (name == home or name.startswith(f"{home}.")):
                yield f"{where}: {home} belongs to {', '.join(sorted(rooms))}, not to {room}"


def _target(name: str, rule: Rule, public: set[str]) -> str | None:
    """The room a dotted name leads to; `easyflow` for public names; the name itself when it is neither."""
    package, _, rest = name.partition(".")
    if package != PACKAGE:
        return None
    # A public function may share its name with its room: `easyflow.enqueue` is then the function.
    if rest in {"", *public}:
        return PACKAGE
    first = rest.partition(".")[0]
    if first in rule.may_import:
        return first
    return PACKAGE if first in public else name


def _unknown_rooms(root: Path, rule: Rule) -> Iterator[str]:
    on_disk = {room_of(path, root) for path in (root / CODE).rglob("*.py")}
    yield from (f"the room {room} has no row in {DOCUMENT}" for room in sorted(on_disk - set(rule.may_import)))
    for room, targets in rule.may_import.items():
        yield from (f"the row of {room} names the unknown room {target}" for target in targets - set(rule.may_import))
    for name, homes in rule.homes.items():
        yield from (f"the row of {name} names the unknown room {home}" for home in homes - set(rule.may_import))


def _assigns_all(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def _table(document: str, header: list[str]) -> list[list[str]]:
    rows: list[list[str]] = []
    inside = False
    for line in document.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == header:
            inside = True
        elif inside and line.startswith("|"):
            rows.append(cells)
        else:
            inside = False
    if len(rows) < 2:
        raise ValueError(f"there is no table with the columns {', '.join(header)}")
    return rows[1:]


def _words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
