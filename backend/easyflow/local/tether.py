"""Programs we start end with us, even when we are killed."""

from __future__ import annotations

import shutil
import sys
from functools import lru_cache
from typing import Literal


@lru_cache
def tether(signal_name: Literal["INT", "TERM"]) -> tuple[str, ...]:
    """Words to put before a command so that the kernel sends it this signal when its parent ends.

    Empty where the system has no such thing. The parent is the *thread* that starts the program: start long-lived
    programs from the main thread only, or they are told to stop when that thread ends.
    """
    if sys.platform != "linux" or not (setpriv := shutil.which("setpriv")):
        return ()
    return (setpriv, "--pdeathsig", signal_name)
