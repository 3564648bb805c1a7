"""The fleet's certificate authority as processes use it: one directory, and one identity for each part."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from statefleet.authorization.nodes import NODE_PREFIX
from statefleet.errors import BadRequest
from statefleet.rpc.certificates import Authority
from statefleet.rpc.identity import (
    GATEWAYS_GROUP,
    MASTERS_GROUP,
    NODES_GROUP,
    SERVICES_GROUP,
    WORKERS_GROUP,
    Identity,
)
from statefleet.rpc.tls import ClientTls, KeyPair, ServerTls
from statefleet.runtime.clock import Clock

ADMIN = Identity("admin", (MASTERS_GROUP,))
"""The user that a fleet begins with."""
_LOCK = ".lock"


_SERVICES = ("workload-store", "revision-history", "node-registry")
SIMULATED_NODES = "node-*"
"""The nodes that the agent which simulates them may stand for: those that it names."""

_GROUPS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_SERVICES, (SERVICES_GROUP,)),
    "gateway": (GATEWAYS_GROUP,),
    "rollouts": (GATEWAYS_GROUP,),
    "worker": (WORKERS_GROUP,),
    "agent": (NODES_GROUP, NODE_PREFIX + SIMULATED_NODES),
    "statefleet": (MASTERS_GROUP,),
}


PARTS = frozenset(_GROUPS)
"""The parts of the suite that have an identity of their own."""


def component(name: str) -> Identity:
    """Return the identity of a part of the suite: a service, gateway, rollouts, worker, agent or statefleet."""
    return Identity(f"system:statefleet:{name}", _GROUPS[name])


class Identities:
    """Makes and keeps the certificates of a fleet, or uses what was handed out. Several processes may do so at once.

    BadRequest where one is missing that cannot be made here.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        with _locked(directory):
            self._authority = Authority(directory, clock)

    @property
    def authority(self) -> bytes:
        """The authority's certificate, PEM."""
        return self._authority.certificate

    @property
    def authority_file(self) -> Path:
        """Where that is."""
        return self.directory / "ca.crt"

    def user(self, identity: Identity) -> KeyPair:
        """Return a user's certificate."""
        if identity.name in PARTS:
            raise BadRequest(f'user: Invalid value: "{identity.name}" is a part of the suite')
        with _locked(self.directory):
            return self._authority.client(identity)

    def server(self, name: str, hosts: Iterable[str]) -> ServerTls:
        """Return what a part of the suite shows under the names that it is called by, and asks of its clients."""
        with _locked(self.directory):
            return ServerTls(self._authority.server(name, hosts, component(name)), self.authority)

    def server_files(self, name: str, hosts: Iterable[str]) -> tuple[Path, Path]:
        """Return where such a certificate and its key are."""
        self.server(name, hosts)
        return self.directory / f"{name}.crt", self.directory / f"{name}.key"

    def caller(self, name: str) -> ClientTls:
        """Return what a part of the suite trusts and shows when it calls another; or who has a certificate here."""
        with _locked(self.directory):
            known = name in PARTS
            pair = self._authority.client(component(name), name) if known else self._authority.given(name)
        return ClientTls(self.authority, pair)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other processes from making the same certificates meanwhile. Where none can be made there is no need."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
