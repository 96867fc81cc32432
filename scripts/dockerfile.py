"""Reads a Dockerfile: only the instructions that scripts/run_dockerfile.py can execute, everything else is refused."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Facts about an image that nothing has to be done for.
NOTED = frozenset({"LABEL", "EXPOSE", "STOPSIGNAL"})
DONE = frozenset({"RUN", "COPY", "ENV", "WORKDIR", "USER"})
STARTED = frozenset({"ENTRYPOINT", "CMD"})


class UnknownInstruction(Exception):
    """The Dockerfile asks for something that is not executed here, and so must not be passed over."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its line, its name in capitals, and the rest as it is written."""

    line: int
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The parts of the text: of a JSON list or, as in a shell, between blanks; raises UnknownInstruction."""
        if not self.text.startswith("["):
            return shlex.split(self.text)
        try:
            found = json.loads(self.text)
        except ValueError:
            raise UnknownInstruction(f"line {self.line}: {self.text} is no list in JSON") from None
        return [str(word) for word in found]

    @property
    def is_list(self) -> bool:
        """Whether it is written as a list, which no shell reads."""
        return self.text.startswith("[")


@dataclass(frozen=True)
class Stage:
    """What one FROM begins: the image or the stage it stands on, its own name if it has one, its instructions."""

    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True)
class Copy:
    """A COPY: the stage it takes from (None: the build context), what, and where to."""

    stage: str | None
    sources: list[str]
    target: str


def read_dockerfile(path: Path) -> list[Stage]:
    """The stages in order; raises UnknownInstruction, with its line, for whatever would not be executed."""
    stages: list[Stage] = []
    for instruction in _instructions(path.read_text()):
        if instruction.name == "FROM":
            stages.append(_stage(instruction))
        elif not stages:
            raise UnknownInstruction(f"line {instruction.line}: {instruction.name} stands before the first FROM")
        elif instruction.name not in DONE | NOTED | STARTED:
            raise UnknownInstruction(f"line {instruction.line}: {instruction.name} is not executed here")
        elif instruction.name in STARTED and not instruction.is_list:
            raise UnknownInstruction(f"line {instruction.line}: write {instruction.name} as a list")
        else:
            _check_parts(instruction)
            stages[-1].instructions.append(instruction)
    return stages


def read_copy(instruction: Instruction) -> Copy:
    """The parts of a COPY; raises UnknownInstruction for options other than --from."""
    words = instruction.words
    options = [word for word in words if word.startswith("--")]
    stages = [option.removeprefix("--from=") for option in options if option.startswith("--from=")]
    if len(stages) != len(options) or len(stages) > 1:
        raise UnknownInstruction(f"line {instruction.line}: of the options of COPY only --from is executed here")
    *sources, target = words[len(options) :]
    return Copy(stages[0] if stages else None, sources, target)


def ignored(patterns: list[str], path: str) -> bool:
    """Whether a .dockerignore keeps a path out: the last line that names it, or a folder above it, decides."""
    decision = False
    for line in patterns:
        pattern = line.removeprefix("!").strip("/")
        if re.match(rf"{_expression(pattern)}(/|$)", path):
            decision = not line.startswith("!")
    return decision


def read_dockerignore(path: Path) -> list[str]:
    """The lines that say something, in order."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _check_parts(instruction: Instruction) -> None:
    if instruction.name == "COPY":
        read_copy(instruction)
    elif instruction.is_list and not instruction.words:
        raise UnknownInstruction(f"line {instruction.line}: {instruction.name} names nothing")


def _instructions(text: str) -> Iterator[Instruction]:
    started, parts = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        started = started or number
        parts += line.strip()
        if parts.endswith("\\"):
            parts = parts[:-1]
            continue
        name, _, rest = parts.partition(" ")
        if "<<" in rest:
            raise UnknownInstruction(f"line {started}: here-documents are not executed here")
        yield Instruction(started, name.upper(), rest.strip())
        started, parts = 0, ""


def _stage(instruction: Instruction) -> Stage:
    match instruction.words:
        case [base]:
            return Stage(base, None)
        case [base, word, name] if word.upper() == "AS":
            return Stage(base, name)
    raise UnknownInstruction(f"line {instruction.line}: write FROM image, or FROM image AS name")


def _expression(pattern: str) -> str:
    parts = re.split(r"(\*\*/|\*|\?)", pattern)
    meant = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(meant.get(part, re.escape(part)) for part in parts)
