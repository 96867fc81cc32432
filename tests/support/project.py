"""Which files belong to the project: everything git would take, found without asking git."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def project_files(root: Path) -> list[Path]:
    """All files below `root` that .gitignore does not name, sorted, as paths below `root`."""
    ignored = ignored_names(root)
    return sorted(_walk(root, ignored))


def ignored_names(root: Path) -> list[str]:
    """The name patterns of `root`/.gitignore; it holds names only, no paths and no exceptions."""
    listed = root / ".gitignore"
    lines = listed.read_text().splitlines() if listed.exists() else []
    return [".git", *(line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#"))]


def code_files(root: Path, *suffixes: str) -> list[Path]:
    """The project files written in the languages of `suffixes`; a shell script without suffix counts as .sh."""
    return [path for path in project_files(root) if language(root / path) in suffixes]


def language(path: Path) -> str:
    """The suffix of a file, or what its first line says when it has none."""
    if path.suffix or path.name == "Makefile":
        return path.suffix or ".mk"
    with path.open("rb") as file:
        return ".sh" if file.readline().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh", b"#!/bin/bash")) else ""


def text_of(path: Path) -> str | None:
    """The text of a file, or None when it is no UTF-8 text."""
    content = path.read_bytes()
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _walk(root: Path, ignored: list[str]) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not _matches(name, ignored)]
        here = Path(folder).relative_to(root)
        yield from (here / name for name in files if not _matches(name, ignored))


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
