"""Render errors and outcomes as a Kubernetes Status. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import orjson

from statefleet.errors import Cause, Expired, FleetError, Invalid, MethodNotAllowed, Subject
from statefleet.gateway.answers import Answer


class UnclassifiedError(FleetError):
    """What Kubernetes answers with a 500 that has no reason, though the client is at fault."""

    reason: ClassVar[str] = ""


class UnreadableVersionError(UnclassifiedError):
    """A resourceVersion of a watch that is no number."""

    def __init__(self, version: str, subject: Subject | None = None) -> None:
        super().__init__(
            f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax',
            subject,
        )


def failure(error: FleetError) -> dict[str, Any]:
    """Return the Status that stands for an error."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
    }
    if error.reason:
        status["reason"] = error.reason
    subject = error.subject
    if isinstance(error, Expired) and subject is not None:
        status["metadata"], subject = _continuation(subject)
    if subject is not None:
        status["details"] = details(subject)
    status["code"] = error.http_code
    return status


def _continuation(subject: Subject) -> tuple[dict[str, str], Subject | None]:
    """Return the metadata with the token that an expired list goes on with, and what is left of the subject."""
    token = next((cause.message for cause in subject.causes if cause.reason == "ContinueToken"), "")
    left = replace(subject, causes=tuple(cause for cause in subject.causes if cause.reason != "ContinueToken"))
    return {"continue": token} if token else {}, None if left == Subject() else left


def success(subject: Subject | None = None, code: int | None = None) -> dict[str, Any]:
    """Return the Status of a request that worked and answers with no object."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if subject is not None:
        status["details"] = details(subject)
    if code is not None:
        status["code"] = code
    return status


def details(subject: Subject) -> dict[str, Any]:
    """Return StatusDetails without their empty fields."""
    found: dict[str, Any] = {}
    for key in ("name", "group", "kind", "uid"):
        value = getattr(subject, key)
        if value:
            found[key] = value
    if subject.causes:
        found["causes"] = [_cause(cause) for cause in subject.causes]
    if subject.retry_after_seconds:
        found["retryAfterSeconds"] = subject.retry_after_seconds
    return found


def _cause(cause: Cause) -> dict[str, str]:
    fields = {"reason": cause.reason, "message": cause.message, "field": cause.field}
    return {key: value for key, value in fields.items() if value}


def answer(error: FleetError) -> Answer:
    """Return the HTTP answer that stands for an error, with Retry-After where the error says when."""
    headers = {}
    if error.subject is not None and error.subject.retry_after_seconds:
        headers["Retry-After"] = str(error.subject.retry_after_seconds)
    elif error.http_code == 503:
        headers["Retry-After"] = "1"
    return Answer(orjson.dumps(failure(error)), error.http_code, headers=headers)


def method_not_allowed(allowed: tuple[str, ...]) -> Answer:
    """Return the answer to an HTTP method that a path does not have."""
    error = MethodNotAllowed("the server does not allow this method on the requested resource", Subject())
    return Answer(orjson.dumps(failure(error)), 405, headers={"Allow": ", ".join(allowed)})


def page_not_found() -> Answer:
    """Return the answer to a path that nothing is served at."""
    return Answer(b"404 page not found\n", 404, content_type="text/plain; charset=utf-8")


def invalid_options(kind: str, causes: tuple[Cause, ...]) -> Invalid:
    """Return the error for options of a request, such as ListOptions, that break rules."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return Invalid(
        f'{kind}.meta.k8s.io "" is invalid: {text}',
        Subject(group="meta.k8s.io", kind=kind, causes=causes),
    )


def encode(rendered: dict[str, Any]) -> bytes:
    """Return a Status as JSON."""
    return orjson.dumps(rendered)
