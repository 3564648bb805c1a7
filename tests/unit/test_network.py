from __future__ import annotations

from ipaddress import ip_address

import pytest

from statefleet.network import parse_ip, parse_port


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("1", 1), ("06443", 6443), ("65535", 65535)])
def test_a_port_is_a_number_of_sixteen_bits(text: str, port: int) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize("text", ["", "65536", "-1", "+1", "²", "٣", "1 ", "http", "9" * 5000])
def test_what_is_no_port(text: str) -> None:
    assert parse_port(text) is None


def test_an_address_is_of_either_family() -> None:
    assert [parse_ip(text) for text in ("10.0.0.1", "::1")] == [ip_address("10.0.0.1"), ip_address("::1")]
    assert parse_ip("10.0.0.256") is parse_ip("node-1") is None
