"""The keeper of one isolated attempt: starts its process, tells how that ended, and lets nothing outlive it.

It stands between the fork server and the handler and runs none of our users' code. The attempt ends with whichever
ends first: the handler, or the executor at the other end of the channel, which may also just ask for it by closing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from easyflow.engine.offspring import Offspring
from easyflow.engine.parent import die_with_parent

Handler = Callable[[int, int], None]


def keep(channel: socket.socket, request: int, run: Handler) -> NoReturn:
    """Run the attempt in a process below this one and end with it; on the channel say that it began and how it ended.

    A message is one line of JSON, `{"began": pid}` and then `{"exit": code}`; between them come those of the handler.
    By the last one everything the handler started is gone.
    """
    offspring = Offspring()
    handler = os.fork()
    if handler == 0:
        offspring.forget()
        _handle(channel, request, run)
    os.close(request)
    _say(channel, {"began": handler})
    codes: dict[int, int] = {}
    while handler not in codes and channel not in offspring.wait(channel):
        codes |= offspring.ended()
    codes |= offspring.end_all()
    _say(channel, {"exit": codes.get(handler)})
    os._exit(0)


def _handle(channel: socket.socket, request: int, run: Handler) -> NoReturn:
    """Run the handler as the leader of a session of its own, and return to nobody."""
    try:
        os.setsid()
        die_with_parent()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _reseed()
        run(channel.detach(), request)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _reseed() -> None:
    """Draw other random numbers than every other child; `random` and the system's sources do so by themselves."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed()


def _say(channel: socket.socket, message: dict[str, Any]) -> None:
    """Say it on a line of its own: the handler may have died in the middle of one."""
    try:
        channel.sendall(b"\n" + json.dumps(message).encode() + b"\n")
    except OSError:
        return
