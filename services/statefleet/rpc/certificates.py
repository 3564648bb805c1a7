"""The fleet's own certificate authority: keys and certificates on disk, made where absent, renewed in time.

Keys are ECDSA P-256: quick to make, and every TLS library has it. What gRPC calls a caller's identity is the
certificate's common name and organizations. Heavy to import: not for processes that are given their certificates.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from statefleet.rpc.identity import Identity
from statefleet.rpc.tls import KeyPair
from statefleet.runtime.clock import Clock

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
RENEW_BEFORE = LEAF_LIFETIME / 3
"""A certificate with less than this left is made anew."""

_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Wanted:
    identity: Identity
    hosts: frozenset[str]
    server: bool


class Authority:
    """A certificate authority that keeps everything in one directory, files readable by their owner alone.

    Opening it makes `ca.crt` and `ca.key` where they are absent; `server` and `client` make or reuse `<name>.crt` and
    `<name>.key`. Blocking: a few milliseconds a certificate.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = self._read("ca")
        if pair is None or not self._is_fresh(_certificate(pair)):
            pair = _make_authority(self._now())
            self._write("ca", pair)
        self._pair = pair
        self._ca = _certificate(pair)
        self._ca_key = _key(pair)

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, PEM: what peers trust."""
        return self._pair.certificate

    def server(self, name: str, hosts: Iterable[str]) -> KeyPair:
        """Return a server's certificate for host names and addresses, valid to show as a client too."""
        return self._obtain(name, _Wanted(Identity(name), frozenset(hosts), server=True))

    def client(self, identity: Identity, name: str = "") -> KeyPair:
        """Return a client's certificate for an identity, kept under `name`, or the identity's."""
        return self._obtain(name or identity.name, _Wanted(identity, frozenset(), server=False))

    def node(self, identity: Identity, hosts: Iterable[str]) -> KeyPair:
        """Return a certificate that both serves at hosts and shows an identity, as a node's agent does."""
        return self._obtain(identity.name, _Wanted(identity, frozenset(hosts), server=True))

    def _obtain(self, name: str, wanted: _Wanted) -> KeyPair:
        stem = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
        pair = self._read(stem)
        if pair is not None and self._serves(_certificate(pair), wanted):
            return pair
        pair = _issue(wanted, self._ca, self._ca_key, self._now())
        self._write(stem, pair)
        return pair

    def _serves(self, certificate: x509.Certificate, wanted: _Wanted) -> bool:
        return (
            self._is_fresh(certificate)
            and certificate.subject == _subject(wanted.identity)
            and _hosts(certificate) == wanted.hosts
            and _is_issued_by(certificate, self._ca)
        )

    def _is_fresh(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_before_utc <= self._now() < certificate.not_valid_after_utc - RENEW_BEFORE

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), tz=UTC)

    def _read(self, stem: str) -> KeyPair | None:
        try:
            pair = KeyPair(
                (self._directory / f"{stem}.crt").read_bytes(), (self._directory / f"{stem}.key").read_bytes()
            )
            matches = _key(pair).public_key() == _certificate(pair).public_key()
        except (FileNotFoundError, ValueError):
            return None
        return pair if matches else None

    def _write(self, stem: str, pair: KeyPair) -> None:
        _write_private(self._directory / f"{stem}.key", pair.key)
        _write_private(self._directory / f"{stem}.crt", pair.certificate)


def _write_private(path: Path, data: bytes) -> None:
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(data)
    draft.replace(path)


def _certificate(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def _key(pair: KeyPair) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pair.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not of an elliptic curve")  # noqa: TRY004 -- the file is wrong, not the code
    return key


def _make_authority(now: datetime) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(Identity("statefleet-ca"))
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(subject, subject, key, now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _signed(builder, key, key)


def _issue(wanted: _Wanted, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, now: datetime) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if wanted.server:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _builder(_subject(wanted.identity), ca.subject, key, now, LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if wanted.hosts:
        names = [_general_name(host) for host in sorted(wanted.hosts)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _signed(builder, key, ca_key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> KeyPair:
    certificate = builder.sign(signer, hashes.SHA256())
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _usage(**set_bits: bool) -> x509.KeyUsage:
    bits: dict[str, Any] = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return x509.KeyUsage(**{**bits, **set_bits})


def _subject(identity: Identity) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return frozenset((*names.get_values_for_type(x509.DNSName), *addresses))


def _is_issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
