"""Who calls: the name and the groups that a request comes under, alike over TLS and in process.

A gateway, and a replica that passes a write on to its leader, call for somebody else, and say for whom in the
metadata. That is believed of them alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import orjson

from statefleet.errors import BadRequest, Forbidden

UNAUTHENTICATED_GROUP = "system:unauthenticated"
AUTHENTICATED_GROUP = "system:authenticated"
MASTERS_GROUP = "system:masters"
"""Members may do everything."""
VIEWERS_GROUP = "statefleet:viewers"
"""Members may read everything but Secrets."""
SERVICES_GROUP = "system:statefleet:services"
"""The three services, whose replicas call one another."""
GATEWAYS_GROUP = "system:statefleet:gateways"
"""Those that call the services for users."""
WORKERS_GROUP = "system:statefleet:workers"
"""Those that bring what is there to what was declared."""
NODES_GROUP = "system:nodes"
"""The agents of nodes."""

CALLED_FOR_KEY = "x-statefleet-called-for-bin"
"""The metadata that says for whom a gateway or a service calls: a JSON list of the name and the groups."""

_TRUSTED = frozenset({SERVICES_GROUP, GATEWAYS_GROUP})


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller's name and groups, as in a Kubernetes client certificate: CN and O."""

    name: str
    groups: tuple[str, ...] = field(default=())


ANONYMOUS = Identity("system:anonymous", (UNAUTHENTICATED_GROUP,))
"""The caller that showed nothing."""

CALLED_FOR: ContextVar[Identity | None] = ContextVar("called_for", default=None)
"""For whom the calls made now are: the caller of the request being served. None: for the process itself."""


def caller(context: Any) -> Identity:
    """Return who calls, given a servicer context of either transport; ANONYMOUS where no certificate was shown.

    Where a gateway or a service calls for somebody, that is who. Forbidden where anybody else says so, BadRequest
    where it cannot be read.
    """
    peer = shown(context)
    for key, value in context.invocation_metadata() or ():
        if key == CALLED_FOR_KEY:
            return _believed(peer, value)
    return peer


def shown(context: Any) -> Identity:
    """Return whom the caller's own certificate names; ANONYMOUS where none was shown."""
    identity: Identity | None = getattr(context, "identity", None)
    if identity is not None:
        return identity
    certificates = context.auth_context().get("x509_pem_cert")
    return _of_certificate(bytes(certificates[0])) if certificates else ANONYMOUS


@contextmanager
def calling_for(identity: Identity | None) -> Iterator[None]:
    """Make the calls within the block for somebody: they say so in their metadata."""
    token = CALLED_FOR.set(identity)
    try:
        yield
    finally:
        CALLED_FOR.reset(token)


def called_for_metadata() -> tuple[tuple[str, bytes], ...]:
    """Return the metadata that says for whom a call made now is; empty where it is for the process itself."""
    identity = CALLED_FOR.get()
    return () if identity is None else _metadata(identity)


@functools.lru_cache(maxsize=4096)
def _metadata(identity: Identity) -> tuple[tuple[str, bytes], ...]:
    return ((CALLED_FOR_KEY, orjson.dumps([identity.name, identity.groups])),)


def _believed(peer: Identity, value: str | bytes) -> Identity:
    if _TRUSTED.isdisjoint(peer.groups):
        raise Forbidden(f'User "{peer.name}" cannot call for others: only gateways and services can')
    return _of_metadata(value if isinstance(value, bytes) else value.encode())


@functools.lru_cache(maxsize=4096)
def _of_metadata(value: bytes) -> Identity:
    try:
        name, groups = orjson.loads(value)
        if isinstance(name, str) and isinstance(groups, list) and all(isinstance(group, str) for group in groups):
            return Identity(name, tuple(groups))
    except (ValueError, TypeError):
        pass
    raise BadRequest(f"{CALLED_FOR_KEY}: Invalid value: not a JSON list of a name and a list of groups")


@functools.lru_cache(maxsize=4096)
def _of_certificate(pem: bytes) -> Identity:
    from cryptography import x509  # noqa: PLC0415 -- heavy, and not needed in process
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    subject = x509.load_pem_x509_certificate(pem).subject
    names = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return Identity(names[0], tuple(groups)) if names else ANONYMOUS
