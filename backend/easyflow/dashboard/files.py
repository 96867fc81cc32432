"""The built files: read once at the start, so that a request can name nothing else, and a new build harms nobody."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response

# Not the system's table of types: a slim image has none.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSED = frozenset({".ico", ".jpg", ".png", ".webp", ".woff2"})
_VARIANTS = {".br": "br", ".gz": "gzip"}
_WORTH_BYTES = 1024

LASTING = "public, max-age=31536000, immutable"
LOOK_AGAIN = "no-cache"


@dataclass(frozen=True)
class File:
    """One file as it is sent: its bytes by encoding, "identity" among them."""

    media: str
    caching: str
    tag: str
    forms: Mapping[str, bytes]

    def answer(self, headers: Headers, *, with_body: bool) -> Response:
        """Answer 200 with the smallest form the client takes, or 304 when it has that already."""
        encoding = _chosen(self.forms, headers.get("accept-encoding", ""))
        tag = f'"{self.tag}-{encoding}"'
        sent = {"etag": tag, "cache-control": self.caching, "vary": "accept-encoding"}
        if _has(headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=sent)
        content = self.forms[encoding]
        sent |= {"content-length": str(len(content)), "content-type": self.media}
        if encoding != "identity":
            sent["content-encoding"] = encoding
        return Response(content if with_body else b"", headers=sent)


def read_files(folder: Path) -> dict[str, File]:
    """Return every file below `folder` by its path with slashes; hidden ones and links are left out.

    A `.gz` or `.br` beside a file is that file compressed; where there is no `.gz` one is made.
    """
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if _is_plain(path, folder)}
    return {name: _file(name, path, found) for name, path in found.items() if not _is_variant(name, found)}


def is_known_type(name: str) -> bool:
    """Whether a name ends as those of built files do: then it means a file, and no page."""
    return Path(name).suffix.lower() in _TYPES.keys() | _VARIANTS.keys()


def _is_plain(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not path.is_symlink() and not hidden


def _is_variant(name: str, found: Mapping[str, Path]) -> bool:
    path = Path(name)
    return path.suffix in _VARIANTS and path.with_suffix("").as_posix() in found


def _file(name: str, path: Path, found: Mapping[str, Path]) -> File:
    content = path.read_bytes()
    forms = {"identity": content}
    for suffix, encoding in _VARIANTS.items():
        if name + suffix in found:
            forms[encoding] = found[name + suffix].read_bytes()
    suffix = path.suffix.lower()
    if "gzip" not in forms and len(content) >= _WORTH_BYTES and suffix not in _COMPRESSED:
        forms["gzip"] = gzip.compress(content, mtime=0)
    # The names of built assets carry a digest of what is in them.
    caching = LASTING if name.startswith("assets/") else LOOK_AGAIN
    tag = hashlib.sha256(content).hexdigest()[:32]
    return File(_TYPES.get(suffix, "application/octet-stream"), caching, tag, forms)


def _chosen(forms: Mapping[str, bytes], accepted: str) -> str:
    taken = {"identity"}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "").rstrip("0") not in ("q=", "q=0."):
            taken.add(name.strip())
    return min((len(content), encoding) for encoding, content in forms.items() if encoding in taken)[1]


def _has(said: str, tag: str) -> bool:
    return said.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in said.split(","))
