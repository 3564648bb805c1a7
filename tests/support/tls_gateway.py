"""A gateway over TLS on a free port, and the kubeconfig that leads to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from statefleet.gateway import kubeconfig
from statefleet.gateway.authentication import Authenticator
from statefleet.gateway.gateway import Gateway
from statefleet.gateway.metrics import RequestMetrics
from statefleet.gateway.server import GatewayServer, TlsFiles, tls_context
from statefleet.rpc.certificates import Authority
from statefleet.rpc.identity import MASTERS_GROUP, Identity
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand


@asynccontextmanager
async def tls_gateway(fleet: Any, directory: Path) -> AsyncIterator[Path]:
    """Serve a fleet and give the path of a kubeconfig for its administrator."""
    authority = Authority(directory / "pki", SystemClock())
    server = authority.server("gateway", ["localhost", "127.0.0.1"])
    admin = authority.client(Identity("admin", (MASTERS_GROUP,)))
    files = TlsFiles(directory / "server.crt", directory / "server.key", directory / "ca.crt")
    files.certificate.write_bytes(server.certificate)
    files.key.write_bytes(server.key)
    files.client_authority.write_bytes(authority.certificate)
    gateway = Gateway(
        fleet,
        clock=SystemClock(),
        rand=SystemRand(1),
        authenticator=Authenticator(),
        metrics=RequestMetrics(Metrics()),
    )
    async with GatewayServer(gateway, "127.0.0.1", 0, tls_context(files)) as listening:
        credentials = kubeconfig.Credentials(authority.certificate, admin.certificate, admin.key)
        path = directory / "kubeconfig"
        kubeconfig.write(path, kubeconfig.document(listening.url, credentials))
        yield path
