"""Errors of the closed set as gRPC statuses with a Kubernetes Status in their details, and back."""

from __future__ import annotations

from typing import NamedTuple

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RpcStatus

from statefleet import errors
from statefleet.api.meta.v1.status_pb2 import Status, StatusCause, StatusDetails
from statefleet.errors import ERRORS, Cause, FleetError, Subject

DOMAIN = "statefleet.io"
"""The domain of our ErrorInfo."""

DETAILS_KEY = "grpc-status-details-bin"
"""The trailing metadata that carries a google.rpc.Status."""

_STATUS_NAME = Status.DESCRIPTOR.full_name
_MAX_TEXT = 16 * 1024
_MAX_CAUSES = 200

_BY_CODE: dict[grpc.StatusCode, type[FleetError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.BadRequest,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthorized,
    grpc.StatusCode.PERMISSION_DENIED: errors.Forbidden,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.UNIMPLEMENTED: errors.MethodNotAllowed,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.ABORTED: errors.Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: errors.Fenced,
    grpc.StatusCode.OUT_OF_RANGE: errors.Expired,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.TooManyRequests,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.CANCELLED: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.Timeout,
}
"""What a status without our details stands for: it comes from the transport or a proxy. Others are Internal."""


class WireStatus(NamedTuple):
    """A status as gRPC sends it; fits grpc.Status."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def to_wire(error: FleetError) -> WireStatus:
    """Return the gRPC status of an error, with a Kubernetes Status and an ErrorInfo in its details."""
    code = grpc.StatusCode[error.grpc_code]
    text = error.message if len(error.message) <= _MAX_TEXT else error.message[: _MAX_TEXT - 3] + "..."
    status, info = AnyMessage(), AnyMessage()
    status.Pack(to_message(error, text))
    info.Pack(ErrorInfo(reason=type(error).__name__, domain=DOMAIN))
    rich = RpcStatus(code=code.value[0], message=text, details=[status, info])
    return WireStatus(code, text, ((DETAILS_KEY, rich.SerializeToString()),))


def to_message(error: FleetError, text: str | None = None) -> Status:
    """Return the Kubernetes Status of an error as a message."""
    status = Status(
        status="Failure",
        message=error.message if text is None else text,
        reason=error.reason,
        code=error.http_code,
    )
    if error.subject is not None:
        status.details.CopyFrom(_details(error.subject))
    return status


def from_rpc_error(error: grpc.aio.AioRpcError) -> FleetError:
    """Return the error of our set that a failed call stands for."""
    text = error.details() or ""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            found = _from_details(RpcStatus.FromString(value))
            if found is not None:
                return found
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        return errors.TooLarge(f"Request entity too large: {text}")
    return _BY_CODE.get(error.code(), errors.Internal)(text)


def _from_details(rich: RpcStatus) -> FleetError | None:
    kind: type[FleetError] | None = None
    subject: Subject | None = None
    for detail in rich.details:
        if detail.TypeName() == "google.rpc.ErrorInfo":
            info = ErrorInfo.FromString(detail.value)
            kind = ERRORS.get(info.reason) if info.domain == DOMAIN else None
        elif detail.TypeName() == _STATUS_NAME:
            status = Status.FromString(detail.value)
            subject = _subject(status.details) if status.HasField("details") else None
    return None if kind is None else kind(rich.message, subject)


def _details(subject: Subject) -> StatusDetails:
    details = StatusDetails(
        causes=[
            StatusCause(reason=cause.reason, message=cause.message, field=cause.field or None)
            for cause in subject.causes[:_MAX_CAUSES]
        ],
    )
    for field in ("name", "group", "kind", "uid", "retry_after_seconds"):
        if value := getattr(subject, field):
            setattr(details, field, value)
    return details


def _subject(details: StatusDetails) -> Subject:
    return Subject(
        name=details.name,
        group=details.group,
        kind=details.kind,
        uid=details.uid,
        causes=tuple(Cause(cause.reason, cause.message, cause.field) for cause in details.causes),
        retry_after_seconds=details.retry_after_seconds,
    )
