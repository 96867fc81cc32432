"""Open streams when the API of the command line is told to stop."""

from __future__ import annotations

import asyncio
import signal
import time

from tests.acceptance.test_api_server import Served, served
from tests.support.live import Stream

__all__ = ["served"]


async def test_open_streams_end_at_once_when_the_api_is_told_to_stop(served: Served) -> None:
    async with (
        served.client.stream("GET", "/api/v1/stream") as one,
        served.client.stream("GET", "/api/v1/stream") as other,
    ):
        streams = [Stream(one), Stream(other)]
        for stream in streams:
            assert (await stream.next()).name == "hello"
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        assert await asyncio.gather(*(stream.rest() for stream in streams)) == [[], []]
        assert await served.ended() == 0
        # The grace behind which uvicorn cuts everybody off is eight seconds.
        assert time.monotonic() - began < 5
    output = served.output()
    assert "api.stopped" in output
    assert "Traceback" not in output
