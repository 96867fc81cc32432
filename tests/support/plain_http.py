"""HTTP without encryption, to processes of this machine: what clients of tests share, and whether somebody serves."""

from __future__ import annotations

import ssl

import httpx

# Without authorities, which take longer to read than a process of ours takes to answer.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def is_served(url: str) -> bool:
    """Whether an address answers with 200; False when nobody is there yet."""
    try:
        async with httpx.AsyncClient(verify=PLAIN, trust_env=False) as asking:
            return (await asking.get(url)).status_code == 200
    except httpx.TransportError:
        return False
