"""TLS for gRPC: what a server shows and asks for, and what a client trusts and shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's certificate. With `client_ca` (PEM) every client must show a certificate of that authority."""

    pair: KeyPair
    client_ca: bytes | None = None

    @classmethod
    def load(cls, certificate: Path, key: Path, client_ca: Path | None = None) -> Self:
        """Read PEM files. OSError where one cannot be read."""
        return cls(
            KeyPair(certificate.read_bytes(), key.read_bytes()),
            None if client_ca is None else client_ca.read_bytes(),
        )

    def credentials(self) -> grpc.ServerCredentials:
        """Return them as grpc wants them."""
        return grpc.ssl_server_credentials(
            [(self.pair.key, self.pair.certificate)],
            root_certificates=self.client_ca,
            require_client_auth=self.client_ca is not None,
        )


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Whom a client trusts (PEM) and the certificate that it shows, if any.

    `server_name` is the name that the server's certificate must carry; empty: the host in the target.
    """

    ca: bytes
    pair: KeyPair | None = None
    server_name: str = ""

    @classmethod
    def load(cls, ca: Path, certificate: Path | None = None, key: Path | None = None, server_name: str = "") -> Self:
        """Read PEM files. OSError where one cannot be read."""
        pair = None
        if certificate is not None and key is not None:
            pair = KeyPair(certificate.read_bytes(), key.read_bytes())
        return cls(ca.read_bytes(), pair, server_name)

    def credentials(self) -> grpc.ChannelCredentials:
        """Return them as grpc wants them."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca,
            private_key=None if self.pair is None else self.pair.key,
            certificate_chain=None if self.pair is None else self.pair.certificate,
        )
