"""Answer server-side apply: a patch that is a configuration, which the services merge."""

from __future__ import annotations

from typing import Any

import orjson

from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest, Cause
from statefleet.gateway import decoding, documents, versions
from statefleet.gateway.answers import Answer, Call
from statefleet.gateway.documents import UnreadableError
from statefleet.gateway.presenting import Presenter
from statefleet.gateway.queries import IGNORE, STRICT, WARN, flag, write_options
from statefleet.gateway.routes import Target
from statefleet.gateway.status import UnclassifiedError, invalid_options
from statefleet.gateway.writing import check_names
from statefleet.objects.nesting import TOO_DEEP, is_too_deep

APPLY_PATCH = "application/apply-patch+yaml"

_UNTYPED = "failed to create typed patch object"
"""How the services' complaint about a configuration begins that Kubernetes answers without a reason."""

Document = dict[str, Any]


async def apply(call: Call, fleet: Fleet, presenter: Presenter) -> Answer:
    """Apply the configuration in the body; 201 where that adds the object."""
    options = write_options(call.query, call.user_agent, "PatchOptions")
    if not call.query.get("fieldManager"):
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise invalid_options("PatchOptions", (cause,))
    target, served = call.target, call.target.served
    document, complaints = _read(call, options.field_validation)
    _check(target, document)
    try:
        written = await fleet.apply(
            target.kind,
            target.name,
            target.namespace,
            versions.to_current(served.kind, served.api_version, document),
            subresource=target.subresource,
            force=flag(call.query, "force"),
            dry_run=options.dry_run,
            field_manager=options.field_manager,
        )
    except BadRequest as error:
        raise UnclassifiedError(error.message) if error.message.startswith(_UNTYPED) else error from None
    return presenter.one(
        served,
        written.object,
        call.accepted,
        call.query,
        status=201 if written.created else 200,
        stored=not options.dry_run,
        warnings=(*(complaints if options.field_validation == WARN else ()), *written.warnings),
    )


def _read(call: Call, validation: str) -> tuple[Document, tuple[str, ...]]:
    """Return the configuration in the body, YAML or the JSON that is YAML too, and its repeated keys."""
    is_json = call.body.lstrip()[:1] == b"{"
    try:
        value = documents.read_json(call.body) if is_json else _as_json(documents.read_yaml(call.body))
    except (UnreadableError, TypeError) as error:
        raise BadRequest(f"error decoding YAML: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest("error decoding YAML: the configuration is no object")
    if is_too_deep(value):
        raise BadRequest(f"error decoding YAML: {TOO_DEEP}")
    repeated = tuple(documents.duplicates(call.body)) if is_json and validation != IGNORE else ()
    if repeated and validation == STRICT:
        raise BadRequest(f"error strict decoding YAML: {', '.join(repeated)}")
    return value, repeated


def _as_json(value: Any) -> Any:
    """Return what a YAML value is in JSON, where keys are text. TypeError where it is nothing there: bytes."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))


def _check(target: Target, document: Document) -> None:
    """Refuse a configuration of another object or version than the path names."""
    version, expected = document.get("apiVersion"), target.served.api_version
    if version != expected:
        raise BadRequest(
            f"Incorrect version specified in apply patch. Specified patch version: {version}, expected: {expected}"
        )
    decoding.check_type(target.kind.name, expected, document)
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and metadata.get("name"):
        check_names(document, target)
