"""Loopback ports: which are free, and which addresses `localhost` stands for."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence

from easyflow.local.errors import CannotStart

# Below the range from which systems draw ports for outgoing connections, so that a remembered port stays free.
PRIVATE_PORTS = range(15_432, 25_432)


def loopback_addresses() -> list[str]:
    """The addresses behind `localhost`, 127.0.0.1 always among them; ::1 only where it can be used."""
    try:
        known = {str(entry[4][0]) for entry in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}
    except socket.gaierror:
        known = set()
    return ["127.0.0.1", *(["::1"] if "::1" in known and _can_bind("::1", 0) else [])]


def is_busy(port: int, addresses: Sequence[str] = ("127.0.0.1",)) -> bool:
    """Whether someone listens on `port` at one of `addresses` (or we may not)."""
    return not all(_can_bind(address, port) for address in addresses)


def free_port() -> int:
    """A port nobody listens on at 127.0.0.1 now; another program may still take it first."""
    for port in random.sample(PRIVATE_PORTS, 200):
        if not is_busy(port):
            return port
    raise CannotStart("no free port was found for PostgreSQL on 127.0.0.1")


def _can_bind(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do it: connections of an earlier server that are still closing do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError:
        return False
    return True
