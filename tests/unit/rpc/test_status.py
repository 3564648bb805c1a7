from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_status import rpc_status

from statefleet.errors import (
    ERRORS,
    Cause,
    Conflict,
    FleetError,
    Internal,
    Invalid,
    NotFound,
    Subject,
    TooLarge,
    Unavailable,
)
from statefleet.rpc.status import WireStatus, from_rpc_error, to_message, to_wire

SUBJECT = Subject("web-0", "apps", "statefulsets", "u1", (Cause("FieldValueInvalid", "bad", "spec.x"),), 2)


def received(status: WireStatus) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        status.code, grpc.aio.Metadata(), grpc.aio.Metadata(*status.trailing_metadata), status.details
    )


@pytest.mark.parametrize("kind", ERRORS.values())
@pytest.mark.parametrize("subject", [None, SUBJECT, Subject(name="x")])
def test_every_error_survives_the_wire(kind: type[FleetError], subject: Subject | None) -> None:
    back = from_rpc_error(received(to_wire(kind("what happened", subject))))
    assert (type(back), back.message, back.subject) == (kind, "what happened", subject)


def test_clients_of_other_makes_can_read_the_status() -> None:
    status: Any = rpc_status.from_call(received(to_wire(Conflict("changed", SUBJECT))))
    assert status is not None
    assert [detail.type_url.rsplit("/")[-1] for detail in status.details] == [
        "statefleet.api.meta.v1.Status",
        "google.rpc.ErrorInfo",
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.INTERNAL, Internal),
        (grpc.StatusCode.UNKNOWN, Internal),
    ],
)
def test_a_status_of_the_transport(code: grpc.StatusCode, kind: type[FleetError]) -> None:
    error = from_rpc_error(grpc.aio.AioRpcError(code, details="no route"))
    assert (type(error), error.message) == (kind, "no route")


def test_a_message_that_was_too_large() -> None:
    text = "SERVER: Received message larger than max (5 vs. 4)"
    error = from_rpc_error(grpc.aio.AioRpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, details=text))
    assert isinstance(error, TooLarge)


def test_a_status_fits_into_metadata() -> None:
    causes = tuple(Cause("FieldValueInvalid", "x" * 300, f"spec.containers[{i}]") for i in range(1000))
    wire = to_wire(Invalid("y" * 100_000, Subject(causes=causes)))
    assert len(wire.details) + len(wire.trailing_metadata[0][1]) < 200 * 1024


def test_as_a_message() -> None:
    status = to_message(Conflict("changed", SUBJECT))
    assert (status.status, status.reason, status.code) == ("Failure", "Conflict", 409)
    assert status.details.causes[0].field == "spec.x"
