"""Make X.509 certificates for the fleet's identities, and read what they say. Heavy to import."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from statefleet.errors import BadRequest
from statefleet.network import parse_ip
from statefleet.rpc.identity import Identity
from statefleet.rpc.tls import KeyPair

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
MOST_NAME_BYTES = 64
"""The longest common name or organization that X.509 allows."""

_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate is to say: whose it is, and at which names and addresses its holder serves."""

    identity: Identity
    hosts: frozenset[str]
    server: bool


def certificate_of(pair: KeyPair) -> x509.Certificate:
    """Return the certificate of a pair. ValueError where it is none."""
    return x509.load_pem_x509_certificate(pair.certificate)


def key_of(pair: KeyPair) -> ec.EllipticCurvePrivateKey:
    """Return the key of a pair. ValueError where it is none of ours."""
    key = serialization.load_pem_private_key(pair.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not of an elliptic curve")  # noqa: TRY004 -- the file is wrong, not the code
    return key


def make_authority(now: datetime) -> KeyPair:
    """Return a new authority: its certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = subject_of(Identity("statefleet-ca"))
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(subject, subject, key, now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _signed(builder, key, key)


def issue(wanted: Wanted, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, now: datetime) -> KeyPair:
    """Return a new key with a certificate of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if wanted.server:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _builder(subject_of(wanted.identity), ca.subject, key, now, LEAF_LIFETIME)
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


def subject_of(identity: Identity) -> x509.Name:
    """Return how a certificate names an identity. BadRequest for a name or group that does not fit into one."""
    for text in (identity.name, *identity.groups):
        if not 1 <= len(text.encode()) <= MOST_NAME_BYTES:
            problem = f"must have 1 to {MOST_NAME_BYTES} bytes, as certificates bear no more"
            raise BadRequest(f'the name of a user or group: Invalid value: "{text}": {problem}')
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.name)])


def _general_name(host: str) -> x509.GeneralName:
    address = parse_ip(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def hosts_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return frozenset((*names.get_values_for_type(x509.DNSName), *addresses))


def is_issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Return whether an authority signed a certificate."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def identity_of(certificate: x509.Certificate) -> Identity:
    """Return whom a certificate names."""
    subject = certificate.subject
    names = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = (str(each.value) for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    return Identity(names[0] if names else "", tuple(groups))


def serves(certificate: x509.Certificate) -> bool:
    """Return whether a certificate is good for a server."""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in purposes
