"""Markdown documents as the tests read them: fenced blocks, commands with their output, names in backticks, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATTERNS = ("README.md", "[A-Z]*_*.md", "docs/guides/*.md", "docs/decisions/[0-9]*.md")

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_QUOTED = re.compile(r"<!-- quoted: (\S+) -->\n\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands behind its backticks, its text, its first line, and the source it quotes."""

    info: str
    text: str
    line: int
    source: str | None


@dataclass(frozen=True)
class Command:
    """One command of a console block, and the output the document shows for it."""

    words: str
    output: str


def documents(root: Path) -> list[Path]:
    """The documents that are held by tests, as paths below `root`."""
    return sorted({path.relative_to(root) for pattern in PATTERNS for path in root.glob(pattern)})


def blocks(text: str, *languages: str) -> list[Block]:
    """The fenced blocks in order; only those in one of `languages` when some are given."""
    found = [
        Block(fence["info"].strip(), fence["text"], text.count("\n", 0, fence.start()) + 1, _source(text, fence))
        for fence in _FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.info.split(" ")[0] in languages]


def commands(block: Block) -> list[Command]:
    """The commands of a console block: lines behind `$ `, gone on behind a backslash; then their output."""
    found: list[Command] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ "), ""))
        elif found and not found[-1].output and found[-1].words.endswith("\\"):
            found[-1] = Command(f"{found[-1].words}\n{line}", "")
        elif found:
            found[-1] = Command(found[-1].words, f"{found[-1].output}{line}\n")
        else:
            raise ValueError(f"line {block.line}: a console block begins with a command, behind `$ `")
    return found


def prose(text: str) -> str:
    """The document without its fenced blocks."""
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """What stands in backticks outside of fenced blocks."""
    return _SPAN.findall(prose(text))


def links(text: str) -> list[str]:
    """Where the links outside of fenced blocks lead."""
    return _LINK.findall(_SPAN.sub("", prose(text)))


def anchors(text: str) -> set[str]:
    """The names under which a browser finds the headings."""
    titles = (line.lstrip("#").strip().lower() for line in prose(text).splitlines() if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def section(text: str, title: str) -> str:
    """The part of a document under one heading, up to the next of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"there is no section {title!r}")
    after = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE).search(text, found.end())
    return text[found.end() : after.start() if after else None]


def table(text: str, *header: str) -> list[list[str]]:
    """The rows of the table with these columns; raises ValueError when there is none."""
    rows = list(_rows(text, list(header)))
    if len(rows) < 2:
        raise ValueError(f"there is no table with the columns {', '.join(header)}")
    return rows[1:]


def _rows(text: str, header: list[str]) -> Iterator[list[str]]:
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]
        if cells == header:
            inside = True
        elif inside and line.startswith("|"):
            yield cells
        else:
            inside = False


def _source(text: str, fence: re.Match[str]) -> str | None:
    named = _QUOTED.search(text[: fence.start()])
    return named[1] if named else None
