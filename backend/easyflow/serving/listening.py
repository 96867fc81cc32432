"""Sockets to listen on: this machine's alone, or, with an API key, those that others can reach."""

from __future__ import annotations

import errno
import socket

from easyflow.access.addresses import is_loopback
from easyflow.errors import Misconfigured

BACKLOG = 2048
# Either name of this machine means both of its addresses: programs try them in different orders.
_BOTH = ("localhost", "127.0.0.1")
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


def listen(host: str, port: int, *, keyed: bool) -> list[socket.socket]:
    """Return sockets bound to the addresses behind `host`; raises Misconfigured in one sentence.

    `localhost` and 127.0.0.1 also mean ::1, where there is one. Addresses that others can reach are refused unless
    the server is `keyed`.
    """
    if not is_loopback(host) and not keyed:
        raise Misconfigured(
            f"others could reach the address {host or repr(host)}: set EASYFLOW_API_KEY, or listen on localhost"
        )
    if not host:
        raise Misconfigured("an empty address means every address: say 0.0.0.0 or :: if that is meant")
    bound: list[socket.socket] = []
    try:
        for address in ("127.0.0.1", "::1") if host.lower() in _BOTH else (host.strip("[]"),):
            opened = _bound(address, bound[0].getsockname()[1] if bound else port)
            if opened is not None:
                bound.append(opened)
    except BaseException:
        for each in bound:
            each.close()
        raise
    if not bound:
        raise Misconfigured(f"this machine has no address {host}; use localhost")
    return bound


def displayed(bound: socket.socket) -> str:
    """Return the address of a socket as one writes it in a browser."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bound(address: str, port: int) -> socket.socket | None:
    """Return a socket bound to one address, None when this machine has no such address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        opened.listen(BACKLOG)
    except OSError as wrong:
        opened.close()
        if wrong.errno in _ABSENT:
            return None
        raise Misconfigured(_why(address, port, wrong)) from None
    return opened


def _why(address: str, port: int, wrong: OSError) -> str:
    if wrong.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program: stop that program, or choose another port with --port"
    if wrong.errno == errno.EACCES:
        return f"port {port} is reserved for root: choose one above 1023 with --port"
    return f"cannot listen on {address}, port {port}: {wrong.strerror}"
