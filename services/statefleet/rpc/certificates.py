"""The fleet's own certificate authority: keys and certificates on disk, made where absent, renewed in time.

Keys are ECDSA P-256: quick to make, and every TLS library has it. What gRPC calls a caller's identity is the
certificate's common name and organizations. Heavy to import: not for processes that are given their certificates.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from statefleet.errors import BadRequest
from statefleet.rpc.identity import Identity
from statefleet.rpc.issuing import (
    LEAF_LIFETIME,
    Wanted,
    certificate_of,
    hosts_of,
    identity_of,
    is_issued_by,
    issue,
    key_of,
    make_authority,
    serves,
    subject_of,
)
from statefleet.rpc.tls import KeyPair
from statefleet.runtime.clock import Clock

RENEW_BEFORE = LEAF_LIFETIME / 3
"""A certificate with less than this left is made anew."""

_AUTHORITY = "ca"


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate in the directory."""

    name: str
    """Its files' name, without ending."""
    identity: Identity
    hosts: frozenset[str]
    server: bool
    expires: datetime
    is_fresh: bool
    """Whether it is this authority's and need not be renewed yet."""


class Authority:
    """A certificate authority that keeps everything in one directory, files readable by their owner alone.

    Opening it makes `ca.crt` and `ca.key` where there is neither. With `ca.crt` alone, as a part of a fleet is handed
    it, nothing can be made: what is there is used, whatever its names, until it has expired. BadRequest where they
    are damaged. Blocking: a few milliseconds a certificate.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._key: ec.EllipticCurvePrivateKey | None = None
        trusted, key = self._file(_AUTHORITY, "crt"), self._file(_AUTHORITY, "key")
        if trusted.exists() and not key.exists():
            self._pem = trusted.read_bytes()
            try:
                self._ca = x509.load_pem_x509_certificate(self._pem)
            except ValueError:
                raise BadRequest(f"{trusted}: is no certificate; copy the authority's here again") from None
            return
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = self._read(_AUTHORITY)
        if pair is None and key.exists():
            raise BadRequest(
                f"{key}: is not the key of {trusted.name}; restore both, or remove both where a new authority, which "
                "knows none of the certificates issued so far, is wanted"
            )
        if pair is None or not self._is_fresh(certificate_of(pair)):
            pair = make_authority(self._now())
            self._write(_AUTHORITY, pair)
        self._pem, self._ca, self._key = pair.certificate, certificate_of(pair), key_of(pair)

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, PEM: what peers trust."""
        return self._pem

    @property
    def can_issue(self) -> bool:
        """Whether the authority's key is here."""
        return self._key is not None

    def server(self, name: str, hosts: Iterable[str], identity: Identity | None = None) -> KeyPair:
        """Return a server's certificate for host names and addresses, valid to show as a client too.

        One that has them among others is used again, and a new one has those of the one before too.
        """
        return self._obtain(name, Wanted(identity or Identity(name), frozenset(hosts), server=True))

    def client(self, identity: Identity, name: str = "") -> KeyPair:
        """Return a client's certificate for an identity, kept under `name`, or the identity's.

        Where one is there that serves as well, it is that.
        """
        return self._obtain(name or identity.name, Wanted(identity, frozenset(), server=False))

    def given(self, name: str) -> KeyPair:
        """Return a certificate that is there. BadRequest where it is not, or has expired."""
        pair, file = self._read(stem_of(name)), self._file(stem_of(name), "crt")
        if pair is None:
            raise BadRequest(
                f"{file}: there is no certificate with its key; issue it with `statefleet certs issue` where the "
                "authority's key is"
            )
        certificate = certificate_of(pair)
        if certificate.not_valid_after_utc <= self._now():
            raise BadRequest(f"{file}: expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if not is_issued_by(certificate, self._ca):
            raise BadRequest(f"{file}: is not of the authority in ca.crt")
        return pair

    def issued(self) -> Iterator[Issued]:
        """Yield what certificates are in the directory, by name; the authority's own is not among them."""
        for path in sorted(self._directory.glob("*.crt")):
            pair = self._read(path.stem)
            if path.stem == _AUTHORITY or pair is None:
                continue
            found = certificate_of(pair)
            fresh = self._is_fresh(found) and is_issued_by(found, self._ca)
            expires = found.not_valid_after_utc
            yield Issued(path.stem, identity_of(found), hosts_of(found), serves(found), expires, fresh)

    def renew(self, issued: Issued) -> None:
        """Make a certificate anew, saying the same. BadRequest without the authority's key."""
        self._make(issued.name, Wanted(issued.identity, issued.hosts, issued.server))

    def expires(self) -> datetime:
        """Return when the authority's own certificate ends."""
        return self._ca.not_valid_after_utc

    def _obtain(self, name: str, wanted: Wanted) -> KeyPair:
        stem = stem_of(name)
        if not self.can_issue:
            return self.given(name)
        pair = self._read(stem)
        if pair is None:
            return self._make(stem, wanted)
        found = certificate_of(pair)
        if not (found.subject == subject_of(wanted.identity) and is_issued_by(found, self._ca)):
            return self._make(stem, wanted)
        hosts, server = wanted.hosts | hosts_of(found), wanted.server or serves(found)
        if self._is_fresh(found) and hosts == hosts_of(found) and server == serves(found):
            return pair
        return self._make(stem, Wanted(wanted.identity, hosts, server))

    def _make(self, stem: str, wanted: Wanted) -> KeyPair:
        if self._key is None:
            raise BadRequest(f"{self._directory}: certificates can be made only where the authority's ca.key is")
        pair = issue(wanted, self._ca, self._key, self._now())
        self._write(stem, pair)
        return pair

    def _is_fresh(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_before_utc <= self._now() < certificate.not_valid_after_utc - RENEW_BEFORE

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), tz=UTC)

    def _file(self, stem: str, ending: str) -> Path:
        return self._directory / f"{stem}.{ending}"

    def _read(self, stem: str) -> KeyPair | None:
        try:
            pair = KeyPair(self._file(stem, "crt").read_bytes(), self._file(stem, "key").read_bytes())
            matches = key_of(pair).public_key() == certificate_of(pair).public_key()
        except (FileNotFoundError, ValueError):
            return None
        return pair if matches else None

    def _write(self, stem: str, pair: KeyPair) -> None:
        write_private(self._file(stem, "key"), pair.key)
        write_private(self._file(stem, "crt"), pair.certificate)


def stem_of(name: str) -> str:
    """Return the name of the files of an identity. BadRequest for the authority's own."""
    stem = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    if stem == _AUTHORITY:
        raise BadRequest(f'name: Invalid value: "{name}": the authority itself is kept under that name')
    return stem


def write_private(path: Path, data: bytes) -> None:
    """Put a file in place at once, readable to its owner alone."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(data)
    draft.replace(path)
