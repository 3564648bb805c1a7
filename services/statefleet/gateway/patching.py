"""Answer patch: read, change in the request's version, write at the version read, again on a conflict.

The patch is applied to the JSON document of the version that the path names, so its field names are that version's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest, Conflict, Internal, Invalid, UnsupportedMediaType
from statefleet.gateway import decoding, documents, encoding
from statefleet.gateway.answers import Answer, Call
from statefleet.gateway.applying import APPLY_PATCH
from statefleet.gateway.decoding import Decoded
from statefleet.gateway.documents import UnreadableError
from statefleet.gateway.presenting import Presenter
from statefleet.gateway.queries import IGNORE, STRICT, WriteOptions, check_patch_options, write_options
from statefleet.gateway.status import UnclassifiedError
from statefleet.gateway.writing import check_names
from statefleet.objects import patch as patches

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH)
UNKNOWN_FORMAT = "the body of the request was in an unknown format"

ATTEMPTS = 5
"""How often a patch that names no version is tried while others write between its read and its write."""

Document = dict[str, Any]
Change = Callable[[Document], Any]


class Patched(Protocol):
    """What a patch can change: an object, its status, or its scale."""

    async def read(self) -> tuple[Any, Document]:
        """Return the newest state and its JSON document."""

    def check(self, document: Document) -> None:
        """Refuse a changed document that is no longer the one that the path names. BadRequest."""

    def decode(self, document: Document) -> Decoded:
        """Return what the changed document stands for. BadRequest where it is malformed."""

    async def write(self, message: Any, options: WriteOptions) -> tuple[Any, tuple[str, ...]]:
        """Store the changed state at the version it names; return what was stored and warnings."""

    def answer(self, message: Any, call: Call, *, stored: bool, warnings: tuple[str, ...]) -> Answer:
        """Return the answer that holds a state."""


class ObjectPatched:
    """An object or its status."""

    def __init__(self, fleet: Fleet, presenter: Presenter, call: Call) -> None:
        self._fleet = fleet
        self._presenter = presenter
        self._target = call.target

    async def read(self) -> tuple[Any, Document]:
        """Return the newest object and its document."""
        target = self._target
        message = await self._fleet.get(target.kind, target.name, target.namespace)
        return message, encoding.document(target.served, message)

    def check(self, document: Document) -> None:
        """Refuse another kind, version, name or namespace."""
        served = self._target.served
        decoding.check_type(served.kind.name, served.api_version, document)
        check_names(document, self._target)

    def decode(self, document: Document) -> Decoded:
        """Return the object that the changed document stands for."""
        return decoding.decode_document(self._target.served, document)

    async def write(self, message: Any, options: WriteOptions) -> tuple[Any, tuple[str, ...]]:
        """Replace the object or its status."""
        is_status = self._target.subresource == "status"
        replace = self._fleet.update_status if is_status else self._fleet.update
        written = await replace(message, dry_run=options.dry_run, field_manager=options.field_manager)
        return written.object, tuple(written.warnings)

    def answer(self, message: Any, call: Call, *, stored: bool, warnings: tuple[str, ...]) -> Answer:
        """Return the answer that holds the object."""
        served = self._target.served
        return self._presenter.one(served, message, call.accepted, call.query, stored=stored, warnings=warnings)


async def patch(call: Call, patched: Patched) -> Answer:
    """Apply the patch in the body. Conflict where others wrote each time in between."""
    options = write_options(call.query, call.user_agent, "PatchOptions")
    check_patch_options(call.query)
    reading = read_patch(call)
    for attempt in range(1, ATTEMPTS + 1):
        current, document = await patched.read()
        changed = _apply(reading, document)
        patched.check(changed)
        decoded = _decode(patched, changed, reading, options)
        warnings = decoded.warnings(options.field_validation)
        if changed == document:
            return patched.answer(current, call, stored=True, warnings=warnings)
        meta = decoded.message.metadata
        if not meta.resource_version:
            meta.resource_version = current.metadata.resource_version
        try:
            stored, more = await patched.write(decoded.message, options)
        except Conflict:
            if reading.names_version or attempt == ATTEMPTS:
                raise
            continue
        return patched.answer(stored, call, stored=not options.dry_run, warnings=(*warnings, *more))
    raise AssertionError("the last attempt answers or raises")


@dataclass(frozen=True, slots=True)
class ReadPatch:
    """A patch as the request carried it."""

    apply: Change
    names_version: bool
    """Whether it says which resourceVersion it is for: then it is not tried again on another."""
    complaints: tuple[str, ...]
    """What is wrong with its form: keys that stand twice."""
    refuse: Callable[[Any, str], Invalid]
    """Makes the error for an outcome that its type cannot take."""


def read_patch(call: Call) -> ReadPatch:
    """Return the patch of a request by its content type. UnsupportedMediaType and BadRequest where it is none."""
    media_type = documents.content_type(call.content_type)
    if media_type not in TYPES:
        accepted = TYPES if call.target.subresource == "scale" else (*TYPES, APPLY_PATCH)
        raise UnsupportedMediaType(f"{UNKNOWN_FORMAT} - accepted media types include: {', '.join(accepted)}")
    try:
        value = documents.read_json(call.body)
    except UnreadableError as error:
        raise BadRequest(f"error decoding patch: {error}") from None
    complaints = tuple(documents.duplicates(call.body))
    if media_type == JSON_PATCH:
        return ReadPatch(
            lambda document: patches.json_patch(document, value),
            _sets_version(value),
            complaints,
            patches.refused_document,
        )
    names_version = bool(_part(_part(value, "metadata"), "resourceVersion"))
    if media_type == MERGE_PATCH:
        return ReadPatch(
            lambda document: patches.merge_patch(document, value), names_version, complaints, patches.refused_document
        )
    message_type = Scale if call.target.subresource == "scale" else call.target.kind.message
    return ReadPatch(
        lambda document: patches.strategic_merge_patch(message_type, document, value),
        names_version,
        complaints,
        lambda _, text: patches.refused_change(value, text),
    )


def _apply(reading: ReadPatch, document: Document) -> Document:
    """Return the document as the patch changes it. UnclassifiedError where Kubernetes' own code gives up."""
    try:
        changed = reading.apply(document)
    except Internal as error:
        raise UnclassifiedError(error.message) from None
    if not isinstance(changed, dict):
        raise reading.refuse(changed, "the outcome is no object")
    return changed


def _sets_version(operations: Any) -> bool:
    return isinstance(operations, list) and any(
        isinstance(operation, dict) and operation.get("path") == "/metadata/resourceVersion"
        for operation in operations
    )


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _decode(patched: Patched, document: Document, reading: ReadPatch, options: WriteOptions) -> Decoded:
    """Return what the changed document stands for, with the complaints that the caller wants to hear of."""
    try:
        decoded = patched.decode(document)
    except BadRequest as error:
        raise reading.refuse(document, error.message) from None
    if options.field_validation == IGNORE:
        return Decoded(decoded.message)
    decoded = Decoded(decoded.message, (*reading.complaints, *decoded.complaints))
    if options.field_validation == STRICT and decoded.complaints:
        raise reading.refuse(document, decoding.strict_text(decoded.complaints))
    return decoded
