"""Turning what a handler raised into a Fault that can always be stored."""

from __future__ import annotations

import traceback

from easyflow.domain.outcome import MESSAGE_CHARS, TRACEBACK_CHARS, Fault

_OUR_FRAMES = ("easyflow/engine/", "asyncio/", "concurrent/futures/")


def fault_of(raised: BaseException) -> Fault:
    """Describe an exception: type, message, traceback without our own frames and without locals.

    Never raises, whatever the exception's own code does, and holds nothing PostgreSQL refuses.
    """
    kind = type(raised)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    code = _code(raised)
    return Fault(
        type=storable(name, 500),
        message=storable(_message(raised), MESSAGE_CHARS),
        traceback=storable(_traceback(raised), TRACEBACK_CHARS),
        code=storable(code, 200) if isinstance(code, str) else None,
    )


def storable(text: str, most: int) -> str:
    """Return text PostgreSQL can keep: no NUL, no lone surrogates, at most `most` characters with the middle cut."""
    clean = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
    if len(clean) <= most:
        return clean
    half = most // 2
    return f"{clean[:half]}\n... {len(clean) - 2 * half} characters left out ...\n{clean[-half:]}"


def _code(raised: BaseException) -> object:
    try:
        return getattr(raised, "code", None)
    except BaseException:
        return None


def _message(raised: BaseException) -> str:
    try:
        return str(raised)
    except BaseException as unprintable:
        return f"<message cannot be shown: {type(unprintable).__name__}>"


def _traceback(raised: BaseException) -> str:
    try:
        described = traceback.TracebackException.from_exception(raised, capture_locals=False)
        described.stack = traceback.StackSummary.from_list(
            [frame for frame in described.stack if not any(part in frame.filename for part in _OUR_FRAMES)]
        )
        return "".join(described.format())
    except BaseException as unprintable:
        return f"<traceback cannot be shown: {type(unprintable).__name__}>"
