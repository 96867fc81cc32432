"""The one page: where it lives and the response's nonce are written into it; and what browsers are told to forbid."""

from __future__ import annotations

import re
import secrets
from html import escape
from pathlib import Path

from starlette.responses import Response

from easyflow.errors import Misconfigured

_BASE = re.compile(r"<base\b[^>]*>")
_NONCE = re.compile(r"\bnonce=(\"[^\"]*\"|'[^']*')")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; manifest-src 'self'"
)
_CSP = "content-security-policy"

# On every answer, also on those of the API that pass through.
HEADERS = {
    _CSP: _POLICY.format(nonce=""),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Page:
    """The page under one prefix."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """Read index.html; raises Misconfigured when it was not built, or not built for this."""
        try:
            text = (folder / "index.html").read_text()
        except OSError:
            raise Misconfigured("the dashboard was not built: run `make dashboard`") from None
        self._text, bases = _BASE.subn(f'<base href="{escape(prefix)}/">', text)
        if bases != 1 or not _NONCE.search(text):
            raise Misconfigured("the dashboard's index.html lacks its base or its nonce: run `make dashboard`")

    def answer(self, *, with_body: bool) -> Response:
        """Answer with the page and a nonce that was never used before."""
        nonce = secrets.token_urlsafe(16)
        content = _NONCE.sub(f'nonce="{nonce}"', self._text).encode()
        headers = {
            _CSP: _POLICY.format(nonce=f" 'nonce-{nonce}'"),
            "cache-control": "no-cache",
            "content-length": str(len(content)),
            "content-type": "text/html; charset=utf-8",
        }
        return Response(content if with_body else b"", headers=headers)
