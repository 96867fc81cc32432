"""Copies of the project in which one file can be broken while its tests run, so that the checkout stays whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.statements import Mutant

LEFT_OUT = ("frontend/", "docs/images/")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests made of a broken file: the first that failed, if any, and the seconds until then."""

    test: str | None
    seconds: float
    written: str


class Copy:
    """One copy of all files that git knows or would add."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Make it in an empty folder."""
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if not name.startswith(LEFT_OUT) and (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)

    def judge(self, root: Path, mutant: Mutant, tests: Sequence[str], seconds: float) -> Verdict:
        """Break the file, run the tests until one fails, and put the file back."""
        broken = self.folder / mutant.file.relative_to(root)
        whole = broken.read_text()
        broken.write_text(mutant.text)
        try:
            return self.run(tests, seconds)
        finally:
            broken.write_text(whole)

    def run(self, tests: Sequence[str], seconds: float, *options: str, **environment: str) -> Verdict:
        """Run tests in their order and stop at the first that fails; one that hangs has failed."""
        (self.folder / "chosen").write_text("\n".join(tests) + "\n")
        words = ["-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", "--no-header"]
        began = time.monotonic()
        ran = subprocess.run(
            [sys.executable, *words, "-rfE", "--tb=line", f"--timeout={seconds:g}", *options, "@chosen"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{self.folder / 'backend'}:{self.folder}", **environment},
            check=False,
            capture_output=True,
            text=True,
        )
        failed = _FAILED.search(ran.stdout)
        if ran.returncode == 0:
            return Verdict(None, time.monotonic() - began, ran.stdout)
        return Verdict(failed[1] if failed else "the run itself", time.monotonic() - began, ran.stdout + ran.stderr)
