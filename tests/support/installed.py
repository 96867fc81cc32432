"""EasyFlow as its users install it: a wheel made from this checkout, in an environment that knows nothing of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import ROOT, project_files
from tests.support.waiting import within

STATIC = Path("backend", "easyflow", "dashboard", "static")
STRANGE = ("PYTHON", "VIRTUAL_ENV", "EASYFLOW_", "PYTEST_", "COV_")


@dataclass(frozen=True)
class Packages:
    """What `make wheel` makes: the wheel was made from the sdist."""

    sdist: Path
    wheel: Path


def make_packages(folder: Path) -> Packages:
    """Build sdist and wheel from a copy of the checkout; the wheel without Node, from the sdist."""
    source = copy_checkout(folder / "checkout")
    build(source, "--sdist", folder / "dist")
    [sdist] = (folder / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    [unpacked] = (folder / "unpacked").iterdir()
    build(unpacked, "--wheel", folder / "dist", PATH=str(folder / "no programs here"))
    [wheel] = (folder / "dist").glob("*.whl")
    return Packages(sdist, wheel)


def copy_checkout(target: Path) -> Path:
    """Copy what git would take, and the dashboard where it is built; else the build builds it."""
    for file in project_files(ROOT):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target / file)
    if (ROOT / STATIC / "index.html").is_file():
        shutil.copytree(ROOT / STATIC, target / STATIC, dirs_exist_ok=True)
    return target


def build(source: Path, kind: str, target: Path, **environment: str) -> None:
    """Run `python -m build` in `source`."""
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", str(target)]
    run(command, source, {**clean_environment(), **environment})


def clean_environment() -> dict[str, str]:
    """This process's environment without what leads back to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(STRANGE)}


def run(command: list[str], folder: Path, environment: Mapping[str, str], seconds: float = 240) -> str:
    """Run a command to its end, which must be a good one; what it printed."""
    done = subprocess.run(
        command, check=False, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and a folder of the user's own."""

    environment: Path
    folder: Path

    @classmethod
    def make(cls, wheel: Path, home: Path) -> Installed:
        """Install the wheel with the locked packages and, as a user would, pytest."""
        made = cls(home / "environment", home / "project")
        made.folder.mkdir(parents=True)
        uv = str(ROOT / ".venv/bin/uv")
        into = ["--python", str(made.environment / "bin/python")]
        clean, locks = clean_environment(), ROOT / "requirements"
        run([uv, "venv", "--quiet", "--python", sys.executable, str(made.environment)], home, clean)
        run([uv, "pip", "install", *into, "--require-hashes", "-r", str(locks / "local.txt")], home, clean)
        run([uv, "pip", "install", *into, "--no-deps", str(wheel)], home, clean)
        run([uv, "pip", "install", *into, "--constraint", str(locks / "dev.txt"), "pytest"], home, clean)
        run([uv, "pip", "check", *into], home, clean)
        return made

    def command(self, *words: str) -> list[str]:
        """`easyflow WORDS`, or with `python` first, that."""
        name, *rest = words if words[0] == "python" else ("easyflow", *words)
        return [str(self.environment / "bin" / name), *rest]

    def __call__(self, *words: str, **environment: str) -> str:
        """Call it in the user's folder; what it printed."""
        return run(self.command(*words), self.folder, {**clean_environment(), **environment})

    @contextmanager
    def running(self, *commands: tuple[str, ...], **environment: str) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Run commands beside each other in the user's folder; each is told to stop, last first, and must end well."""
        with ExitStack() as stack:
            yield [stack.enter_context(self._running(words, environment)) for words in commands]

    @contextmanager
    def _running(self, words: tuple[str, ...], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        log = self.folder.parent / f"{words[0]}.log"
        with log.open("wb") as written:
            started = subprocess.Popen(
                self.command(*words),
                cwd=self.folder,
                env={**clean_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
            )
        try:
            yield started
            assert started.poll() is None, f"{words} ended by itself:\n{log.read_text()}"
            started.send_signal(signal.SIGTERM)
            assert started.wait(60) == 0, log.read_text()
        except BaseException:
            sys.stderr.write(f"{words}:\n{log.read_text(errors='replace')[-4000:]}\n")
            raise
        finally:
            if started.poll() is None:
                started.kill()
                started.wait()


def fetch(url: str) -> tuple[Mapping[str, str], str]:
    """Headers (in lower case) and text of a page."""
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - always http to this machine
        return {name.lower(): value for name, value in reply.getheaders()}, reply.read().decode()


def until_it_says(url: str, words: str, seconds: float = 60.0) -> None:
    """Wait until a page can be fetched and has these words in it."""

    def said() -> bool:
        try:
            return words in fetch(url)[1]
        except (OSError, urllib.error.URLError):
            return False

    within(seconds, said, lambda: f"{url} does not say {words}")
