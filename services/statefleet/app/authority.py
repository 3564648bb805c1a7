"""The fleet's certificate authority as processes use it: one directory, and one identity for each part."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from statefleet.rpc.certificates import Authority
from statefleet.rpc.identity import MASTERS_GROUP, Identity
from statefleet.rpc.tls import ClientTls, KeyPair, ServerTls
from statefleet.runtime.clock import Clock

ADMIN = Identity("admin", (MASTERS_GROUP,))
"""The user that a fleet begins with."""
_LOCK = ".lock"


def component(name: str) -> Identity:
    """Return the identity of a part of the suite, such as gateway or worker."""
    return Identity(f"system:statefleet:{name}", (MASTERS_GROUP,))


class Identities:
    """Makes and keeps the certificates of a fleet. Several processes may do so at once."""

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
        with _locked(self.directory):
            return self._authority.client(identity)

    def server(self, name: str, hosts: Iterable[str]) -> ServerTls:
        """Return what a server shows, under the names that it is called by, and asks of its clients."""
        with _locked(self.directory):
            return ServerTls(self._authority.server(name, hosts), self.authority)

    def server_files(self, name: str, hosts: Iterable[str]) -> tuple[Path, Path]:
        """Return where a server's certificate and key are."""
        self.server(name, hosts)
        return self.directory / f"{name}.crt", self.directory / f"{name}.key"

    def caller(self, name: str) -> ClientTls:
        """Return what a part of the suite trusts and shows when it calls another."""
        return ClientTls(self.authority, self.user(component(name)))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other processes from making the same certificates meanwhile."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
