"""Answer create, update, delete and deletecollection."""

from __future__ import annotations

import asyncio
from typing import Any

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.client.fleet import Fleet, Listing
from statefleet.errors import BadRequest, NotFound, Subject
from statefleet.gateway import decoding, status
from statefleet.gateway.answers import Answer, Call
from statefleet.gateway.presenting import Presenter, finish
from statefleet.gateway.queries import check_delete_options, delete_options, read_options, write_options
from statefleet.gateway.routes import Target
from statefleet.objects.kinds import (
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
)

ANSWERED_WITH_OBJECT = frozenset({POD, SERVICE, SERVICE_ACCOUNT, PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM})
"""Kinds whose deletion is answered with the object, as it last was, even where it is gone at once."""

NAMESPACE_MISMATCH = "the namespace of the provided object does not match the namespace sent on the request"

_TOGETHER = 16
"""Deletions of one deletecollection that are under way at a time: they share the log's commits."""


class Writing:
    """The verbs that change objects, but for patch."""

    def __init__(self, fleet: Fleet, presenter: Presenter) -> None:
        self._fleet = fleet
        self._presenter = presenter

    async def create(self, call: Call) -> Answer:
        """Add the object in the body."""
        target = call.target
        options = write_options(call.query, call.user_agent, "CreateOptions")
        decoded = decoding.decode_body(target.served, call.body, call.content_type, options.field_validation)
        check_namespace(decoded.message, target, NAMESPACE_MISMATCH)
        written = await self._fleet.create(
            decoded.message, dry_run=options.dry_run, field_manager=options.field_manager
        )
        return self._presenter.one(
            target.served,
            written.object,
            call.accepted,
            call.query,
            status=201,
            stored=not options.dry_run,
            warnings=(*decoded.warnings(options.field_validation), *written.warnings),
        )

    async def update(self, call: Call) -> Answer:
        """Replace the object, or its status where the path says so, by the one in the body."""
        target = call.target
        options = write_options(call.query, call.user_agent, "UpdateOptions")
        decoded = decoding.decode_body(target.served, call.body, call.content_type, options.field_validation)
        check_identity(decoded.message, target)
        replace = self._fleet.update_status if target.subresource == "status" else self._fleet.update
        written = await replace(decoded.message, dry_run=options.dry_run, field_manager=options.field_manager)
        return self._presenter.one(
            target.served,
            written.object,
            call.accepted,
            call.query,
            stored=not options.dry_run,
            warnings=(*decoded.warnings(options.field_validation), *written.warnings),
        )

    async def delete(self, call: Call) -> Answer:
        """Delete one object: the answer is the object while it goes on to exist, else what there is to say of it."""
        target, options = call.target, read_delete_options(call)
        response = await self._fleet.delete(target.kind, target.name, target.namespace, options=options)
        message = target.kind.unwrap(response.object)
        accepted = not response.deleted and options.HasField("orphan_dependents") and not options.orphan_dependents
        code = 202 if accepted else 200
        if response.deleted and target.kind not in ANSWERED_WITH_OBJECT:
            outcome = status.success(_subject(target, message))
            return finish(status.encode(outcome), call.accepted, code)
        stored = not response.deleted and not options.dry_run
        return self._presenter.one(target.served, message, call.accepted, call.query, status=code, stored=stored)

    async def delete_collection(self, call: Call) -> Answer:
        """Delete every object that matches and answer with their list."""
        target, options = call.target, read_delete_options(call)
        chosen = read_options(call.query)
        listing = await self._fleet.list(
            target.kind,
            target.namespace,
            label_selector=chosen.label_selector,
            field_selector=chosen.field_selector,
            limit=chosen.limit,
            continue_token=chosen.continue_token,
        )
        for start in range(0, len(listing.items), _TOGETHER):
            batch = listing.items[start : start + _TOGETHER]
            await asyncio.gather(*(self._delete_listed(target, item, options) for item in batch))
        return self._presenter.many(target.served, _whole(listing), call.accepted, call.query)

    async def _delete_listed(self, target: Target, message: Any, options: DeleteOptions) -> None:
        meta = message.metadata
        try:
            await self._fleet.delete(target.kind, meta.name, meta.namespace, options=options)
        except NotFound:
            return


def read_delete_options(call: Call) -> DeleteOptions:
    """Return the delete options of a request: its body's, or without a body its query's."""
    if call.body:
        options = decoding.decode_plain(DeleteOptions, (), call.body, call.content_type)
        if not options.dry_run and call.query.get("dryRun"):
            options.dry_run.append(call.query["dryRun"])
    else:
        options = delete_options(call.query)
    check_delete_options(options)
    return options


def check_namespace(message: Any, target: Target, complaint: str) -> None:
    """Give an object the namespace of the path. BadRequest with the complaint where it names another."""
    meta = message.metadata
    if not target.namespace:
        meta.ClearField("namespace")
        return
    if meta.namespace and meta.namespace != target.namespace:
        raise BadRequest(complaint)
    meta.namespace = target.namespace


def check_identity(message: Any, target: Target) -> None:
    """Refuse an object that is not the one that the path names, and give it the namespace of the path."""
    _compare_names(message.metadata.name, message.metadata.namespace, target)
    check_namespace(message, target, NAMESPACE_MISMATCH)


def check_names(document: dict[str, Any], target: Target) -> None:
    """Refuse a document that is not of the object that the path names."""
    meta = document.get("metadata")
    names = meta if isinstance(meta, dict) else {}
    _compare_names(names.get("name") or "", names.get("namespace") or "", target)


def _compare_names(name: Any, namespace: Any, target: Target) -> None:
    if not name:
        raise BadRequest(
            f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided"
        )
    if name != target.name:
        raise BadRequest(f"the name of the object ({name}) does not match the name on the URL ({target.name})")
    if target.namespace and namespace and namespace != target.namespace:
        raise BadRequest(
            f"the namespace of the object ({namespace}) does not match "
            f"the namespace on the request ({target.namespace})"
        )


def _subject(target: Target, message: Any) -> Subject:
    kind = target.kind
    return Subject(name=target.name, group=kind.group, kind=kind.plural, uid=message.metadata.uid)


def _whole(listing: Listing[Any]) -> Listing[Any]:
    """Return a list without the token of a next page: there is nothing left to page through."""
    return Listing(listing.items, listing.resource_version, "", 0)
