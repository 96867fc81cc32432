"""Names of machines and of pages: which mean this machine, and which are the same place."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class Host(NamedTuple):
    """What a Host header names; `port` is None when it says none."""

    name: str
    port: int | None


class Origin(NamedTuple):
    """The place a page was fetched from."""

    scheme: str
    name: str
    port: int

    def is_at(self, host: Host) -> bool:
        """Whether the page came from where its request goes to; a Host without a port means the scheme's own."""
        return (self.name, self.port) == (host.name, _PORTS[self.scheme] if host.port is None else host.port)


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a name or address (an IPv6 address with or without brackets) can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def read_host(text: str) -> Host | None:
    """Return what a Host header names, in lower case; None when it is not one name with at most one port."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    return Host(found["name"].lower(), int(found["port"]) if found["port"] else None)


def read_origin(text: str) -> Origin | None:
    """Return what an Origin header names; None for `null`, other schemes, and everything that is no origin."""
    scheme, separator, rest = text.partition("://")
    host = read_host(rest)
    if not separator or scheme not in _PORTS or host is None:
        return None
    return Origin(scheme, host.name, _PORTS[scheme] if host.port is None else host.port)
