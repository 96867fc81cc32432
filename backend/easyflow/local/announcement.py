"""What the stack says once everything answers: where things are, and what to do next."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

CURL = """\
  curl -sS {api}/api/v1/jobs -H 'Content-Type: application/json' \\
       {key}-d '{{"task": "demo.echo", "payload": {{"message": "hello"}}}}'"""


@dataclass(frozen=True)
class Announcement:
    """Where each part of a running stack is; without a `dashboard`, `about_dashboard` says why."""

    folder: Path
    api: str
    dashboard: str | None
    about_dashboard: str
    database: str
    needs_key: bool

    def text(self) -> str:
        """Several lines; no secret is among them."""
        shown = f"{self.dashboard}   ({self.about_dashboard})" if self.dashboard else self.about_dashboard
        first = f"open {self.dashboard}, or from" if self.dashboard else "from"
        curl = CURL.format(api=self.api, key='-H "Authorization: Bearer $EASYFLOW_API_KEY" ' if self.needs_key else "")
        share = "  . .easyflow/environment\n" if self.needs_key else ""
        return f"""
EasyFlow is running.
  Dashboard  {shown}
  API        {self.api}   (try it in the browser: {self.api}/docs)
  Database   {self.database}

Next: {first} another terminal in this folder:
{share}{curl}
  . .easyflow/environment && {self._program()} demo mainframe

Ctrl-C stops everything.
"""

    def _program(self) -> Path:
        program = Path(sys.executable).parent / "easyflow"
        here = self.folder.absolute()
        return program.relative_to(here) if program.is_relative_to(here) else program
