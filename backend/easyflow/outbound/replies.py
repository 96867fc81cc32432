"""What comes back: a reply read up to its limit, also when it is compressed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from easyflow.outbound.errors import OutboundFailed, OutboundRefused

# Reads both the gzip and the zlib header.
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_COMPRESSED = {"gzip", "x-gzip", "deflate"}


async def read_body(chunks: AsyncIterator[bytes], encoding: str, *, host: str, max_bytes: int) -> bytes:
    """Collect and unpack a body; never holds more than `max_bytes` and one network chunk.

    Raises OutboundRefused when it is larger, packed or unpacked, or packed in another way than gzip or deflate;
    OutboundFailed when what arrived cannot be unpacked.
    """
    names = [name for part in encoding.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if not names:
        return await _plain(chunks, host, max_bytes)
    if len(names) > 1 or names[0] not in _COMPRESSED:
        raise OutboundRefused(f"the reply of {host} is compressed in a way EasyFlow does not read", sent=True)
    try:
        return await _unpacked(chunks, host, max_bytes)
    except zlib.error:
        raise OutboundFailed(f"the reply of {host} cannot be decompressed", sent=True) from None


async def _plain(chunks: AsyncIterator[bytes], host: str, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        if len(body) + len(chunk) > max_bytes:
            raise _too_large(host, max_bytes)
        body += chunk
    return bytes(body)


async def _unpacked(chunks: AsyncIterator[bytes], host: str, max_bytes: int) -> bytes:
    body = bytearray()
    packed = 0
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
    async for chunk in chunks:
        packed += len(chunk)
        # One byte past the limit is enough to know; a bomb is never unpacked any further.
        body += unpack.decompress(chunk, max_bytes - len(body) + 1)
        if len(body) > max_bytes or packed > max_bytes:
            raise _too_large(host, max_bytes)
    if packed and not unpack.eof:
        raise OutboundFailed(f"the reply of {host} ended early", sent=True)
    return bytes(body)


def _too_large(host: str, max_bytes: int) -> OutboundRefused:
    return OutboundRefused(f"the reply of {host} is larger than {max_bytes} bytes, the limit", sent=True)
