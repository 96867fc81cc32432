"""The services of docker-compose.yml without Docker: each in a root of its own, in one network with nothing else in it.

Run by scripts/bare_debian.py as `python -m scripts.bare_stack IMAGE FOLDER` in a network namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from easyflow.local.binaries import bin_dir
from easyflow.local.postgres import LocalPostgres
from scripts.compose_file import NotSet, Service, in_order, read_services
from scripts.roots import Root, tell
from scripts.run_dockerfile import Image
from scripts.stack_checks import check_drained, check_refusals, check_stack

PROJECT = Path(__file__).resolve().parents[1]
COMPOSE = PROJECT / "docker-compose.yml"
# A user's own tasks, brought in as the first lines of docker-compose.yml say.
OWN_TASKS = PROJECT / "docs/guides/examples/greetings.py"
POSTGRES_PORT = 5432
HEALTH_SECONDS = 90.0


@dataclass
class Container:
    """A service that was started: its process is the first one of its own namespace, as in a container."""

    service: Service
    root: Root
    process: subprocess.Popen[bytes]

    @property
    def first_process(self) -> int:
        """The number, seen from outside, of the process that the entrypoint became."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def wait_until_healthy(self) -> None:
        """Run the health check of the compose file until it passes; raises RuntimeError when it never does."""
        deadline = time.monotonic() + HEALTH_SECONDS
        while (done := self.check()).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = done.stderr.decode(errors="replace").strip().splitlines()
                raise RuntimeError(f"{self.service.name} did not become healthy: {said[-1:]}")
            time.sleep(0.5)
        tell(f"  healthy: {' '.join(self.service.health)}")

    def check(self) -> subprocess.CompletedProcess[bytes]:
        """Run the health check once."""
        return subprocess.run(self.root.command(*self.service.health), check=False, capture_output=True, timeout=30)

    def confinement(self) -> dict[str, str]:
        """What the kernel says of the process: its user, its capabilities, whether it may gain any."""
        lines = Path(f"/proc/{self.first_process}/status").read_text().splitlines()
        facts = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        return {name: facts[name].split("\t")[0] for name in ("Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs")}

    def stop(self) -> float:
        """Send SIGTERM to the first process, wait for the end, and return the seconds it took; raises RuntimeError."""
        begun = time.monotonic()
        os.kill(self.first_process, signal.SIGTERM)
        try:
            code = self.process.wait(self.service.stop_seconds)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{self.service.name} did not end within its stop_grace_period") from None
        taken = time.monotonic() - begun
        tell(f"  {self.service.name}: exit code {code} after {taken:.1f} s of {self.service.stop_seconds:.0f} s")
        if code:
            raise RuntimeError(f"{self.service.name} ended with exit code {code}")
        return taken

    def kill(self) -> None:
        """End it at once if it still runs; everything in its namespace ends with its first process."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, IndexError):
            os.kill(self.first_process, signal.SIGKILL)
        self.process.wait()


def run_stack(image: Image, folder: Path) -> None:
    """Start everything in the order of the file, try it, and stop it; raises RuntimeError, AssertionError."""
    _raise_loopback()
    check_refusals(COMPOSE)
    with _postgres(folder) as password:
        variables = {"POSTGRES_PASSWORD": password, "EASYFLOW_API_KEY": secrets.token_hex(24)}
        services = read_services(COMPOSE, variables)
        hosts = folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {' '.join(services)}\n")
        running: list[Container] = []
        try:
            for service in in_order({name: each for name, each in services.items() if name != "postgres"}):
                _start(service, image, hosts, running)
            key = variables["EASYFLOW_API_KEY"]
            left = check_stack(key, {each.service.name: each.root for each in running})
            tell("SIGTERM to each, the last started first")
            for container in reversed(running):
                container.stop()
                if container.service.name == "worker":
                    check_drained(key, left)
        finally:
            for container in running:
                container.kill()


def _start(service: Service, image: Image, hosts: Path, running: list[Container]) -> None:
    root = _root(service, image, hosts)
    words = [*image.entrypoint, *(service.command or image.command)]
    tell(f"SERVICE {service.name}: {' '.join(words)}")
    process = subprocess.Popen(root.command(*words), stdin=subprocess.DEVNULL)
    container = Container(service, root, process)
    if not service.health:
        if process.wait(120):
            raise RuntimeError(f"{service.name} ended with exit code {process.returncode}")
        return
    running.append(container)
    container.wait_until_healthy()
    facts = container.confinement()
    tell(f"  confined: {', '.join(f'{name} {value}' for name, value in facts.items())}")
    if facts["Uid"] == "0" or int(facts["CapEff"], 16) or int(facts["CapBnd"], 16) or facts["NoNewPrivs"] != "1":
        raise RuntimeError(f"{service.name} may do more than it should: {facts}")


def _root(service: Service, image: Image, hosts: Path) -> Root:
    """The root of a service, as strict as its words say."""
    words = service.words
    mounted = {str(hosts): "/etc/hosts"}
    environment = {**image.environment, **service.environment}
    if service.name == "worker":
        mounted[str(OWN_TASKS)] = f"{image.workdir}/{OWN_TASKS.name}"
        environment["EASYFLOW_TASKS"] = OWN_TASKS.stem
    return Root(
        image.folder,
        environment=environment,
        user=str(words.get("user", image.user)),
        workdir=image.workdir,
        binds=tuple(mounted.items()),
        tmpfs=service.tmpfs,
        read_only=bool(words.get("read_only")),
        confined=words.get("cap_drop") == ["ALL"] and "no-new-privileges:true" in words.get("security_opt", []),
        hostname=service.name,
    )


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """PostgreSQL with the settings of the compose file, from this machine's programs; gives its password."""
    try:
        services = read_services(COMPOSE, {"POSTGRES_PASSWORD": "x", "EASYFLOW_API_KEY": "x"})
    except NotSet as missing:
        raise RuntimeError(str(missing)) from None
    words = services["postgres"].command
    settings = dict(word.split("=", 1) for before, word in itertools.pairwise(words) if before == "-c")
    home = folder / "postgres"
    home.mkdir()
    (home / "port").write_text(f"{POSTGRES_PORT}\n")
    server = LocalPostgres(home, changes=settings)
    tell(f"SERVICE postgres: this machine's programs stand for its image; {settings}")
    server.start()
    try:
        if server.port != POSTGRES_PORT:
            raise RuntimeError(f"PostgreSQL took port {server.port}")
        _try_readiness(services["postgres"])
        yield server.cluster.password
    finally:
        server.stop()


def _try_readiness(postgres: Service) -> None:
    """Run its health check, where the programs at hand include that one."""
    program, *words = postgres.health
    here = bin_dir() / program
    if not here.exists():
        tell(f"  not run: {program} is not among this machine's programs")
        return
    subprocess.run([here, *words], check=True)


def _raise_loopback() -> None:
    """Bring up `lo`, the only interface of a new network namespace."""
    up_and_running, set_flags = 0x1 | 0x40, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh", b"lo", up_and_running))


def read_image(described: Mapping[str, object]) -> Image:
    """The image that scripts/bare_debian.py described in JSON."""
    environment = described["environment"]
    assert isinstance(environment, dict)
    entrypoint, command = described["entrypoint"], described["command"]
    assert isinstance(entrypoint, list)
    assert isinstance(command, list)
    return Image(
        Path(str(described["folder"])),
        environment,
        str(described["workdir"]),
        str(described["user"]),
        tuple(entrypoint),
        tuple(command),
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run_stack(read_image(json.loads(Path(sys.argv[1]).read_text())), Path(sys.argv[2]))
