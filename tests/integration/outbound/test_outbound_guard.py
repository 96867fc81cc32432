"""What the guarded client refuses: addresses that are not public, wherever they come from, and odd requests."""

from __future__ import annotations

import pytest

from easyflow.outbound import OutboundClient, OutboundRefused
from easyflow.outbound import client as client_module
from easyflow.outbound.addresses import Resolve, is_public
from tests.support.http_server import Asked, http_reply, http_server

SPELLINGS = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0177.0.0.1",
    "0x7f000001",
    "127.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse, not one to bind
    "0",
    "[::ffff:127.0.0.1]",
]


def fine(_: Asked) -> bytes:
    return http_reply(200, b"fine")


class Names:
    """A resolver that answers from a list, one entry for each look-up, and counts them."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        del port
        self.asked.append(host)
        return self.answers.pop(0)


def pretend_public(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let one loopback address count as public: it stands for a server on the internet."""
    monkeypatch.setattr(client_module, "is_public", lambda given: given == address or is_public(given))


@pytest.mark.parametrize("host", SPELLINGS)
async def test_this_machine_is_refused_in_every_spelling(host: str) -> None:
    async with http_server(fine) as server, OutboundClient() as client:
        with pytest.raises(OutboundRefused) as refused:
            await client.request("GET", server.url(host=host))
    assert server.connections == 0
    assert not refused.value.sent
    assert not refused.value.retryable


async def test_the_ipv6_loopback_is_refused() -> None:
    async with OutboundClient() as client:
        with pytest.raises(OutboundRefused, match="outside the open internet"):
            await client.request("GET", "http://[::1]:9/")


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    for answer in (["8.8.8.8", "127.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["2606:4700:4700::1111", "::ffff:10.0.0.1"]):
        async with OutboundClient(resolve=Names(answer)) as client:
            with pytest.raises(OutboundRefused) as refused:
                await client.request("GET", "http://named.example/")
        assert not any(address in refused.value.message for address in answer)


async def test_the_name_is_looked_up_once_and_the_checked_address_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_public(monkeypatch, "127.0.0.1")
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with http_server(fine) as server, OutboundClient(resolve=names) as client:
        assert (await client.request("GET", server.url(host="rebinding.example"))).status == 200
        assert names.asked == ["rebinding.example"]
        with pytest.raises(OutboundRefused):
            await client.request("GET", server.url(host="rebinding.example"))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.2:{port}/", "//127.0.0.2:{port}/", "http://169.254.169.254/latest", "http://[::1]:{port}/"],
)
async def test_a_redirect_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    pretend_public(monkeypatch, "127.0.0.1")
    async with http_server(fine, host="127.0.0.2") as inner:
        location = target.format(port=inner.port)
        async with http_server(lambda _: http_reply(302, Location=location)) as outer, OutboundClient() as client:
            with pytest.raises(OutboundRefused, match="outside the open internet") as refused:
                await client.request("GET", outer.url())
    assert (len(outer.asked), inner.connections) == (1, 0)
    assert refused.value.sent


async def test_a_redirect_to_the_same_name_is_looked_up_and_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_public(monkeypatch, "127.0.0.1")
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    again = http_reply(307, Location="/again")
    async with http_server(lambda _: again) as server, OutboundClient(resolve=names) as client:
        with pytest.raises(OutboundRefused):
            await client.request("GET", server.url(host="rebinding.example"))
    assert names.asked == ["rebinding.example"] * 2


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "gopher://named.example/", "http://u:p@named.example/", "http://"]
)
async def test_a_redirect_to_a_url_that_is_not_allowed_is_refused(target: str) -> None:
    reply = http_reply(302, Location=target)
    async with http_server(lambda _: reply) as server, OutboundClient(allow_private=True) as client:
        with pytest.raises(OutboundRefused) as refused:
            await client.request("GET", server.url())
    assert refused.value.sent


async def count_down(hops: int, resolve: Resolve) -> int:
    def answer(asked: Asked) -> bytes:
        left = int(asked.path[1:])
        return http_reply(302, Location=f"/{left - 1}") if left else http_reply(200)

    async with http_server(answer) as server, OutboundClient(allow_private=True, resolve=resolve) as client:
        return (await client.request("GET", server.url(f"/{hops}", host="named.example"))).status


async def test_five_redirects_are_followed_and_six_are_not() -> None:
    assert await count_down(5, Names(*[["127.0.0.1"]] * 6)) == 200
    with pytest.raises(OutboundRefused, match="more than 5 times"):
        await count_down(6, Names(*[["127.0.0.1"]] * 6))


SECRETS = {
    "Authorization": "Bearer s",
    "Cookie": "s=1",
    "Idempotency-Key": "k",
    "X-Api-Key": "s",
    "Content-Type": "text/x",
}


async def test_another_origin_gets_no_credentials_and_no_key() -> None:
    async with http_server(fine) as other:
        away = http_reply(307, Location=other.url("/there"))
        async with http_server(lambda _: away) as first, OutboundClient(allow_private=True) as client:
            reply = await client.request("POST", first.url(), headers=SECRETS, body=b"b")
    assert reply.url == other.url("/there")
    assert {name.lower() for name in SECRETS} <= set(first.asked[0].headers)
    (asked,) = other.asked
    assert (asked.method, asked.body, asked.headers["content-type"]) == ("POST", b"b", "text/x")
    assert not {"authorization", "cookie", "idempotency-key", "x-api-key"} & set(asked.headers)


async def test_the_same_origin_keeps_the_headers_and_cookies_are_not_collected() -> None:
    def answer(asked: Asked) -> bytes:
        return fine(asked) if asked.path == "/b" else http_reply(303, Location="/b", Set_Cookie="tracked=1")

    async with http_server(answer) as server, OutboundClient(allow_private=True) as client:
        await client.request("POST", server.url("/a"), headers=SECRETS, body=b"b")
    asked = server.asked[1]
    assert (asked.method, asked.body) == ("GET", b"")
    assert asked.headers["authorization"] == "Bearer s"
    assert asked.headers["cookie"] == "s=1"
    assert "content-type" not in asked.headers


@pytest.mark.parametrize(
    ("status", "method", "followed_by"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "PUT", "PUT"),
        (308, "POST", "POST"),
    ],
)
async def test_a_redirect_changes_the_method_as_browsers_do(status: int, method: str, followed_by: str) -> None:
    def answer(asked: Asked) -> bytes:
        return http_reply() if asked.path == "/b" else http_reply(status, Location="/b")

    async with http_server(answer) as server, OutboundClient(allow_private=True) as client:
        await client.request(method, server.url("/a"))
    assert server.asked[1].method == followed_by


@pytest.mark.parametrize(
    "url",
    [
        "ftp://named.example/",
        "file:///etc/passwd",
        "named.example",
        "",
        "http:///path",
        "http://user@named.example/",
        "http://user:secret@named.example/",
        "http://named.example:0/",
        "http://named.example:65536/",
        "http://named.example:x/",
        "http://named.example/\r\nX: y",
        "http://\x00/",
        "http://" + "a" * 70 + ".example/",
        "http://[::1/",
    ],
)
async def test_a_url_that_is_not_plain_http_is_refused_without_repeating_it(url: str) -> None:
    async with OutboundClient(allow_private=True) as client:
        with pytest.raises(OutboundRefused) as refused:
            await client.request("GET", url)
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "inner.example"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
        {"Connection": "keep-alive"},
        {"Proxy-Authorization": "x"},
        {"X-Bad": "a\r\nHost: inner"},
        {"X Bad": "a"},
        {"X-Bad": "ä"},
    ],
)
async def test_headers_that_frame_or_break_a_message_are_refused(headers: dict[str, str]) -> None:
    async with http_server(fine) as server, OutboundClient(allow_private=True) as client:
        with pytest.raises(OutboundRefused, match="header"):
            await client.request("POST", server.url(), headers=headers, body=b"x")
    assert server.asked == []


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "GET /x HTTP/1.1\r\n", ""])
async def test_other_methods_are_refused(method: str) -> None:
    async with OutboundClient(allow_private=True) as client:
        with pytest.raises(OutboundRefused, match="method"):
            await client.request(method, "http://named.example/")
