"""The pages and files of the dashboard: what is served how, to whom, and what is not served at all."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from easyflow.dashboard.app import create_app
from easyflow.errors import Misconfigured
from easyflow.settings import Settings
from tests.support.access import KEY
from tests.support.api import problem
from tests.support.dashboard import CONTENT, SCRIPT, Served, build, dashboard

NONCE = re.compile(r'nonce="([^"]*)"')
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; manifest-src 'self'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PLAIN = {"accept-encoding": "identity"}


async def test_the_page_lives_at_its_prefix_and_has_a_nonce_of_its_own(folder: Path) -> None:
    for prefix in ("", "/easyflow", "/a/b"):
        async with dashboard(folder, dashboard_prefix=prefix) as server:
            replies = [await server.client.get(f"{prefix}/") for _ in range(3)]
            nonces = {NONCE.findall(reply.text)[0] for reply in replies}
            assert len(nonces) == 3
            assert min(len(nonce) for nonce in nonces) >= 22
            for reply in replies:
                assert f'<base href="{prefix}/">' in reply.text
                assert reply.headers["content-security-policy"] == POLICY.format(
                    f" 'nonce-{NONCE.findall(reply.text)[0]}'"
                )
                assert reply.headers["cache-control"] == "no-cache"
                assert "etag" not in reply.headers


async def test_every_nonce_of_the_page_is_the_answers(tmp_path: Path) -> None:
    page = CONTENT["index.html"].replace("<script", "<style nonce='PLACE'></style><script nonce=\"PLACE\"")
    async with dashboard(build(tmp_path, **{"index.html": page})) as server:
        text = (await server.client.get("/")).text
    assert len(NONCE.findall(text)) == 3
    assert len(set(NONCE.findall(text))) == 1


@pytest.mark.parametrize(
    "path",
    ["/jobs", "/jobs/019a-x", "/dead-letters?state=open", "/queues/billing.eu", "/tasks/demo.start", "/index.html"],
)
async def test_addresses_of_the_pages_own_router_answer_the_page(folder: Path, path: str) -> None:
    async with dashboard(folder) as server:
        reply = await server.client.get(path)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("path", "media", "caching"),
    [
        (SCRIPT, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("assets/small-B1c2d3e4.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ("icon.svg", "image/svg+xml", "no-cache"),
        ("strange.bin", "application/octet-stream", "no-cache"),
    ],
)
async def test_a_file_has_its_type_and_its_time(folder: Path, path: str, media: str, caching: str) -> None:
    async with dashboard(folder, dashboard_prefix="/x") as server:
        reply = await server.client.get(f"/x/{path}")
        assert (reply.status_code, reply.text) == (200, CONTENT[path])
        assert (reply.headers["content-type"], reply.headers["cache-control"]) == (media, caching)
        assert reply.headers["vary"] == "accept-encoding"
        head = await server.client.head(f"/x/{path}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == reply.headers["content-length"]
        for said, status in (
            (head.headers["etag"], 304),
            (f'"a", W/{head.headers["etag"]}', 304),
            ("*", 304),
            ('"a"', 200),
        ):
            again = await server.client.get(f"/x/{path}", headers={"if-none-match": said})
            assert (said, again.status_code) == (said, status)
            assert bool(again.content) == (status == 200)


async def test_a_file_is_sent_compressed_to_who_takes_that(folder: Path) -> None:
    (folder / f"{SCRIPT}.br").write_bytes(b"brotli")
    (folder / "icon.svg.gz").write_bytes(gzip.compress(b"packed at build", mtime=0))
    async with dashboard(folder) as server:
        sizes: dict[str, tuple[str | None, str]] = {}
        for taken in ("gzip", "gzip, deflate, br", "identity", "br;q=0, gzip;q=0.0", "gzip;q=0.5", "deflate"):
            async with server.client.stream("GET", f"/{SCRIPT}", headers={"accept-encoding": taken}) as reply:
                raw = b"".join([chunk async for chunk in reply.aiter_raw()])
                assert int(reply.headers["content-length"]) == len(raw)
                sizes[taken] = (reply.headers.get("content-encoding"), reply.headers["etag"])
                if sizes[taken][0] == "gzip":
                    assert gzip.decompress(raw).decode() == CONTENT[SCRIPT]
        assert [encoding for encoding, _ in sizes.values()] == ["gzip", "br", None, None, "gzip", None]
        assert len({tag for _, tag in sizes.values()}) == 3
        assert (await server.client.get("/icon.svg", headers=PLAIN)).text == CONTENT["icon.svg"]
        problem(await server.client.get("/icon.svg.gz"), 404, "not_found")


@pytest.mark.parametrize(
    "target",
    [
        "/.hidden",
        "/assets/.map",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/assets/",
        "/assets",
        "/assets/nothing-12345678.js",
        "/missing.js",
        "/assets//index-Dk3xB9aQ.js",
        "//etc/passwd.txt",
        "/link.txt",
        "/%00.txt",
        "/api",
        "/api/../icon.svg",
    ],
)
async def test_nothing_else_can_be_named(folder: Path, target: str) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    async with dashboard(folder) as server:
        status, answer = await server.raw(target)
    assert b"secret" not in answer.split(b"\r\n\r\n", 1)[1]
    if target != "/assets":  # that may be a page's name; there is nothing to list
        assert (target, status) == (target, 404)


async def test_a_new_build_does_not_disturb_what_is_served(folder: Path) -> None:
    async with dashboard(folder) as server:
        (folder / SCRIPT).unlink()
        (folder / "late.txt").write_text("late")
        assert (await server.client.get(f"/{SCRIPT}")).text == CONTENT[SCRIPT]
        problem(await server.client.get("/late.txt"), 404, "not_found")


async def test_under_a_prefix_there_is_nothing_beside_it_but_health(folder: Path) -> None:
    async with dashboard(folder, dashboard_prefix="/easyflow") as server:
        for path in ("/", "/jobs", f"/{SCRIPT}", "/easyflowx/", "/api/v1/jobs"):
            problem(await server.client.get(path), 404, "not_found")
        moved = await server.client.get("/easyflow")
        assert (moved.status_code, moved.headers["location"]) == (307, "/easyflow/")
        assert (await server.client.get("/healthz")).json() == {"status": "ok"}
        assert (await server.client.get("/easyflow/jobs")).status_code == 200


async def test_pages_and_files_are_only_read(folder: Path) -> None:
    async with dashboard(folder) as server:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            for path in ("/", f"/{SCRIPT}", "/healthz"):
                reply = await server.client.request(method, path)
                problem(reply, 405, "method_not_allowed")
                assert reply.headers["allow"] == "GET, HEAD"


async def test_every_answer_tells_browsers_what_to_forbid(folder: Path) -> None:
    async with dashboard(folder) as server:
        replies = [
            await server.client.get("/"),
            await server.client.get("/healthz"),
            await server.client.get(f"/{SCRIPT}"),
            await server.client.get(f"/{SCRIPT}", headers={"if-none-match": "*"}),
            await server.client.get("/missing.js"),
            await server.client.post("/"),
            await server.client.get("/", headers={"host": "example.org"}),
            await server.client.get("/api/v1/jobs"),
        ]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 304, 404, 405, 403, 503]
    for reply in replies:
        assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS
        assert reply.headers["content-security-policy"].replace(POLICY.format(""), "") == "" or reply is replies[0]
        assert "camera=()" in reply.headers["permissions-policy"]


async def test_only_a_link_leads_here_from_another_site(folder: Path) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    async with dashboard(folder) as server:
        assert (await server.client.get("/jobs/x", headers=link)).status_code == 200
        for changed in ({"sec-fetch-dest": "iframe"}, {"sec-fetch-mode": "no-cors"}, {"origin": "http://localhost:1"}):
            problem(await server.client.get("/jobs/x", headers={**link, **changed}), 403, "forbidden")
        own = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "origin": server.origin}
        assert (await server.client.get(f"/{SCRIPT}", headers=own)).status_code == 200


async def answered(server: Served, host: str) -> int:
    return (await server.client.get("/", headers={"host": host})).status_code


async def test_only_this_machines_names_lead_here_without_a_key(folder: Path) -> None:
    async with dashboard(folder) as server:
        hosts = ("localhost:3000", "127.0.0.1", "[::1]:1", "example.org", "10.0.0.1", "localhost.example.org")
        assert [await answered(server, host) for host in hosts] == [200, 200, 200, 403, 403, 403]
    async with dashboard(folder, api_key=KEY) as server:
        assert [await answered(server, host) for host in hosts] == [200] * 6
    async with dashboard(folder, api_key=KEY, allowed_hosts="example.org") as server:
        assert [await answered(server, host) for host in hosts] == [200, 200, 200, 200, 403, 403]


@pytest.mark.parametrize("prefix", ["x", "/", "/x/", "/x//y", "/../x", "/x/..", "/<x>", "/x y", '/x"'])
def test_a_prefix_that_is_no_path_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="must be empty or a path such as /easyflow"):
        Settings(dashboard_prefix=prefix)


@pytest.mark.parametrize(
    "url", ["", "localhost:3030", "ftp://x", "http://a:b@x", "http://x/y", "http://x?y", "http://x:y"]
)
def test_an_api_url_that_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be scheme, host and port"):
        Settings(api_url=url)


def test_without_a_build_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="the dashboard was not built: run `make dashboard`"):
        create_app(Settings(), tmp_path / "nowhere")


@pytest.mark.parametrize("lost", ['<base href="/" />', 'nonce=""'])
def test_a_page_without_its_places_is_refused(tmp_path: Path, lost: str) -> None:
    page = CONTENT["index.html"].replace(lost, "")
    with pytest.raises(Misconfigured, match=r"index\.html lacks its base or its nonce"):
        create_app(Settings(), build(tmp_path, **{"index.html": page}))
