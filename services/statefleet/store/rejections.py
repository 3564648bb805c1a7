"""What the verbs answer to a request that cannot be met, in the words that Kubernetes uses. Pure.

What the log makes of a record is said by `refusals`; here speaks the leader, before it proposes anything.
"""

from __future__ import annotations

from typing import Any

from statefleet.errors import AlreadyExists, BadRequest, Cause, Conflict, Forbidden, NotFound, Subject, TooLarge
from statefleet.objects.kinds import NAMESPACE, Kind

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
"""Why a write at a version that is no longer the newest is refused."""

OBJECT_LIMIT_BYTES = 1536 * 1024
"""The largest object, serialised: 1.5 MiB."""


def subject_of(kind: Kind[Any], name: str, *causes: Cause) -> Subject:
    """Return an error's subject: an object, by its plural as Kubernetes' StatusDetails name it."""
    return Subject(name=name, group=kind.group, kind=kind.plural, causes=causes)


def not_found(kind: Kind[Any], name: str) -> NotFound:
    """Say that there is no such object."""
    return NotFound(f'{kind.resource} "{name}" not found', subject_of(kind, name))


def already_exists(kind: Kind[Any], name: str, *, generated: bool = False) -> AlreadyExists:
    """Say that the name is taken; `generated` when no free name was found for a generateName."""
    more = ", the server was not able to generate a unique name for the object" if generated else ""
    return AlreadyExists(f'{kind.resource} "{name}" already exists{more}', subject_of(kind, name))


def conflict(kind: Kind[Any], name: str, why: str = MODIFIED, *, subresource: str = "") -> Conflict:
    """Say that the object is not in the state that the write rests on."""
    resource = f"{kind.plural}/{subresource}" if subresource else kind.resource
    return Conflict(f'Operation cannot be fulfilled on {resource} "{name}": {why}', subject_of(kind, name))


def uid_conflict(kind: Kind[Any], name: str, wanted: str, stored: str) -> Conflict:
    """Say that an object of this name has another uid than the write expects."""
    return conflict(kind, name, f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {stored}")


def forbidden(kind: Kind[Any], name: str, why: str, *causes: Cause) -> Forbidden:
    """Say that a rule forbids the write, whoever asks."""
    return Forbidden(f'{kind.resource} "{name}" is forbidden: {why}', subject_of(kind, name, *causes))


def namespace_missing(namespace: str) -> NotFound:
    """Say that an object's namespace does not exist."""
    return not_found(NAMESPACE, namespace)


def namespace_terminating(kind: Kind[Any], name: str, namespace: str) -> Forbidden:
    """Say that nothing can be added to a namespace that is being deleted."""
    return forbidden(
        kind,
        name,
        f"unable to create new content in namespace {namespace} because it is being terminated",
        Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace"),
    )


def too_large(size: int) -> TooLarge:
    """Say that an object of `size` bytes is larger than what is stored."""
    return TooLarge(f"the object is too large: {size} bytes, the limit is {OBJECT_LIMIT_BYTES}")


def unserved(kind: str) -> BadRequest:
    """Say that this service does not store a kind."""
    return BadRequest(f'no kind "{kind}" is stored here')


def bad_version(text: str, field: str = "resourceVersion") -> BadRequest:
    """Say that a resource version is not a decimal number."""
    return BadRequest(f'{field}: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
