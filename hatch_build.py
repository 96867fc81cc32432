"""Builds the dashboard into the package before it is packed, unless it is built already."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = Path("backend", "easyflow", "dashboard", "static", "index.html")
SOURCES = (Path("frontend", "package.json"), Path("scripts", "setup-frontend.sh"), Path("scripts", "with-node.sh"))


class DashboardMissing(Exception):
    """There is no built dashboard, and none can be built here."""


class DashboardHook(BuildHookInterface[Any]):
    """What hatchling calls before it packs a wheel or a source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make sure that there is a built dashboard; an editable installation does without.

        Raises DashboardMissing in one sentence when it can neither be found nor built.
        """
        del build_data
        if version != "editable":
            ensure_dashboard(Path(self.root))


def ensure_dashboard(root: Path) -> None:
    """Build the dashboard of the checkout in `root` unless it is there; raises DashboardMissing."""
    if (root / BUILT).is_file():
        return
    if not all((root / source).is_file() for source in SOURCES):
        raise DashboardMissing(
            "the dashboard is not built and its sources are not here: build from a checkout, or from a release's sdist"
        )
    setup, with_node = (str(root / script) for script in SOURCES[1:])
    _run([setup, "serve"], root)
    _run([with_node, "npm", "run", "build"], root / "frontend")
    if not (root / BUILT).is_file():
        raise DashboardMissing(f"the dashboard was built, but {BUILT} is missing")


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise DashboardMissing(
            "the dashboard is not built and could not be built here; "
            f"it needs Node 20.19 or newer and its packages: {' / '.join(told)}"
        )
