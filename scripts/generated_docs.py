"""Writes those parts of the documents that are made from code: `.venv/bin/python scripts/generated_docs.py`."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

from easyflow.domain.transitions import TRANSITIONS, Transition
from easyflow.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("CODEBASE_NAVIGATION.md", "docs/guides/easyflow_guide.md", "docs/reliability.md")
REPORTS = ("matrix", "mutation", "soak")

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def settings_table() -> str:
    """One row for each setting, in the order of `Settings`."""
    rows = [
        f"| `EASYFLOW_{name.upper()}` | {_shown(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def state_diagram() -> str:
    """Every move of a job, one arrow from state to state."""
    arrows: dict[tuple[str, str], list[Transition]] = {}
    for move in TRANSITIONS:
        arrows.setdefault((move.source or "[*]", move.target), []).append(move)
    lines = [
        f"    {source} --> {target}: {', '.join(f'{move.id} {move.actor}' for move in moves)}"
        for (source, target), moves in arrows.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def transition_table() -> str:
    """Every move with its guard, in the order of `TRANSITIONS`."""
    rows = [f"| {t.id} | {t.source or '–'} | {t.target} | {t.actor} | {t.guard} |" for t in TRANSITIONS]
    return "\n".join(["| move | from | to | by | when |", "|---|---|---|---|---|", *rows])


def laboratory() -> str:
    """What each report says of itself before its tables: where it was made and what came of it."""
    told = []
    for name in REPORTS:
        report = ROOT / "docs" / "reports" / f"{name}.md"
        paragraphs = report.read_text().split("\n\n") if report.exists() else ["", "not written yet"]
        said = takewhile(lambda paragraph: not paragraph.startswith(("|", "#")), paragraphs[1:])
        told.append(f"- [{name}](reports/{name}.md): {' '.join(' '.join(said).split())}")
    return "\n".join(told)


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "states": state_diagram,
    "transitions": transition_table,
    "laboratory": laboratory,
}


def rewritten(text: str) -> str:
    """Return a document with its generated parts as the code has them now; raises KeyError for an unknown part."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}\n{found[3]}", text)


def main() -> None:
    """Rewrite the documents in place."""
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(rewritten(path.read_text()))


def _shown(default: object) -> str:
    return "–" if default in (None, "") else f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    main()
