"""Running what a console block shows, and comparing it with the output that stands there."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.documents import Block, commands

MARK = "=== ended with "
SECONDS = 60


@dataclass(frozen=True)
class Ran:
    """What one command of a block came to."""

    code: int
    output: str


def run_block(block: Block, folder: Path, address: str) -> list[Ran]:
    """Run the commands of a block one after the other in one shell; `address` stands for http://localhost:3030."""
    shown = commands(block)
    script = "\n".join(f"{{ {command.words}\n}} 2>&1; printf '\\n{MARK}%s\\n' $?" for command in shown)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")}
    done = subprocess.run(
        ["bash", "-c", script.replace("http://localhost:3030", address)],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    ended = re.findall(rf"(.*?)\n{MARK}(\d+)\n", done.stdout, re.DOTALL)
    return [Ran(int(code), output) for output, code in ended]


def is_as_shown(output: str, shown: str) -> bool:
    """Whether `output` is what a document shows; `…` stands for anything in a line, alone for any lines."""
    lines = shown.rstrip("\n").split("\n")
    pattern = "".join(r"(?:[^\n]*\n)*?" if line == "…" else f"{_line(line)}\n" for line in lines)
    return re.fullmatch(pattern, output.rstrip("\n") + "\n") is not None


def _line(line: str) -> str:
    return "[^\n]*".join(re.escape(part) for part in line.split("…"))
