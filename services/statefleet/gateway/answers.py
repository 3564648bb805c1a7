"""What the verbs take and give: a request and an answer without HTTP's machinery."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from statefleet.gateway.media import Accepted
from statefleet.gateway.routes import Target

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a resource."""

    target: Target
    query: Mapping[str, str]
    accepted: Accepted
    body: bytes = b""
    content_type: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. `warnings` are sentences; they become Warning headers."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    warnings: tuple[str, ...] = ()
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that goes on: each chunk is sent as it comes, for so many seconds or until there are no more."""

    chunks: AsyncGenerator[bytes, None]
    seconds: float
    content_type: str = JSON
    warnings: tuple[str, ...] = ()
