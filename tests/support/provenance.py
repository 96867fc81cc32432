"""Where figures come from: the commit, the day and the machine, in one line for a report."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

TABLE = Path("backend/easyflow/domain/transitions.py")
_TABLE = re.compile(r"transition table ([0-9a-f]{12})")


def provenance(root: Path) -> str:
    """Return commit, day, cores, processor, memory and Python; a changed checkout says so."""
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    changed = " with changes" if _git(root, "status", "--porcelain", "--", "backend", "alembic") else ""
    day = datetime.now(UTC).date().isoformat()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"commit {commit}{changed}, {day}, {os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def table_digest(root: Path) -> str:
    """Return what tells one transition table from another."""
    return hashlib.sha256((root / TABLE).read_bytes()).hexdigest()[:12]


def outdated(root: Path, written: str) -> list[str]:
    """Say whether a report was made before the transition table of today."""
    table = _TABLE.search(written)
    return [] if table is not None and table[1] == table_digest(root) else ["it is older than the transition table"]


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "an unnamed processor"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unnamed")
