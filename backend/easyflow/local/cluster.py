"""A private PostgreSQL cluster on disk: making it, its settings, its password, its version."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from easyflow.local.binaries import Binaries
from easyflow.local.errors import CannotStart
from easyflow.local.identity import Identity
from easyflow.local.tether import tether

USER = "easyflow"
DATABASE = "easyflow"

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
SIZES = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
}
# A queue turns its small tables over all day: vacuum must come often and not be slowed down.
QUEUE = {
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "2000",
}
LOG = {"log_line_prefix": "'%m [%p] '", "log_lock_waits": "on", "log_checkpoints": "off"}
# PostgreSQL refuses this one where the system cannot tell that a client has gone.
LINUX = {"client_connection_check_interval": "500ms"} if sys.platform == "linux" else {}


@dataclass(frozen=True)
class Cluster:
    """One data directory with what belongs beside it, the programs that may open it, and the account they run as."""

    home: Path
    binaries: Binaries
    identity: Identity

    @property
    def data(self) -> Path:
        """The data directory; mode 0700."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.home / "postgres.log"

    @property
    def password(self) -> str:
        """The password of the one user, made at random and kept in a file of mode 0600."""
        return (self.home / "password").read_text().strip()

    def command(self, program: str, *words: str) -> list[str]:
        """The full command that runs one of PostgreSQL's programs under the right account, tied to our own life."""
        return [*self.identity.prefix, *tether("INT"), self.binaries.program(program), *words]

    def environment(self) -> dict[str, str]:
        """Our environment without what would change the server's behaviour behind our back."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return {**kept, "LC_ALL": "C"}

    def write_settings(self, port: int, changes: Mapping[str, str]) -> None:
        """Write the settings of the next start: loopback TCP only, durable unless `changes` says otherwise."""
        ours = {"listen_addresses": "'127.0.0.1'", "port": str(port), "unix_socket_directories": "''"}
        chosen = {**DURABLE, **SIZES, **QUEUE, **LOG, **LINUX, **changes, **ours}
        written = self.data / "easyflow.conf"
        written.write_text(
            "# Written at every start; use `alter system` for changes that stay.\n"
            + "".join(f"{name} = {value}\n" for name, value in chosen.items())
        )
        self.identity.own(written)


def recorded_major(home: Path) -> int | None:
    """The major version that made the cluster in `home`, or None when there is none yet."""
    try:
        return int((home / "data" / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as wrong:
        raise CannotStart(f"the local database in {home} cannot be read ({wrong}): start afresh with --reset") from None


def make_cluster(cluster: Cluster, changes: Mapping[str, str]) -> None:
    """Make the data directory with its user and database, or raise CannotStart; never leaves a half-made one."""
    unfinished = cluster.home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    cluster.identity.own(unfinished)
    password = cluster.home / "password"
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24) + "\n")
    cluster.identity.own(password)
    hasty = changes.get("fsync") == "off"
    words = [*_initdb_words(cluster.binaries.major), f"--pwfile={password}", *(["--no-sync"] if hasty else [])]
    _run(cluster, "initdb", "-D", str(unfinished), *words)
    with (unfinished / "postgresql.conf").open("a") as settings:
        settings.write("\ninclude_if_exists 'easyflow.conf'\n")
    # Single-user mode needs neither a client nor a port.
    words = ["--single", "-D", str(unfinished), *(["-F"] if hasty else []), "postgres"]
    _run(cluster, "postgres", *words, told=f"create database {DATABASE}\n")
    unfinished.rename(cluster.data)


def _initdb_words(major: int) -> list[str]:
    words = [f"--username={USER}", "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", "--no-instructions"]
    if major >= 17:
        # Independent of the system's locales: text sorts the same everywhere and after every upgrade.
        return [*words, "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*words, "--locale=C.UTF-8"]


def _run(cluster: Cluster, program: str, *words: str, told: str = "") -> None:
    try:
        ended = subprocess.run(
            cluster.command(program, *words),
            check=False,
            input=told,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=cluster.home,
            env=cluster.environment(),
            start_new_session=True,
            **cluster.identity.popen_options,
        )
    except (OSError, subprocess.TimeoutExpired) as wrong:
        raise CannotStart(f"the local database could not be made: {wrong}") from None
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or f"exit code {ended.returncode}").splitlines()
        raise CannotStart(f"the local database could not be made: {_last_complaint(said)}")


def _last_complaint(lines: list[str]) -> str:
    telling = [line for line in lines if "rror:" in line or "FATAL" in line or "could not" in line]
    return (telling or lines)[-1].strip()
