"""Read what names a place in a network: IP addresses and ports. Pure."""

from __future__ import annotations

import ipaddress

MOST_PORT = 65535


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an IP address, or None where the text is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def parse_port(text: str) -> int | None:
    """Return a port's number, 0 to 65535, or None where the text is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PORT))):
        return None
    port = int(text)
    return port if port <= MOST_PORT else None
