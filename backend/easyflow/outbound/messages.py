"""What goes out: a checked request, and the one a redirect turns it into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from easyflow.outbound.errors import OutboundRefused

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

# These frame the message or steer the connection; a caller who set them could make two ends read different requests.
_OURS = {
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# What another origin may see: nothing that could be a credential or a key.
_HARMLESS = {"accept", "accept-language", "content-type", "user-agent"}
_TO_GET = {301, 302, 303}
_REDIRECTS = {*_TO_GET, 307, 308}
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Message:
    """One request to one address; its URL, method and headers have been checked."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    body: bytes | None

    @property
    def host(self) -> str:
        """The host as it is resolved, named in SNI and shown to people; international names in their ASCII form."""
        return self.url.raw_host.decode("ascii")

    @property
    def port(self) -> int:
        """The port, also when the URL leaves it to the scheme."""
        return self.url.port or _DEFAULT_PORTS[self.url.scheme]

    @property
    def origin(self) -> tuple[str, str, int]:
        """What two URLs must share for credentials to be passed on."""
        return self.url.scheme, self.host, self.port

    def request(self, address: str, extensions: dict[str, object]) -> httpx.Request:
        """Make the request that connects to `address` and still names the host, in its header and in SNI."""
        try:
            request = httpx.Request(self.method, self.url, headers=self.headers, content=self.body)
        except UnicodeEncodeError:
            raise OutboundRefused("a header has characters that HTTP does not allow") from None
        request.url = self.url.copy_with(host=address)
        request.extensions = {"sni_hostname": self.host, **extensions}
        return request


def compose(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Message:
    """Check a request and add our own headers; raises OutboundRefused saying what is not allowed."""
    if method.upper() not in METHODS:
        raise OutboundRefused(f"the method must be one of {', '.join(sorted(METHODS))}")
    given = {name.lower(): value for name, value in headers.items()}
    for name in given:
        if name in _OURS or name.startswith("proxy-"):
            raise OutboundRefused(f"the header {name} is set by EasyFlow")
    ours = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "EasyFlow"}
    return Message(method.upper(), _checked(url, "the URL"), {**ours, **given, "connection": "close"}, body)


def redirected(message: Message, status: int, location: str | None) -> Message | None:
    """Return the request a reply asks for, None when it asks for none; raises OutboundRefused for a bad target."""
    if status not in _REDIRECTS or location is None:
        return None
    try:
        target = str(message.url.join(location))
    except (httpx.InvalidURL, ValueError):
        raise OutboundRefused(f"{message.host} redirects to something that is not a URL", sent=True) from None
    method, headers, body = message.method, dict(message.headers), message.body
    if (status == 303 and method != "HEAD") or (status in _TO_GET and method == "POST"):
        method, body = "GET", None
        headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
    following = Message(method, _checked(target, f"the URL {message.host} redirects to"), headers, body)
    if following.origin == message.origin:
        return following
    kept = {name: value for name, value in headers.items() if name in _HARMLESS or name == "accept-encoding"}
    return Message(method, following.url, {**kept, "connection": "close"}, body)


def _checked(url: str, what: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        raise OutboundRefused(f"{what} is not a valid URL") from None
    if parsed.scheme not in _DEFAULT_PORTS:
        raise OutboundRefused(f"{what} must begin with https:// or http://")
    if not parsed.host:
        raise OutboundRefused(f"{what} names no host")
    if parsed.userinfo:
        raise OutboundRefused(f"{what} must not hold a user name or password; send a header instead")
    if parsed.port is not None and not 0 < parsed.port <= 65535:
        raise OutboundRefused(f"{what} names a port that does not exist")
    return parsed
