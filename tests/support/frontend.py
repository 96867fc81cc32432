"""The front end of this checkout, ready to be served from its sources."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tests.support.project import ROOT

FRONTEND_SECONDS = 300


@cache
def ready_frontend(kind: str = "serve") -> Path:
    """Its folder, with the packages that the script of `./start-dev.sh` puts there; a second call costs nothing.

    `kind` is `serve`, or `all` with what tests need.
    """
    command = [str(ROOT / "scripts" / "setup-frontend.sh"), kind]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=FRONTEND_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "frontend"
