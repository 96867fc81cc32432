"""The guarded client against real servers on loopback: what it sends, what it reads, how it gives up."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from easyflow.outbound import OutboundClient, OutboundFailed, OutboundRefused
from tests.support.http_server import Asked, http_reply, http_server

CERTIFICATE = Path(__file__).with_name("named.example.pem")


def fine(_: Asked) -> bytes:
    return http_reply(200, b"fine", Content_Type="text/plain")


async def loopback(host: str, port: int) -> list[str]:
    """Every name means this machine."""
    del host, port
    return ["127.0.0.1"]


def open_client(**options: object) -> OutboundClient:
    return OutboundClient(**{"allow_private": True, "resolve": loopback, **options})  # type: ignore[arg-type]


async def test_a_request_arrives_as_it_was_given() -> None:
    async with http_server(fine) as server, open_client() as client:
        reply = await client.request(
            "post", server.url("/pay?x=1"), headers={"Idempotency-Key": "k1", "Content-Type": "text/x"}, body=b"12.50"
        )
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"fine", "text/plain")
    assert reply.url == server.url("/pay?x=1")
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/pay?x=1", b"12.50")
    assert asked.headers["idempotency-key"] == "k1"
    assert asked.headers["content-type"] == "text/x"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


async def test_an_error_status_is_a_reply_like_any_other() -> None:
    async with http_server(lambda _: http_reply(503, b"later")) as server, open_client() as client:
        reply = await client.request("GET", server.url())
    assert (reply.status, reply.body) == (503, b"later")


async def test_a_name_goes_into_the_host_header_while_its_address_is_used() -> None:
    async with http_server(fine) as server, open_client() as client:
        await client.request("GET", server.url(host="named.example"))
    assert server.asked[0].headers["host"] == f"named.example:{server.port}"


async def test_private_addresses_are_reached_through_the_system_resolver_when_allowed() -> None:
    async with http_server(fine) as server, OutboundClient(allow_private=True) as client:
        for host in ("127.0.0.1", "localhost"):
            assert (await client.request("GET", server.url(host=host))).status == 200


async def test_no_connection_outlives_its_request() -> None:
    async with http_server(fine) as server, open_client() as client:
        await client.request("GET", server.url())
        await client.request("GET", server.url())
    assert server.connections == 2
    assert server.asked[0].headers["connection"] == "close"


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_server(fine) as server, http_server(fine) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        async with open_client() as client:
            assert (await client.request("GET", server.url())).status == 200
    assert (len(server.asked), proxy.connections) == (1, 0)


async def test_a_second_address_is_tried_when_the_first_refuses_the_connection() -> None:
    async def two(host: str, port: int) -> list[str]:
        del host, port
        return ["127.0.0.9", "127.0.0.1"]

    async with http_server(fine) as server, open_client(resolve=two) as client:
        assert (await client.request("GET", server.url(host="named.example"))).status == 200


async def test_a_host_that_does_not_answer_the_door_has_failed_and_nothing_was_sent() -> None:
    async with http_server(fine) as server:
        pass  # its port is closed again
    async with open_client() as client:
        with pytest.raises(OutboundFailed, match=r"no connection to named\.example") as failed:
            await client.request("GET", server.url(host="named.example"))
    assert failed.value.retryable
    assert not failed.value.sent


async def test_a_name_that_cannot_be_looked_up_has_failed() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        del host, port
        raise OSError("no such name")

    async def empty(host: str, port: int) -> list[str]:
        del host, port
        return []

    for resolve in (unknown, empty):
        async with open_client(resolve=resolve) as client:
            with pytest.raises(OutboundFailed) as failed:
                await client.request("GET", "http://named.example/")
        assert not failed.value.sent


async def silence(asked: Asked) -> bytes:
    await asked.gone()
    return b""


async def drip(asked: Asked) -> bytes:
    """Send a byte now and then for as long as anybody reads; each read succeeds, the whole never ends."""
    gone = asyncio.ensure_future(asked.gone())
    asked.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not gone.done():
        asked.writer.write(b".")
        await asyncio.wait([gone], timeout=0.02)
    return b""


@pytest.mark.parametrize("answer", [silence, drip])
async def test_the_time_limit_covers_the_whole_reply(answer: Callable[[Asked], Awaitable[bytes]]) -> None:
    async with http_server(answer) as server, open_client() as client:
        with pytest.raises(OutboundFailed, match=r"did not answer within 0\.3 s") as failed:
            await client.request("GET", server.url("/secret"), timeout_seconds=0.3)
    assert failed.value.sent
    assert "secret" not in failed.value.message


async def test_the_time_limit_covers_the_name_look_up() -> None:
    async def endless(host: str, port: int) -> list[str]:
        del host, port
        await asyncio.Event().wait()
        return []

    async with open_client(resolve=endless) as client:
        with pytest.raises(OutboundFailed, match="did not answer") as failed:
            await client.request("GET", "http://named.example/", timeout_seconds=0.05)
    assert not failed.value.sent


@pytest.mark.parametrize("answer", [b"", b"not http\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
async def test_a_broken_reply_has_failed_and_may_have_been_acted_on(answer: bytes) -> None:
    async with http_server(lambda _: answer) as server, open_client() as client:
        with pytest.raises(OutboundFailed, match="broke off") as failed:
            await client.request("GET", server.url())
    assert failed.value.sent


async def test_a_reply_of_the_limit_is_read_and_one_byte_more_is_refused() -> None:
    def answer(asked: Asked) -> bytes:
        return http_reply(200, b"x" * int(asked.path[1:]))

    async with http_server(answer) as server, open_client(max_reply_bytes=1000) as client:
        assert len((await client.request("GET", server.url("/1000"))).body) == 1000
        with pytest.raises(OutboundRefused, match="larger than 1000 bytes") as refused:
            await client.request("GET", server.url("/1001"))
    assert refused.value.sent
    assert not refused.value.retryable


async def test_an_endless_reply_is_cut_off_at_the_limit() -> None:
    async def endless(asked: Asked) -> bytes:
        asked.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not asked.writer.transport.is_closing():
            asked.writer.write(b"x" * 65536)
            await asked.writer.drain()
        return b""

    async with http_server(endless) as server, open_client() as client:
        with pytest.raises(OutboundRefused, match="larger than 1048576 bytes"):
            await client.request("GET", server.url())


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)]
)
async def test_a_packed_reply_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    body = b"all the way " * 1000
    packed = http_reply(200, pack(body), Content_Encoding=encoding)
    async with http_server(lambda _: packed) as server, open_client() as client:
        reply = await client.request("GET", server.url())
    assert reply.body == body
    assert "content-encoding" not in reply.headers
    assert "content-length" not in reply.headers


async def test_a_bomb_is_refused_by_its_unpacked_size_before_it_takes_memory() -> None:
    bomb = gzip.compress(bytes(50 * 1024 * 1024))
    assert len(bomb) < 64 * 1024
    reply = http_reply(200, bomb, Content_Encoding="gzip")
    async with http_server(lambda _: reply) as server, open_client() as client:
        tracemalloc.start()
        try:
            with pytest.raises(OutboundRefused, match="larger than 1048576 bytes"):
                await client.request("GET", server.url())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


async def test_a_reply_packed_badly_or_strangely_is_not_passed_on() -> None:
    replies = {
        "/cut": http_reply(200, gzip.compress(b"x" * 1000)[:-9], Content_Encoding="gzip"),
        "/lies": http_reply(200, b"plain", Content_Encoding="gzip"),
        "/br": http_reply(200, b"?", Content_Encoding="br"),
        "/twice": http_reply(200, b"?", Content_Encoding="gzip, gzip"),
    }
    async with http_server(lambda asked: replies[asked.path]) as server, open_client() as client:
        for path in ("/cut", "/lies"):
            with pytest.raises(OutboundFailed):
                await client.request("GET", server.url(path))
        for path in ("/br", "/twice"):
            with pytest.raises(OutboundRefused):
                await client.request("GET", server.url(path))


async def test_a_head_request_reads_no_body() -> None:
    async with http_server(lambda _: http_reply(200, Content_Encoding="gzip")) as server, open_client() as client:
        assert (await client.request("HEAD", server.url())).body == b""


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_tls_proves_the_name_although_the_connection_goes_to_an_address() -> None:
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    named: list[str | None] = []
    tls = server_tls()
    tls.sni_callback = lambda _socket, name, _context: named.append(name)
    async with http_server(fine, tls=tls) as server, open_client(tls=trusting) as client:
        assert (await client.request("GET", server.url(host="named.example", scheme="https"))).status == 200
        with pytest.raises(OutboundFailed, match="CERTIFICATE_VERIFY_FAILED") as failed:
            await client.request("GET", server.url(host="other.example", scheme="https"))
    assert named == ["named.example", "other.example"]
    assert not failed.value.sent


async def test_a_certificate_nobody_vouches_for_is_not_trusted() -> None:
    async with http_server(fine, tls=server_tls()) as server, open_client() as client:
        with pytest.raises(OutboundFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await client.request("GET", server.url(host="named.example", scheme="https"))
    assert server.asked == []


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await open_client().request("GET", "http://named.example/")
