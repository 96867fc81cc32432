"""The Dockerfile, docker-compose.yml and `./start-dev.sh` on a minimal Debian; scripts/bare-debian.sh runs it.

What differs from the real images: every base is the same minimal Debian 12; Python is Debian's 3.11, Node comes from
requirements/node.txt, PostgreSQL is this machine's; there is no seccomp filter, no cgroup, and one network for all.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import httpx

from easyflow.local.ports import free_port
from scripts.roots import Root, copied, packages, tell
from scripts.run_dockerfile import build

ROOT = Path(__file__).resolve().parents[1]
STACK_SECONDS = 900
START_SECONDS = 1200
# The nightly run's sums, as every run of the demo must print them.
DEMO_FACTS = ("262   77,954.70", "38   26,846.84", "These are exactly the verified results.")
RUNNING = "EasyFlow is running."


def main() -> None:
    """Run the parts that were asked for, all of them by default; raises when one fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base", type=Path, help="the minimal Debian, a tar file")
    parser.add_argument("folder", type=Path, help="an empty folder; the caller removes it")
    parser.add_argument("parts", nargs="*", default=["images", "start"], help="images, start")
    asked = parser.parse_args()
    checkout = asked.folder / "checkout"
    tell(f"From {clean_copy(ROOT, checkout)}")
    debian = asked.folder / "debian"
    debian.mkdir()
    subprocess.run(["tar", "--extract", "--file", asked.base, "--directory", debian], check=True)
    tell(f"A minimal Debian {(debian / 'etc/debian_version').read_text().strip()}")
    parts: dict[str, Callable[[Path, Path, Path], None]] = {"images": images, "start": start}
    for part in asked.parts:
        parts[part](debian, checkout, asked.folder)
    tell(f"Passed: {', '.join(asked.parts)}")


def images(debian: Path, checkout: Path, folder: Path) -> None:
    """Execute the Dockerfile's steps, then its entrypoint as each service of docker-compose.yml."""
    tell("\n== The image of backend/Dockerfile")
    bases = {"python": _python_base(debian, folder), "node": _node_base(debian, checkout, folder)}
    image = build(checkout / "backend/Dockerfile", checkout, bases, _made(folder / "image"))
    size = subprocess.run(["du", "-sm", image.folder / "opt/easyflow"], check=True, capture_output=True, text=True)
    tell(f"The environment in the image holds {size.stdout.split()[0]} MB")
    described = folder / "image.json"
    described.write_text(json.dumps({**asdict(image), "folder": str(image.folder)}))
    tell("\n== The services of docker-compose.yml")
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words = [sys.executable, "-m", "scripts.bare_stack", str(described), str(_made(folder / "stack"))]
    subprocess.run([*command, *words], check=True, cwd=ROOT, timeout=STACK_SECONDS)


def start(debian: Path, checkout: Path, folder: Path) -> None:
    """Run `./start-dev.sh --demo --exit-when-done` from a clean clone, as root and as an ordinary user."""
    for user in ("root", "ann"):
        tell(f"\n== ./start-dev.sh as {user}")
        inside = copied(debian, folder / f"start-{user}")
        home = f"/srv/{user}"
        if user == "root":
            _made(inside / home.lstrip("/"))
        else:
            Root(inside).run("useradd", "--create-home", "--home-dir", home, user)
        copied(checkout, inside / home.lstrip("/") / "easyflow")
        _start_as(user, home, inside)


def _start_as(user: str, home: str, inside: Path) -> None:
    binds, variables = packages(home)
    number = "0:0" if user == "root" else "1000:1000"
    # An ordinary user cannot read root's files: it gets copies of its own.
    for source, target in binds:
        place = inside / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
        place.chmod(0o644)
    subprocess.run(["chown", "--recursive", number, inside / home.lstrip("/")], check=True)
    environment = {**variables, "HOME": home, "USER": user, "LANG": "C.UTF-8"}
    root = Root(inside, environment, user=number, workdir=f"{home}/easyflow", tmpfs=("/tmp",))  # noqa: S108
    ports = {"--api-port": free_port(), "--dashboard-port": free_port()}
    options = [str(word) for option in ports.items() for word in option]
    words = ["./start-dev.sh", "--demo", "--exit-when-done", *options]
    tell(f"  $ {' '.join(words)}")
    code, said = _told(root.command("timeout", str(START_SECONDS), *words), ports)
    missing = [fact for fact in (RUNNING, *DEMO_FACTS) if fact not in said]
    if code or missing:
        raise RuntimeError(f"./start-dev.sh as {user}: exit code {code}, not printed: {missing}")


def _told(command: list[str], ports: dict[str, int]) -> tuple[int, str]:
    """Run the start, its lines in the transcript as they come, and visit it once; returns exit code and output."""
    said: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            tell(f"  {line.rstrip()}")
            if RUNNING in line:
                _visit(ports)
    return process.returncode, "".join(said)


def _visit(ports: dict[str, int]) -> None:
    """Both addresses answer as soon as the start says that it runs; raises AssertionError."""
    for path in (f"{ports['--dashboard-port']}/", f"{ports['--api-port']}/readyz"):
        answer = httpx.get(f"http://localhost:{path}", timeout=60, trust_env=False)
        tell(f"  GET http://localhost:{path} {answer.status_code}, {len(answer.content)} bytes")
        assert answer.status_code == 200


def _python_base(debian: Path, folder: Path) -> Path:
    base = copied(debian, folder / "base-python")
    for name in ("python", "python3"):
        (base / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    return base


def _node_base(debian: Path, checkout: Path, folder: Path) -> Path:
    base = copied(debian, folder / "base-node")
    lock = "requirements/node.txt"
    shutil.copyfile(checkout / lock, base / "opt/node.txt")
    binds, variables = packages("/root")
    root = Root(base, {**variables, "HOME": "/root"}, binds=binds)
    root.run("python3", "-m", "venv", "/opt/node")
    root.run("/opt/node/bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "/opt/node.txt")
    for name in ("node", "npm", "npx"):
        (base / "usr/local/bin" / name).symlink_to(f"/opt/node/bin/{name}")
    root.run("node", "--version")
    return base


def clean_copy(project: Path, target: Path) -> str:
    """Copy what git would take of a checkout and say what was copied: a clone where nothing is changed."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(project), *words], check=True, capture_output=True, text=True).stdout

    revision = git("rev-parse", "--short", "HEAD").strip()
    if not git("status", "--porcelain").strip():
        git("clone", "--quiet", "--no-local", str(project), str(target))
        return f"a clone at {revision}"
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (project / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, target / name)
    return f"a copy of the working tree, which has changes on {revision}"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
