"""Answer the subresources that are calls of their own: scale, binding, eviction and a namespace's finalize."""

from __future__ import annotations

from typing import Any

import orjson

from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.api.core.v1.pod_pb2 import Binding
from statefleet.api.policy.v1.policy_pb2 import Eviction
from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest
from statefleet.gateway import decoding, status
from statefleet.gateway.answers import Answer, Call
from statefleet.gateway.decoding import Decoded
from statefleet.gateway.patching import Document
from statefleet.gateway.presenting import Presenter, finish
from statefleet.gateway.queries import WriteOptions, check_delete_options, write_options
from statefleet.gateway.versions import EVICTION_VERSIONS
from statefleet.gateway.writing import check_identity, check_names
from statefleet.objects import codec
from statefleet.objects.kinds import NAMESPACE

SCALE_VERSION = "autoscaling/v1"


class ScalePatched:
    """A set's scale, for patch."""

    def __init__(self, fleet: Fleet, call: Call) -> None:
        self._fleet = fleet
        self._target = call.target

    async def read(self) -> tuple[Scale, Document]:
        """Return the newest scale and its document."""
        target = self._target
        scale = await self._fleet.get_scale(target.kind, target.name, target.namespace)
        return scale, scale_document(scale)

    def check(self, document: Document) -> None:
        """Refuse another kind, version, name or namespace."""
        decoding.check_type("Scale", SCALE_VERSION, document)
        check_names(document, self._target)

    def decode(self, document: Document) -> Decoded:
        """Return the scale that the changed document stands for."""
        scale, complaints = codec.decode(Scale, decoding.without_type(document))
        return Decoded(scale, tuple(complaints))

    async def write(self, message: Any, options: WriteOptions) -> tuple[Any, tuple[str, ...]]:
        """Set the replicas."""
        target = self._target
        scale = await self._fleet.update_scale(
            target.kind,
            target.name,
            target.namespace,
            message,
            dry_run=options.dry_run,
            field_manager=options.field_manager,
        )
        return scale, ()

    def answer(self, message: Any, call: Call, *, stored: bool, warnings: tuple[str, ...]) -> Answer:
        """Return the answer that holds the scale."""
        del stored
        return finish(orjson.dumps(scale_document(message)), call.accepted, warnings=warnings)


class Subresources:
    """The subresources that are calls of their own."""

    def __init__(self, fleet: Fleet, presenter: Presenter) -> None:
        self._fleet = fleet
        self._presenter = presenter

    async def get_scale(self, call: Call) -> Answer:
        """Answer with a set's scale."""
        scale, _ = await ScalePatched(self._fleet, call).read()
        return finish(orjson.dumps(scale_document(scale)), call.accepted)

    async def update_scale(self, call: Call) -> Answer:
        """Set a set's replicas to those in the body."""
        options = write_options(call.query, call.user_agent, "UpdateOptions")
        scale = decoding.decode_plain(Scale, (SCALE_VERSION,), call.body, call.content_type)
        check_identity(scale, call.target)
        stored, _ = await ScalePatched(self._fleet, call).write(scale, options)
        return finish(orjson.dumps(scale_document(stored)), call.accepted)

    async def bind(self, call: Call) -> Answer:
        """Give a pod the node that the body names."""
        target, options = call.target, write_options(call.query, call.user_agent, "CreateOptions")
        binding = decoding.decode_plain(Binding, ("v1",), call.body, call.content_type)
        if binding.target.kind not in {"", "Node"}:
            raise BadRequest(f"a pod is bound to a Node, not to a {binding.target.kind}")
        await self._fleet.bind(
            target.name,
            target.namespace,
            binding.target.name,
            uid=binding.metadata.uid,
            dry_run=options.dry_run,
            field_manager=options.field_manager,
        )
        return _created(call)

    async def evict(self, call: Call) -> Answer:
        """Delete a pod if the budgets that select it allow it."""
        target, options = call.target, write_options(call.query, call.user_agent, "CreateOptions")
        eviction = decoding.decode_plain(Eviction, EVICTION_VERSIONS, call.body, call.content_type)
        name = eviction.metadata.name
        if name and name != target.name:
            raise BadRequest("name in URL does not match name in Eviction object")
        check_delete_options(eviction.delete_options)
        await self._fleet.evict(
            target.name,
            target.namespace,
            options=eviction.delete_options,
            dry_run=options.dry_run or bool(eviction.delete_options.dry_run),
        )
        return _created(call)

    async def finalize(self, call: Call) -> Answer:
        """Set a namespace's finalizers to those in the body; without any, a namespace that is going is gone."""
        options = write_options(call.query, call.user_agent, "UpdateOptions")
        decoded = decoding.decode_body(call.target.served, call.body, call.content_type, options.field_validation)
        check_identity(decoded.message, call.target)
        if decoded.message.spec.finalizers:
            current = await self._fleet.get(NAMESPACE, call.target.name, "")
            return self._presenter.one(call.target.served, current, call.accepted, call.query)
        response = await self._fleet.finalize_namespace(call.target.name, decoded.message.metadata.uid)
        message = NAMESPACE.unwrap(response.object)
        return self._presenter.one(call.target.served, message, call.accepted, call.query, stored=False)


def scale_document(scale: Scale) -> Document:
    """Return a scale as the JSON document of its own version."""
    return {"kind": "Scale", "apiVersion": SCALE_VERSION, **codec.encode(scale)}


def _created(call: Call) -> Answer:
    return finish(status.encode(status.success(code=201)), call.accepted, 201)
