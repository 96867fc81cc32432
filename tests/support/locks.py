"""What the lock files promise: every package by exact version and hash, and no address to fetch it from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

KINDS = ("bootstrap", "runtime", "local", "dev", "node")
PYTHON_LOCKS = tuple(f"requirements/{kind}.txt" for kind in KINDS)
NODE_LOCK = "frontend/package-lock.json"
ADDRESS = re.compile(
    r"://|^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b|\s@\s|\"resolved\""
)


def addresses(root: Path) -> list[str]:
    """Lines of the locks that say where to fetch something."""
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in (*PYTHON_LOCKS, NODE_LOCK)
        if (root / name).exists()
        for number, line in enumerate((root / name).read_text().splitlines(), 1)
        if ADDRESS.search(line)
    ]


def unhashed(root: Path) -> list[str]:
    """Packages of the locks that nothing ties to their content."""
    found = [
        f"{name}: {entry.splitlines()[0]}"
        for name in PYTHON_LOCKS
        for entry in re.split(r"\n(?=\w)", (root / name).read_text())
        if "==" in entry and "--hash=sha256:" not in entry
    ]
    packages = json.loads((root / NODE_LOCK).read_text())["packages"]
    # What comes inside another package's archive is tied with that archive.
    own = {name: entry for name, entry in packages.items() if name and not entry.get("inBundle")}
    return found + [f"{NODE_LOCK}: {name}" for name, entry in own.items() if "integrity" not in entry]


def pins(root: Path, name: str) -> dict[str, str]:
    """Package -> version of one Python lock."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (root / name).read_text(), re.MULTILINE))


def declared(root: Path, extra: str | None = None) -> set[str]:
    """The packages pyproject.toml asks for at run time, or with an extra on top, by bare name."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else [])]
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in asked}
