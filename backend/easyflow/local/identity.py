"""As whom PostgreSQL runs: it refuses root, and cannot start for a user without a name."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyflow.local.errors import CannotStart

# `nobody` on every Linux: the one unprivileged account that is always there and that initdb can look up.
NOBODY = 65_534
NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


@dataclass(frozen=True)
class Identity:
    """How a program is started: words before its command, and the account to drop to, if any."""

    prefix: tuple[str, ...] = ()
    user_id: int | None = None

    @property
    def popen_options(self) -> dict[str, Any]:
        """Arguments for `subprocess` that drop to the account; empty when there is none."""
        if self.user_id is None:
            return {}
        return {"user": self.user_id, "group": self.user_id, "extra_groups": []}

    @property
    def owner_id(self) -> int:
        """Who owns the data directory on disk."""
        return os.geteuid() if self.user_id is None else self.user_id

    def own(self, path: Path) -> None:
        """Give `path` to the account; nothing happens when there is none."""
        if self.user_id is not None:
            os.chown(path, self.user_id, self.user_id)


@dataclass(frozen=True)
class Surroundings:
    """What this machine lets us do: who we are, and whether user namespaces are allowed."""

    root: bool
    named: bool
    namespaces: bool


def look_around() -> Surroundings:
    """Ask the system; takes about 10 ms for root, who needs a namespace."""
    root, named = os.geteuid() == 0, _has_name(os.geteuid())
    return Surroundings(root, named, namespaces=(root or not named) and _namespaces_allowed())


def choose_identity(here: Surroundings) -> Identity:
    """Ourselves if we may; else an unprivileged user namespace, in which files stay ours; else the account `nobody`.

    Raises CannotStart where a user without a name may not make a namespace either.
    """
    if not here.root and here.named:
        return Identity()
    if here.namespaces:
        return Identity(prefix=NAMESPACE)
    if here.root:
        return Identity(user_id=NOBODY)
    raise CannotStart(
        f"PostgreSQL cannot start for user id {os.geteuid()}, which has no entry in /etc/passwd: "
        "start as a named user, or set EASYFLOW_DATABASE_URL"
    )


def _has_name(user_id: int) -> bool:
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        return False
    return True


def _namespaces_allowed() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
