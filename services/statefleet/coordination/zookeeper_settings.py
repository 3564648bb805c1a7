"""What a process must know to reach ZooKeeper, checked before anything is tried."""

from __future__ import annotations

import importlib.util
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from statefleet.errors import Invalid, without_path
from statefleet.network import MOST_PORT, parse_port

_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\s/:,@\[\]]+)(:(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class ZooKeeperSettings:
    """How to reach a ZooKeeper ensemble. ValueError, naming every field that is wrong and the fix.

    All processes of a fleet share one root and one credential: what one of them makes, the others must be able to
    change. Secrets never show in the settings' text form.
    """

    hosts: str
    """`host:port` separated by commas; the port is 2181 where it is left out."""
    root: str = "/statefleet"
    """The node that everything of this fleet is kept below; it and its parents are made where absent."""
    session_timeout_seconds: float = 4.0
    """How long a process may be silent before its leaderships pass on. The servers bound it by their tickTime."""
    user: str = ""
    """With a password: the digest credential. What we make is then open to it alone."""
    password: str = field(default="", repr=False)
    sasl: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Options of pure-sasl: mechanism, username and the like. What we make is open to that identity alone."""
    tls: bool = False
    ca: str = ""
    """The file with the authorities of the servers' certificates, and no others count; empty: the system's."""
    certificate: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)
    check_hostname: bool = True
    """Whether a server's certificate must name the host that was asked for."""

    def __post_init__(self) -> None:
        """Check every field and report all that is wrong together."""
        wrong = list(_problems(self))
        if wrong:
            raise ValueError("; ".join(wrong))

    @property
    def authenticated(self) -> bool:
        """Whether the servers know this process by a credential that the fleet shares."""
        return bool(self.user or self.sasl)

    def tls_context(self) -> ssl.SSLContext | None:
        """Return what connections are secured with, None where they are not. Invalid where a file cannot be used."""
        if not self.tls:
            return None
        named = "ca"
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            named = "certificate"
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key, self.key_password)
        except OSError as error:
            given = f"{self.ca!r}" if named == "ca" else f"{self.certificate!r} with key {self.key!r}"
            raise Invalid(f"{named} {given} of ZooKeeper cannot be used: {without_path(error)}") from None
        context.check_hostname = self.check_hostname
        return context


def _problems(settings: ZooKeeperSettings) -> Iterator[str]:
    yield from _host_problems(settings.hosts)
    root = settings.root
    if not root.startswith("/") or root.endswith("/") or any(part in ("", ".", "..") for part in root[1:].split("/")):
        yield f"root {root!r} is not a path such as /statefleet"
    if settings.session_timeout_seconds <= 0:
        yield f"session_timeout_seconds {settings.session_timeout_seconds} must be greater than 0"
    if bool(settings.user) != bool(settings.password):
        yield "user and password go together: give both or neither"
    if ":" in settings.user:
        yield "user must not contain a colon"
    yield from _sasl_problems(settings)
    if bool(settings.certificate) != bool(settings.key):
        yield "certificate and key go together: give both or neither"
    if not settings.tls and (settings.ca or settings.certificate):
        yield "ca, certificate and key need tls to be on"


def _host_problems(hosts: str) -> Iterator[str]:
    if "/" in hosts:
        yield f"hosts {hosts!r} must not end in a path: name it as root"
        return
    for host in hosts.split(","):
        found = _HOST.fullmatch(host.strip())
        if found is None:
            yield f"hosts has {host!r}, which is not host:port"
        elif found["port"] is not None and not parse_port(found["port"]):
            yield f"hosts has {host!r}, whose port is not from 1 to {MOST_PORT}"


def _sasl_problems(settings: ZooKeeperSettings) -> Iterator[str]:
    if not settings.sasl:
        return
    if "mechanism" not in settings.sasl:
        yield "sasl names no mechanism, such as DIGEST-MD5 or GSSAPI"
    if settings.user:
        yield "user and sasl exclude one another: give one credential"
    if importlib.util.find_spec("puresasl") is None:
        yield "sasl needs the package pure-sasl to be installed"
