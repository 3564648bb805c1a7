"""How RPCs in process end, and what of metadata and messages gRPC would carry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import grpc.aio

Metadata = tuple[tuple[str, str | bytes], ...]
Pairs = grpc.aio.Metadata | Sequence[tuple[str, str | bytes]]

_KEY = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an RPC ended. `local` where the client itself cancelled it."""

    code: grpc.StatusCode
    details: str = ""
    trailing: Metadata = ()
    local: bool = False


OK = Outcome(grpc.StatusCode.OK)
DEADLINE_EXCEEDED = Outcome(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
CANCELLED_BY_CLIENT = Outcome(grpc.StatusCode.CANCELLED, "Locally cancelled by application!", local=True)
CANCELLED_BY_SERVER = Outcome(grpc.StatusCode.CANCELLED, "Cancelled on the server side")
STOPPED = Outcome(grpc.StatusCode.UNAVAILABLE, "Cancelling all calls")
NOT_SERVING = Outcome(grpc.StatusCode.UNAVAILABLE, "The server does not accept calls")
UNIMPLEMENTED = Outcome(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


class RefusedError(Exception):
    """The transport, not a handler, ends the RPC."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.details)
        self.outcome = outcome


def checked(data: bytes, limit: int, receiver: str) -> bytes:
    """Return a message that its receiver (SERVER or CLIENT) accepts; RefusedError where it is larger than `limit`."""
    if len(data) > limit:
        details = f"{receiver}: Received message larger than max ({len(data)} vs. {limit})"
        raise RefusedError(Outcome(grpc.StatusCode.RESOURCE_EXHAUSTED, details))
    return data


def sealed(pairs: Pairs | None) -> Metadata:
    """Return metadata as it would arrive at the other end. Raises what grpc.aio raises for what it cannot carry."""
    if not pairs:
        return ()
    return tuple(_sealed_pair(key, value) for key, value in pairs)


def _sealed_pair(key: str, value: str | bytes) -> tuple[str, str | bytes]:
    if not _KEY.fullmatch(key):
        raise grpc.aio.InternalError(f"Illegal header key: {key!r}")
    if key.endswith("-bin"):
        if not isinstance(value, bytes):
            raise TypeError(f'Binary metadata key="{key}" expected bytes, got {type(value)}')
        return key, value
    text = value.decode("ascii") if isinstance(value, bytes) else value
    if not _VALUE.fullmatch(text):
        raise grpc.aio.InternalError(f"Illegal header value of {key!r}")
    return key, text
