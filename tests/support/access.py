"""An API that asks for its key, and the ways to show one."""

from __future__ import annotations

import httpx

from easyflow.access.keys import ApiKey
from easyflow.access.sessions import COOKIE, issue

KEY = "correct-horse-battery-staple"
WRONG = "correct-horse-battery-stapler"
OWN_PAGE = {"origin": "http://localhost:3030", "sec-fetch-site": "same-origin"}


def bearer(key: str = KEY) -> dict[str, str]:
    """The header of a program that has a key."""
    return {"authorization": f"Bearer {key}"}


def with_session(key: str = KEY, now: float | None = None) -> dict[str, str]:
    """The header of a browser whose session this key began, by default just now."""
    return {"cookie": f"{COOKIE}={issue(ApiKey(key), now)}"}


def session_of(reply: httpx.Response) -> dict[str, str]:
    """The session cookie that a reply sets: its value as "value", and each attribute in lower case."""
    [said] = [each for each in reply.headers.get_list("set-cookie") if each.startswith(f"{COOKIE}=")]
    parts = [part.strip().partition("=") for part in said.removeprefix(f"{COOKIE}=").split(";")]
    return {"value": parts[0][0]} | {name.lower(): value for name, _, value in parts[1:]}
