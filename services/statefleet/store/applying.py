"""Decide what a server-side apply leads to. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from statefleet.api.object.v1.verbs_pb2 import ApplyRequest
from statefleet.errors import BadRequest
from statefleet.objects.kinds import Kind
from statefleet.objects.managed import Application, apply, tracked
from statefleet.objects.nesting import TOO_DEEP, is_too_deep
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry, Key
from statefleet.store.owners import Settled, nanoseconds
from statefleet.store.rejections import not_found, uid_conflict
from statefleet.store.strategy import Strategy
from statefleet.store.updates import decide_status, decide_update

STATUS = "status"

Document = dict[str, Any]


class Applying(NamedTuple):
    """What an apply leads to."""

    message: Any
    is_new: bool


Create = Callable[[Any, Settled], Any]
"""Adds a new object to the draft and returns it."""


def read_configuration(kind: Kind[Any], request: ApplyRequest) -> Document:
    """Return the configuration of an apply, named as its key says. Raises BadRequest for what can be none."""
    if not request.options.field_manager:
        raise BadRequest("options.field_manager: Required value: is required for apply")
    if request.subresource not in ("", STATUS):
        raise BadRequest(f"subresource: Unsupported value: {request.subresource}")
    try:
        document = orjson.loads(request.configuration)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"configuration: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("metadata") or {}, dict):
        raise BadRequest("configuration: an object with metadata is expected")
    if is_too_deep(document):
        raise BadRequest(f"configuration: {TOO_DEEP}")
    _check_type(kind, document)
    key = request.key
    named = {"name": key.name, **({"namespace": key.namespace} if key.namespace else {})}
    return {**document, "metadata": {**(document.get("metadata") or {}), **named}}


def decide_application(
    draft: Draft, strategy: Strategy[Any], request: ApplyRequest, document: Document, create: Create
) -> Applying:
    """Return the object that an apply leads to, having put the change, if it is one, into the draft.

    Raises BadRequest, Conflict where others own what it changes, and what a create or an update raises.
    """
    kind = strategy.kind
    application = Application(
        manager=request.options.field_manager,
        api_version=kind.api_version,
        document=document,
        subresource=request.subresource,
        force=request.force,
        time_ns=nanoseconds(draft.now),
    )
    stored = draft.state.get(Key.of(request.key))
    if stored is None:
        _admit_new(kind, request, document)
        applied = apply(kind.message(), {}, application, is_new=True)
        return Applying(create(applied.message, Settled(applied.entries)), True)
    return Applying(_change(draft, strategy, stored, application), False)


def _change(draft: Draft, strategy: Strategy[Any], stored: Entry, application: Application) -> Any:
    live = stored.message
    applied = apply(live, tracked((), live.metadata.managed_fields), application)
    decide = decide_status if application.subresource else decide_update
    return decide(draft, strategy, applied.message, Settled(applied.entries))


def _admit_new(kind: Kind[Any], request: ApplyRequest, document: Document) -> None:
    if request.subresource:
        raise not_found(kind, request.key.name)
    uid = document["metadata"].get("uid")
    if uid:
        raise uid_conflict(kind, request.key.name, str(uid), "")


def _check_type(kind: Kind[Any], document: Document) -> None:
    version, name = document.get("apiVersion"), document.get("kind")
    if version != kind.api_version:
        raise BadRequest(
            "Incorrect version specified in apply patch. "
            f"Specified patch version: {version}, expected: {kind.api_version}"
        )
    if name != kind.name:
        raise BadRequest(f"configuration: {name} is no {kind.name}")
