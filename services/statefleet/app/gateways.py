"""Put a gateway together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from statefleet.app.addresses import Address
from statefleet.app.authority import Identities
from statefleet.client.fleet import Fleet
from statefleet.gateway.authentication import Authenticator, FileTokens
from statefleet.gateway.gateway import Gateway
from statefleet.gateway.metrics import RequestMetrics
from statefleet.gateway.server import GatewayServer, TlsFiles, tls_context
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand


def open_gateway(
    fleet: Fleet,
    address: Address,
    identities: Identities,
    metrics: Metrics,
    is_ready: Callable[[], bool] = lambda: True,
    tokens: Path | None = None,
) -> GatewayServer:
    """Return a gateway's server, not yet entered: over TLS, for clients whom the fleet's authority vouches for.

    Or who have one of the `tokens` in a file. BadRequest where that cannot be read.
    """
    certificate, key = identities.server_files("gateway", address.names)
    gateway = Gateway(
        fleet,
        clock=SystemClock(),
        rand=SystemRand(),
        authenticator=Authenticator(None if tokens is None else FileTokens(tokens)),
        metrics=RequestMetrics(metrics),
        is_ready=is_ready,
    )
    tls = tls_context(TlsFiles(certificate, key, identities.authority_file))
    return GatewayServer(gateway, address.host, address.port, tls)
