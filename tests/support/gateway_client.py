"""A gateway on a free port and a client that speaks to it over plain HTTP."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from statefleet.gateway.authentication import Authenticator
from statefleet.gateway.gateway import Gateway
from statefleet.gateway.metrics import RequestMetrics
from statefleet.gateway.server import GatewayServer
from statefleet.rpc.identity import MASTERS_GROUP, Identity
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand

ADMIN = Identity("admin", (MASTERS_GROUP,))


@dataclass
class Client:
    """Sends requests. `call` answers the code and the JSON body."""

    gateway: Gateway
    session: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **headers: str
    ) -> tuple[int, Any]:
        content: dict[str, Any] = {}
        if isinstance(body, str | bytes | io.BytesIO):
            content = {"data": body, "headers": {"Content-Type": content_type, **headers}}
        elif body is not None:
            content = {"json": body, "headers": {"Content-Type": content_type, **headers}}
        else:
            content = {"headers": headers}
        async with self.session.request(method, path, **content) as response:
            return response.status, await response.json(content_type=None)


@asynccontextmanager
async def serve(fleet: Any, authenticator: Authenticator | None = None, seed: int = 1) -> AsyncIterator[Client]:
    """Serve a fleet to one client for as long as the block lasts."""
    gateway = Gateway(
        fleet,
        clock=SystemClock(),
        rand=SystemRand(seed),
        authenticator=authenticator or Authenticator(stranger=ADMIN),
        metrics=RequestMetrics(Metrics()),
    )
    async with GatewayServer(gateway, "127.0.0.1", 0, None) as server:
        async with aiohttp.ClientSession(server.url) as session:
            yield Client(gateway, session)
