"""Somebody else's web site on this machine: an empty page at every address, and a memory of what was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<!doctype html><title>elsewhere</title><body></body>"


@dataclass(frozen=True)
class Asked:
    """One request: `kind` is its content type without parameters."""

    method: str
    path: str
    kind: str
    body: str


class ForeignSite(ThreadingHTTPServer):
    """The site; browsers open connections that they never use, so nothing waits for those."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []


class _Handler(BaseHTTPRequestHandler):
    server: ForeignSite

    def handle_any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        kind = (self.headers.get("content-type") or "").partition(";")[0]
        self.server.asked.append(Asked(self.command, self.path, kind, self.rfile.read(length).decode()))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    do_GET = do_POST = do_PATCH = do_OPTIONS = handle_any

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def foreign_site() -> Iterator[ForeignSite]:
    """Serve it until the block ends."""
    with ForeignSite() as site:
        threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield site
        finally:
            site.shutdown()
