"""Which jobs of CI a change needs: `plan`, and the list for a workflow as `make ci-plan` prints it.

Only the standard library: this runs before there is an environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable

# Every job is the `make` target of its name; together they are `make check`.
JOBS = ("lint", "types", "test", "soak", "test-pg15", "test-frontend", "test-browser")
SERVER = ("lint", "types", "test", "soak", "test-pg15", "test-browser")
TEXT = ("lint", "test")

# What a change below a path can break. Of several prefixes the longest counts; a path without one needs everything.
RULES: dict[str, tuple[str, ...]] = {
    "backend/": SERVER,
    "backend/Dockerfile": TEXT,
    "alembic/": ("lint", "test", "soak", "test-pg15", "test-browser"),
    "tests/": SERVER,
    "bench/": ("lint", "types"),
    "frontend/": ("lint", "test", "test-frontend", "test-browser"),
    "docs/": TEXT,
    "README.md": TEXT,
    "DAILY_DEVELOPER_GUIDE.md": TEXT,
    "CODEBASE_NAVIGATION.md": TEXT,
    "BRANCH_AWARE_CI_CD.md": TEXT,
    "CHANGELOG.md": TEXT,
    "LICENSE": TEXT,
    "docker-compose.yml": TEXT,
    "docker-compose.dev.yml": TEXT,
    ".dockerignore": TEXT,
    ".editorconfig": TEXT,
    ".gitignore": TEXT,
    ".pre-commit-config.yaml": TEXT,
    ".yamllint": TEXT,
}
# What is merged and what is released has passed everything, whatever it changed.
WHOLE_BRANCHES = ("main",)
RELEASE_PREFIX = "v"


def plan(branch: str, paths: Iterable[str]) -> list[str]:
    """The jobs a change of `paths` on `branch` needs, in the order of JOBS.

    All of them on `main`, for a tag of a release (`v1.2.3`), for a path that no rule names, and for no paths at all:
    then nobody knows what changed.
    """
    changed = list(paths)
    if branch in WHOLE_BRANCHES or is_release(branch) or not changed:
        return list(JOBS)
    needed = {job for path in changed for job in _jobs_of(path)}
    return [job for job in JOBS if job in needed]


def is_release(name: str) -> bool:
    """Whether this names a release: `v` and a version."""
    return name.startswith(RELEASE_PREFIX) and name[len(RELEASE_PREFIX) :].replace(".", "").isdigit()


def _jobs_of(path: str) -> tuple[str, ...]:
    known = [prefix for prefix in RULES if path == prefix or (prefix.endswith("/") and path.startswith(prefix))]
    return RULES[max(known, key=len)] if known else JOBS


def changed_paths(base: str) -> list[str]:
    """The paths that differ from where `base` and HEAD parted; none when git cannot tell."""
    if not base:
        return []
    # Both names of a file that moved count.
    command = ["git", "diff", "--name-only", "--no-renames", f"{base}...HEAD", "--"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def main() -> None:
    """Print `jobs=[...]`, as a GitHub workflow takes outputs; BRANCH and BASE are variables of `make ci-plan`."""
    jobs = plan(os.environ.get("BRANCH", ""), changed_paths(os.environ.get("BASE", "")))
    sys.stdout.write(f"jobs={json.dumps(jobs)}\n")


if __name__ == "__main__":
    main()
