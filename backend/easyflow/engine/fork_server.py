"""The fork server as its supervisor sees it: one for all executors, running before it is needed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time

from easyflow.engine.restarts import Restarts
from easyflow.observability import record


class ForkServer:
    """Keeps the process that forks for isolated attempts alive.

    Its door outlives it: what executors ask for while it is away waits in the socket for the next one. Attempts that
    run do not need it, so that its death interrupts none.
    """

    def __init__(self, modules: list[str]) -> None:
        """Make the door, whose outer side executors inherit; nothing is started yet."""
        self._modules = modules
        self._restarts = Restarts()
        self.door, self._inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    async def keep(self, executors_ready: asyncio.Event) -> None:
        """Start it, and start it again whenever it has died, until cancelled; then it is killed.

        It begins behind the executors, whose own start it would only slow down.
        """
        await executors_ready.wait()
        while True:
            born_at = time.monotonic()
            try:
                ended = await self._live()
            except OSError as refused:
                ended = str(refused)
            wait_seconds = self._restarts.wait_seconds(born_at)
            record.fork_server_died(ended, wait_seconds)
            await asyncio.sleep(wait_seconds)

    def close(self) -> None:
        """Close the door for good."""
        self.door.close()
        self._inside.close()

    async def _live(self) -> str:
        """Run one; returns how it ended. Raises OSError when it cannot be started."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "easyflow.engine.fork_server_main",
            str(self._inside.fileno()),
            json.dumps(self._modules),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[self._inside.fileno()],
        )
        try:
            return f"process {process.pid} ended with exit status {await process.wait()}"
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
