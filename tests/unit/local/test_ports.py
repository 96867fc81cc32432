"""Loopback ports."""

from __future__ import annotations

import socket

from easyflow.local.ports import PRIVATE_PORTS, free_port, is_busy, loopback_addresses


def test_a_port_is_busy_while_someone_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert is_busy(port)
    assert not is_busy(port)


def test_a_listener_at_any_of_the_addresses_makes_the_port_busy() -> None:
    last = loopback_addresses()[-1]
    family = socket.AF_INET6 if ":" in last else socket.AF_INET
    with socket.create_server((last, 0), family=family) as listener:
        assert is_busy(listener.getsockname()[1], loopback_addresses())


def test_a_free_port_is_private_and_free() -> None:
    port = free_port()
    assert port in PRIVATE_PORTS
    assert not is_busy(port)


def test_localhost_always_stands_for_127_0_0_1() -> None:
    assert loopback_addresses()[0] == "127.0.0.1"
