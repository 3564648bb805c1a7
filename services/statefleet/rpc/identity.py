"""Who calls: the name and the groups that a request comes under, alike over TLS and in process."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

UNAUTHENTICATED_GROUP = "system:unauthenticated"
AUTHENTICATED_GROUP = "system:authenticated"
MASTERS_GROUP = "system:masters"
"""Members may do everything."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller's name and groups, as in a Kubernetes client certificate: CN and O."""

    name: str
    groups: tuple[str, ...] = field(default=())


ANONYMOUS = Identity("system:anonymous", (UNAUTHENTICATED_GROUP,))
"""The caller that showed nothing."""


def caller(context: Any) -> Identity:
    """Return who calls, given a servicer context of either transport; ANONYMOUS where no certificate was shown."""
    identity: Identity | None = getattr(context, "identity", None)
    if identity is not None:
        return identity
    certificates = context.auth_context().get("x509_pem_cert")
    return _of_certificate(bytes(certificates[0])) if certificates else ANONYMOUS


@functools.lru_cache(maxsize=4096)
def _of_certificate(pem: bytes) -> Identity:
    from cryptography import x509  # noqa: PLC0415 -- heavy, and not needed in process
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    subject = x509.load_pem_x509_certificate(pem).subject
    names = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return Identity(names[0], tuple(groups)) if names else ANONYMOUS
