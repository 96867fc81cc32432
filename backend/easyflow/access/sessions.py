"""Sessions of the dashboard: a signed token in a cookie that every API process with the same key accepts.

Nothing is stored. So a session cannot be ended one by one: it ends after twelve hours, with the cookie, or, all at
once, with the API key.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import time
from collections.abc import Sequence

from easyflow.access.keys import ApiKey

COOKIE = "easyflow_session"
LIFETIME_SECONDS = 12 * 3600

_LABEL = "easyflow session 1"
_TOKEN = re.compile(r"(?P<said>[A-Za-z0-9_-]{22}\.(?P<until>[0-9]{1,12}))\.(?P<proof>[A-Za-z0-9_-]{43})")
# A neighbour on another port of this host may set cookies of this name too: ours is looked for among a few.
_MOST_COOKIES = 8
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def issue(key: ApiKey, now: float | None = None) -> str:
    """Return a fresh token, good for twelve hours from `now` (seconds since 1970) or from this moment."""
    until = int((time.time() if now is None else now) + LIFETIME_SECONDS)
    said = f"{secrets.token_urlsafe(16)}.{until}"
    return f"{said}.{_proof(key, said)}"


def is_valid(key: ApiKey, token: str, now: float | None = None) -> bool:
    """Whether this key signed the token, and its time is not over."""
    found = _TOKEN.fullmatch(token)
    if found is None or not hmac.compare_digest(_proof(key, found["said"]), found["proof"]):
        return False
    return int(found["until"]) > (time.time() if now is None else now)


def tokens_in(cookies: Sequence[str]) -> list[str]:
    """Return the session tokens in Cookie headers, at most eight, in their order."""
    pairs = (pair.strip().partition("=") for header in cookies for pair in header.split(";"))
    return [value for name, _, value in pairs if name == COOKIE][:_MOST_COOKIES]


def cookie(token: str, path: str, *, secure: bool) -> str:
    """Return the Set-Cookie header that stores `token`, or removes it when `token` is empty.

    No script can read it and no other site's page can send it. `path` is where the dashboard lives; one that is no
    plain path counts as "/".
    """
    lifetime = LIFETIME_SECONDS if token else 0
    place = path if _PATH.fullmatch(path) else "/"
    said = f"{COOKIE}={token}; Path={place}; Max-Age={lifetime}; HttpOnly; SameSite=Strict"
    return f"{said}; Secure" if secure else said


def _proof(key: ApiKey, said: str) -> str:
    digest = hmac.digest(key.derived(_LABEL), said.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
