"""A stand-in for the `easyflow` command: small programs that live like `migrate`, `api`, `worker`, `dashboard`, `demo`.

Run as a script; `dev FOLDER PORT [OPTION ...]` is the real stack over them; it asks its question on a line.
It serves a dashboard where `--dashboard PORT` says so: from the sources in `--frontend FOLDER`, or as built in
`--built FOLDER`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def dev(folder: str, port: str, *words: str) -> int:
    """The stack, with this file in the place of the program; `yes` on stdin answers its question."""
    from easyflow.errors import EasyFlowError
    from easyflow.local.stack import StackOptions, run_stack
    from easyflow.settings import settings

    frontend = _after("--frontend", words)
    options = StackOptions(
        folder=Path(folder),
        api_port=int(port),
        dashboard_port=int(_after("--dashboard", words) or 3000),
        dashboard="--dashboard" in words,
        frontend=Path(frontend) if frontend else None,
        built=Path(_after("--built", words) or folder),
        demo="--demo" in words,
        exit_when_done="--exit-when-done" in words,
        reset="--reset" in words,
        program=(sys.executable, __file__),
    )
    try:
        return run_stack(options, settings(), ask=asked)
    except EasyFlowError as refused:
        sys.stderr.write(f"refused: {refused.message}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def migrate() -> int:
    """Say which database, by both of its addresses, and fail when the test asks for it."""
    names = [os.environ[f"EASYFLOW_DATABASE_{kind}"].rpartition("/")[2] for kind in ("URL", "DIRECT_URL")]
    say(f"migrating {names[0]}, directly {names[1]}")
    return int(os.environ.get("STAND_IN_MIGRATE", "0"))


def api(*words: str) -> int:
    """Answer 200 to everything, where the real API would listen."""
    import uvicorn

    options = dict(zip(words[::2], words[1::2], strict=True))
    uvicorn.run(_answer, host=options["--host"], port=int(options["--port"]), log_level="warning")
    return 0


def dashboard(*words: str) -> int:
    """Serve like the API, and say which API it would pass on to."""
    say(f"passing on to {os.environ['EASYFLOW_API_URL']}")
    return api(*words)


def worker() -> NoReturn:
    """Work until told to stop, then drain."""

    def drain(number: int, frame: FrameType | None) -> NoReturn:
        say("drained")
        sys.exit(0)

    signal.signal(signal.SIGTERM, drain)
    say("working")
    while True:
        time.sleep(60)


def demo(name: str) -> int:
    """End at once with a code of its own."""
    say(f"posted {name}")
    return 7


def asked(question: str) -> bool:
    """Put the question and read the answer."""
    say(question)
    return sys.stdin.readline().strip() == "yes"


def say(line: str) -> None:
    """One line for the stack to show."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _answer(scope: MutableMapping[str, Any], receive: object, send: Send) -> None:
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def _after(option: str, words: Sequence[str]) -> str | None:
    return words[words.index(option) + 1] if option in words else None


COMMANDS: dict[str, Callable[..., int]] = {
    "dev": dev,
    "migrate": migrate,
    "api": api,
    "worker": worker,
    "dashboard": dashboard,
    "demo": demo,
}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
