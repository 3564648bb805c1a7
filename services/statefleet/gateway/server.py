"""Listen for HTTP over TLS and hand requests to the gateway."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from statefleet.errors import cannot_listen
from statefleet.gateway.gateway import Gateway

SHUTDOWN_SECONDS = 5.0
"""How long requests under way may take once the server stops."""

KEEP_ALIVE_SECONDS = 180.0
"""How long an idle connection is kept: longer than clients keep theirs, so that it is they who close it."""

HEAD_LIMIT = 64 * 1024
"""The longest request line, and the longest header, in bytes: selectors can be long."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The server's certificate and key, and the authority that client certificates are to come from; PEM files."""

    certificate: Path
    key: Path
    client_authority: Path


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the settings of the server's side: a client certificate is verified where one is shown."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files.client_authority))
    context.load_cert_chain(files.certificate, files.key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


class GatewayServer:
    """Serves a gateway on one address for as long as the `async with` block around it lasts.

    Port 0 takes a free port. `tls` None means plain HTTP, for tests and behind a proxy that ends TLS.
    """

    def __init__(self, gateway: Gateway, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._gateway = gateway
        self._host = host
        self._port = port
        self._tls = tls
        self._runner = web.ServerRunner(
            web.Server(
                gateway.handle,
                handler_cancellation=True,
                access_log=None,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                max_line_size=HEAD_LIMIT,
                max_field_size=HEAD_LIMIT,
            ),
            shutdown_timeout=SHUTDOWN_SECONDS,
        )

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls)
        try:
            await site.start()
        except OSError as error:
            raise cannot_listen(f"{self._host}:{self._port}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gateway.stop()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address that clients call."""
        host, port = self._runner.addresses[0][:2]
        scheme = "http" if self._tls is None else "https"
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}:{port}"
