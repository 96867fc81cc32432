"""Folders that stand for the root of a container: running commands in them, in namespaces of their own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ENTER = Path(__file__).with_name("enter-root.sh")
NAMESPACES = ("unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child")
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Where this machine keeps its answer to "where do packages come from": the same answer must hold inside.
PACKAGE_FILES = ("/etc/pip.conf", "/etc/uv/uv.toml", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
PACKAGE_FILES_AT_HOME = (".npmrc", ".config/pip/pip.conf", ".config/uv/uv.toml")
PACKAGE_VARIABLES = ("PIP_", "UV_", "NPM_CONFIG_", "SSL_CERT_", "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "HTTPS_PROXY")

# Folders of this machine, which are not there inside.
FOLDERS_HERE = ("PIP_FIND_LINKS", "PIP_CACHE_DIR", "UV_FIND_LINKS", "UV_CACHE_DIR")


class StepFailed(Exception):
    """A command inside a root ended with another code than 0."""


@dataclass(frozen=True)
class Root:
    """One such folder, and how to live in it."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "0:0"
    workdir: str = "/"
    binds: tuple[tuple[str, str], ...] = ()
    tmpfs: tuple[str, ...] = ()
    read_only: bool = False
    confined: bool = False
    hostname: str | None = None

    def command(self, *words: str) -> list[str]:
        """The words for `subprocess` that run `words` inside, as process 1 of their own namespace."""
        options = [
            *(word for source, target in self.binds for word in ("--bind", source, target)),
            *(word for target in self.tmpfs for word in ("--tmpfs", target)),
            *(["--read-only"] if self.read_only else []),
            *(["--confined"] if self.confined else []),
            *(["--hostname", self.hostname] if self.hostname else []),
            *(
                word
                for name, value in {"PATH": SEARCHED, **self.environment}.items()
                for word in ("--env", f"{name}={value}")
            ),
            *("--user", self.user, "--workdir", self.workdir),
        ]
        return [*NAMESPACES, str(ENTER), str(self.folder), *options, "--", *words]

    def run(self, *words: str, seconds: float = 900) -> None:
        """Run a command inside, its output shown as it comes; raises StepFailed, or TimeoutExpired."""
        tell(f"  # {shlex.join(words)}")
        done = subprocess.run(self.command(*words), check=False, stdin=subprocess.DEVNULL, timeout=seconds)
        if done.returncode:
            # Not the whole command: its variables may hold what fetches this machine's packages.
            raise StepFailed(f"{shlex.join(words)}: exit code {done.returncode}")


def tell(line: str) -> None:
    """A line of the transcript, in order with what the children write."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def packages(home: str) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """This machine's settings for fetching packages: files to bind, for a user whose home is `home`, and variables."""
    here = Path.home()
    files = [(Path(name), name) for name in PACKAGE_FILES]
    files += [(here / name, f"{home}/{name}") for name in PACKAGE_FILES_AT_HOME]
    variables = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(PACKAGE_VARIABLES) and name not in FOLDERS_HERE
    }
    return tuple((str(file.resolve()), target) for file, target in files if file.exists()), variables


def copied(source: Path, target: Path) -> Path:
    """A copy of a root that can be changed; takes a second or two."""
    subprocess.run(["cp", "--archive", "--reflink=auto", str(source), str(target)], check=True)
    return target
