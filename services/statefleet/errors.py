"""The closed set of errors that cross a process boundary, with their gRPC codes and Kubernetes reasons.

Every part raises these and nothing else for what a caller can cause or must handle. The RPC interceptors carry them
over the wire; the gateway renders them as a Kubernetes Status.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason among several, as in a Kubernetes StatusCause."""

    reason: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an error is about, as in Kubernetes' StatusDetails; `kind` is the plural resource or the Kind."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[Cause, ...] = field(default=())
    retry_after_seconds: int = 0


class FleetError(Exception):
    """An error with a message fit for the caller's eyes.

    `grpc_code` is the name of a grpc.StatusCode; `http_code` and `reason` are those of a Kubernetes Status.
    """

    grpc_code: ClassVar[str] = "INTERNAL"
    http_code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, subject: Subject | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject

    def about(self, subject: Subject) -> Self:
        """Return the same error about a subject; causes already there are kept."""
        if self.subject is not None and not subject.causes:
            subject = replace(subject, causes=self.subject.causes)
        return type(self)(self.message, subject)


class BadRequest(FleetError):
    """The request cannot be understood."""

    grpc_code, http_code, reason = "INVALID_ARGUMENT", 400, "BadRequest"


class Unauthorized(FleetError):
    """No valid credential came with the request."""

    grpc_code, http_code, reason = "UNAUTHENTICATED", 401, "Unauthorized"


class Forbidden(FleetError):
    """The caller may not do this."""

    grpc_code, http_code, reason = "PERMISSION_DENIED", 403, "Forbidden"


class NotFound(FleetError):
    """There is no such object."""

    grpc_code, http_code, reason = "NOT_FOUND", 404, "NotFound"


class MethodNotAllowed(FleetError):
    """The kind does not have this verb."""

    grpc_code, http_code, reason = "UNIMPLEMENTED", 405, "MethodNotAllowed"


class NotAcceptable(FleetError):
    """None of the media types that the caller accepts is served."""

    grpc_code, http_code, reason = "INVALID_ARGUMENT", 406, "NotAcceptable"


class AlreadyExists(FleetError):
    """An object of this name exists."""

    grpc_code, http_code, reason = "ALREADY_EXISTS", 409, "AlreadyExists"


class Conflict(FleetError):
    """The object is no longer at the version, or has not the uid, that the caller named."""

    grpc_code, http_code, reason = "ABORTED", 409, "Conflict"


class Fenced(FleetError):
    """The worker's claim, the agent's session or the leader's epoch is no longer the newest."""

    grpc_code, http_code, reason = "FAILED_PRECONDITION", 409, "Conflict"


class Expired(FleetError):
    """The version asked for is older than what is remembered."""

    grpc_code, http_code, reason = "OUT_OF_RANGE", 410, "Expired"


class TooLarge(FleetError):
    """The request or the object is larger than the limit."""

    grpc_code, http_code, reason = "OUT_OF_RANGE", 413, "RequestEntityTooLarge"


class UnsupportedMediaType(FleetError):
    """The body's content type is not served."""

    grpc_code, http_code, reason = "INVALID_ARGUMENT", 415, "UnsupportedMediaType"


class Invalid(FleetError):
    """The object breaks rules; the causes name the fields."""

    grpc_code, http_code, reason = "INVALID_ARGUMENT", 422, "Invalid"


class TooManyRequests(FleetError):
    """Not now: a disruption budget is spent, or the service is busy."""

    grpc_code, http_code, reason = "RESOURCE_EXHAUSTED", 429, "TooManyRequests"


class Internal(FleetError):
    """A fault of ours."""


class NotLeader(FleetError):
    """This replica cannot write now; another can."""

    grpc_code, http_code, reason = "UNAVAILABLE", 503, "ServiceUnavailable"


class Unavailable(FleetError):
    """No replica can answer now; retry."""

    grpc_code, http_code, reason = "UNAVAILABLE", 503, "ServiceUnavailable"


class Timeout(FleetError):
    """The answer did not come in time, such as a version that the replica has not reached."""

    grpc_code, http_code, reason = "DEADLINE_EXCEEDED", 504, "Timeout"


ERRORS: dict[str, type[FleetError]] = {
    kind.__name__: kind
    for kind in (
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, AlreadyExists, Conflict,
        Fenced, Expired, TooLarge, UnsupportedMediaType, Invalid, TooManyRequests, Internal, NotLeader, Unavailable,
        Timeout,
    )
}  # fmt: skip
"""The set, by class name: what crosses the wire beside the Status."""


VERSION_TOO_LARGE = "ResourceVersionTooLarge"
"""The reason of a Timeout's cause where the version asked for is ahead of the replica's."""


def is_version_too_large(error: FleetError) -> bool:
    """Tell whether an error says that the version asked for is ahead of what the replica has."""
    return error.subject is not None and any(cause.reason == VERSION_TOO_LARGE for cause in error.subject.causes)


def cannot_listen(address: str) -> Unavailable:
    """Say that a server cannot have the address, HOST:PORT, that it is to listen on."""
    return Unavailable(f"cannot listen on {address}: it is in use, or not this machine's")


def without_path(error: Exception) -> str:
    """Return what an error says without the path that an OSError adds, for a message that names it already."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
