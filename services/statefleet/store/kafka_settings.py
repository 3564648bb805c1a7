"""What a process is told about Kafka: where it is, how to speak to it, how safely it keeps the logs."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from statefleet.network import MOST_PORT, parse_port

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_PREFIX = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}")
_HOST = re.compile(r"\[[0-9a-fA-F:]+\]|[^\s:\[\]]+")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach Kafka; `bootstrap_servers` are HOST:PORT.

    An acknowledged record survives the loss of `min_insync_replicas` - 1 brokers, and the log can be written while
    `replication_factor` - `min_insync_replicas` of its brokers are away. A call of a log ends within
    `request_timeout_seconds`. The SASL password comes out of a file, read anew for each connection so that it can be
    changed, or out of the environment by way of `sasl_password`; neither is ever shown. ValueError names all fields
    that are wrong.
    """

    bootstrap_servers: tuple[str, ...]
    topic_prefix: str = "statefleet"
    replication_factor: int = 3
    min_insync_replicas: int = 2
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    sasl_password_file: Path | None = None
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    request_timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        problems = [*self._placing_problems(), *self._security_problems()]
        if problems:
            raise ValueError("; ".join(problems))

    def _placing_problems(self) -> list[str]:
        found = []
        if not self.bootstrap_servers:
            found.append("bootstrap_servers: at least one HOST:PORT is needed")
        found += [
            f"bootstrap_servers: {server!r} is not HOST:PORT with a port from 1 to {MOST_PORT}"
            for server in self.bootstrap_servers
            if not _is_server(server)
        ]
        if not _PREFIX.fullmatch(self.topic_prefix):
            found.append(f"topic_prefix: {self.topic_prefix!r} is not up to 100 letters, digits, '.', '_' and '-'")
        if self.replication_factor < 1:
            found.append("replication_factor: must be at least 1")
        if not 1 <= self.min_insync_replicas <= max(self.replication_factor, 1):
            found.append(f"min_insync_replicas: must be from 1 to replication_factor ({self.replication_factor})")
        if self.request_timeout_seconds <= 0:
            found.append("request_timeout_seconds: must be greater than 0")
        return found

    def _security_problems(self) -> list[str]:
        found = []
        if self.security_protocol not in PROTOCOLS:
            found.append(f"security_protocol: {self.security_protocol!r} is not one of {', '.join(PROTOCOLS)}")
        if self.uses_sasl:
            if self.sasl_mechanism not in MECHANISMS:
                found.append(f"sasl_mechanism: {self.sasl_mechanism!r} is not one of {', '.join(MECHANISMS)}")
            if not self.sasl_username:
                found.append("sasl_username: needed with SASL")
            if not self.sasl_password and self.sasl_password_file is None:
                found.append("sasl_password_file: needed with SASL, unless the environment has the password")
        elif self.sasl_mechanism or self.sasl_username or self.sasl_password or self.sasl_password_file:
            found.append(
                f"security_protocol: {self.security_protocol!r} would not use the SASL settings, SASL_SSL does"
            )
        files = {
            "tls_ca_file": self.tls_ca_file,
            "tls_cert_file": self.tls_cert_file,
            "tls_key_file": self.tls_key_file,
        }
        if not self.uses_tls:
            found += [
                f"{name}: {self.security_protocol!r} does not use TLS, SSL and SASL_SSL do"
                for name in files
                if files[name]
            ]
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            found.append("tls_cert_file and tls_key_file: one needs the other")
        secrets = {"sasl_password_file": self.sasl_password_file, **files}
        found += [f"{name}: {path} is not a file" for name, path in secrets.items() if path and not path.is_file()]
        return found

    @property
    def uses_sasl(self) -> bool:
        """Whether a name and a password are shown to the brokers."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")

    def connection_options(self) -> dict[str, Any]:
        """Return what aiokafka wants to know for a connection; OSError where a file cannot be read."""
        options: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.uses_tls:
            options["ssl_context"] = self._tls_context()
        if self.uses_sasl:
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self._password()
        return options

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.tls_ca_file)
        if self.tls_cert_file is not None:
            context.load_cert_chain(self.tls_cert_file, self.tls_key_file)
        return context

    def _password(self) -> str:
        if self.sasl_password_file is None:
            return self.sasl_password
        return self.sasl_password_file.read_text().rstrip("\r\n")


def _is_server(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(_HOST.fullmatch(host) and parse_port(port))
