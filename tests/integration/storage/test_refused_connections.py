"""What a person is told when the other end of a database address takes no such connection."""

from __future__ import annotations

import asyncio
import struct

import pytest

from easyflow.errors import StorageUnavailable
from easyflow.storage.database import connect


async def test_a_pooler_that_refuses_the_settings_of_a_connection_names_the_way_past_it() -> None:
    fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: lock_timeout\0\0"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(struct.unpack("!I", await reader.readexactly(4))[0] - 4)
        writer.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as pooler:
        port = pooler.sockets[0].getsockname()[1]
        with pytest.raises(StorageUnavailable) as refused:
            await connect(
                f"postgresql://me@127.0.0.1:{port}/jobs?sslmode=disable", server_settings={"lock_timeout": "1"}
            )
    assert refused.value.message == (
        f"postgresql://me@127.0.0.1:{port}/jobs refuses: unsupported startup parameter: lock_timeout; "
        "past a pooler the address is EASYFLOW_DATABASE_DIRECT_URL"
    )
