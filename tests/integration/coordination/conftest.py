from __future__ import annotations

import socket

import pytest


@pytest.fixture
def unused_port() -> int:
    """A port on loopback that nobody listens on: it was free a moment ago, and ports are given out in turn."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
