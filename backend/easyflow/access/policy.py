"""The rules for who is answered.

Without an API key whoever reaches this address may do everything. So only this machine is answered, under its own
names: a page of another site is told apart by the Host it was fetched under (a rebound name is no loopback name). With
a key any name may lead here. In both cases a page may ask only the place it came from: another port is another place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from easyflow.access import sessions
from easyflow.access.addresses import Host, is_loopback, read_host, read_origin
from easyflow.access.errors import Unauthenticated
from easyflow.access.keys import ApiKey
from easyflow.errors import Forbidden

READS = frozenset({"GET", "HEAD"})

# Who acts, as it is written down: a program, or a person on a page.
Caller = Literal["api", "dashboard"]

_READ = {b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"authorization", b"cookie"}


class Asked:
    """What the rules look at in a request; `server` is where its connection ended, None when that is not known."""

    def __init__(self, method: str, path: str, headers: Iterable[tuple[bytes, bytes]], server: str | None) -> None:
        """Read the headers that matter; their names are lower case."""
        self.method = method
        self.path = path
        self.server = server
        self._headers: dict[bytes, list[str]] = {name: [] for name in _READ}
        for name, value in headers:
            if name in _READ:
                self._headers[name].append(value.decode("latin-1"))

    def all(self, name: bytes) -> list[str]:
        """Return every value of one of these headers."""
        return self._headers[name]

    @property
    def reads(self) -> bool:
        """Whether the method promises to change nothing."""
        return self.method in READS


@dataclass(frozen=True)
class Policy:
    """Who may ask one server for what.

    `is_open` tells the paths that need no key; `is_page` those that a link on another site may lead to.
    """

    key: ApiKey | None
    allowed_hosts: frozenset[str]
    is_open: Callable[[str], bool]
    is_page: Callable[[str], bool]

    def admit(self, asked: Asked) -> Caller | None:
        """Return who asks, None for a stranger at an open path; raises Forbidden and Unauthenticated."""
        host = self._host(asked)
        page = _page(asked, host)
        if page == "foreign" and not (self.is_page(asked.path) and _follows_link(asked)):
            raise Forbidden(
                "pages of other origins may neither read nor change anything here; "
                "a proxy in front must pass the Host header on as it is"
            )
        return self._caller(asked, page)

    def _host(self, asked: Asked) -> Host:
        hosts = [read_host(text) for text in asked.all(b"host")]
        host = hosts[0] if len(hosts) == 1 else None
        if self.key is None:
            if host is None or not is_loopback(host.name) or not is_loopback(asked.server or "localhost"):
                raise Forbidden("without EASYFLOW_API_KEY only this machine is answered: use http://localhost")
        elif host is None or not self._is_allowed(host.name):
            raise Forbidden("this name is not answered: EASYFLOW_ALLOWED_HOSTS does not list it")
        return host

    def _is_allowed(self, name: str) -> bool:
        return not self.allowed_hosts or name in self.allowed_hosts or is_loopback(name)

    def _caller(self, asked: Asked, page: Page) -> Caller | None:
        if self.key is None:
            return "dashboard" if page == "own" else "api"
        if asked.all(b"authorization"):
            if _bears(asked, self.key):
                return "api"
        elif any(sessions.is_valid(self.key, token) for token in sessions.tokens_in(asked.all(b"cookie"))):
            # A cookie is sent whoever made the browser ask; so an act must also show that it was our page.
            if not asked.reads and page != "own":
                raise Forbidden("an act with a session must come from the dashboard's own page")
            return "dashboard"
        if self.is_open(asked.path):
            return None
        raise Unauthenticated()


Page = Literal["own", "foreign", "none"]


def _page(asked: Asked, host: Host) -> Page:
    """Tell what kind of page made the browser ask: one from here, one from elsewhere, or none that shows."""
    origins, sites = asked.all(b"origin"), asked.all(b"sec-fetch-site")
    if any(site not in ("same-origin", "none") for site in sites):
        return "foreign"
    for text in origins:
        origin = read_origin(text)
        if origin is None or not origin.is_at(host):
            return "foreign"
    return "own" if origins or "same-origin" in sites else "none"


def _follows_link(asked: Asked) -> bool:
    """Whether a person opens the address as a page of its own: not in a frame, not from a script."""
    return (
        asked.reads
        and not asked.all(b"origin")
        and asked.all(b"sec-fetch-mode") == ["navigate"]
        and asked.all(b"sec-fetch-dest") == ["document"]
    )


def _bears(asked: Asked, key: ApiKey) -> bool:
    credentials = asked.all(b"authorization")
    scheme, _, offered = credentials[0].partition(" ")
    return len(credentials) == 1 and scheme.lower() == "bearer" and key.matches(offered.strip())
