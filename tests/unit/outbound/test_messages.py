"""How a request is addressed: to the checked address, in the name of its host."""

from __future__ import annotations

import pytest

from easyflow.outbound.messages import compose


@pytest.mark.parametrize(
    ("url", "address", "connected", "named", "sni"),
    [
        (
            "https://named.example/a?b=1",
            "93.184.215.14",
            "https://93.184.215.14/a?b=1",
            "named.example",
            "named.example",
        ),
        (
            "http://named.example:8080/",
            "2606:4700::1",
            "http://[2606:4700::1]:8080/",
            "named.example:8080",
            "named.example",
        ),
        (
            "http://[2606:4700::1]:8080/",
            "2606:4700::1",
            "http://[2606:4700::1]:8080/",
            "[2606:4700::1]:8080",
            "2606:4700::1",
        ),
        (
            "https://bücher.example/",
            "93.184.215.14",
            "https://93.184.215.14/",
            "xn--bcher-kva.example",
            "xn--bcher-kva.example",
        ),
    ],
)
def test_the_connection_goes_to_the_address_and_the_name_stays(
    url: str, address: str, connected: str, named: str, sni: str
) -> None:
    request = compose("GET", url, {}, None).request(address, {})
    assert str(request.url) == connected
    assert request.headers["host"] == named
    assert request.extensions["sni_hostname"] == sni


def test_the_port_follows_the_scheme_unless_it_is_given() -> None:
    ports = {
        url: compose("GET", url, {}, None).port for url in ("http://a", "https://a", "https://a:8443", "http://a:80")
    }
    assert list(ports.values()) == [80, 443, 8443, 80]
