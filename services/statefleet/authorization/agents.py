"""Keep agents, whom nobody trusts, to what is their nodes': the pods bound to them and what those mount.

A write to a pod is tied to the pod that was looked at, by its uid, so that what is decided here holds where and when
it is carried out. A replica that does not know yet what the agent knows catches up before it refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.reference_pb2 import ObjectReference
from statefleet.authorization.nodes import NodeScope
from statefleet.errors import BadRequest
from statefleet.objects.field_selectors import FieldSelector
from statefleet.objects.kinds import (
    CONFIG_MAP,
    EVENT,
    KINDS,
    NODE,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SECRET,
    Kind,
    held_kind,
)

NOT_OWN = "an agent may see and change only its own nodes, the pods bound to them and what those mount"

_MOUNTED = frozenset(kind.name for kind in (SECRET, CONFIG_MAP, PERSISTENT_VOLUME_CLAIM, PERSISTENT_VOLUME))


class Place(NamedTuple):
    """Where a stored pod is."""

    node: str
    uid: str


class Placements(Protocol):
    """What a service knows of where pods are."""

    def place(self, namespace: str, name: str) -> Place | None:
        """Return where a pod is; None where there is none of this name."""

    def is_mounted(self, scope: NodeScope, kind: str, namespace: str, name: str) -> bool:
        """Return whether a pod on one of the nodes mounts an object, or is given values of it."""

    def told_of(self, namespace: str, name: str) -> ObjectReference | None:
        """Return what a stored event is about; None where there is none of this name."""

    async def catch_up(self) -> None:
        """Return when all is known that was acknowledged before the call. Unavailable."""


Filter = Callable[[Any], Any]
"""Makes a message of a stream into what an agent may see of it."""


class Verdict(NamedTuple):
    """What becomes of an agent's request: refused, or allowed, its answers filtered where that is needed."""

    allowed: bool
    shown: Filter | None = None


class Agents:
    """Decides whether an agent's request is for it. Without placements, where no pods are stored, none is its."""

    def __init__(self, placements: Placements | None = None) -> None:
        self._placements = placements

    async def judge(self, scope: NodeScope, method: str, request: Any) -> Verdict:
        """Decide on a request that the agents' rules allow for what is its own. Ties writes to the pods seen."""
        verdict = self._judge(scope, method, request)
        if not verdict.allowed and self._placements is not None:
            await self._placements.catch_up()
            verdict = self._judge(scope, method, request)
        return verdict

    def _judge(self, scope: NodeScope, method: str, request: Any) -> Verdict:
        if method in ("List", "Watch"):
            return self._judge_reading(scope, method, request)
        if method == "Register":
            return Verdict(all(scope.includes(node.metadata.name) for node in request.nodes))
        if method == "Heartbeat":
            return Verdict(all(map(scope.includes, (*request.nodes, *(each.node for each in request.usage)))))
        if method == "RecordEvents":
            return Verdict(all(self._may_tell(scope, event, replaces=True) for event in request.events))
        if method in ("Get", "Delete"):
            return Verdict(self._judge_key(scope, method, request))
        return Verdict(self._judge_held(scope, method, request))

    def _judge_key(self, scope: NodeScope, method: str, request: Any) -> bool:
        key = request.key
        if key.kind == NODE.name:
            return scope.includes(key.name)
        if key.kind in _MOUNTED:
            return self._is_mounted(scope, key.kind, key.namespace, key.name)
        if key.kind != POD.name:
            return False
        uid = self._uid(scope, key.namespace, key.name)
        if uid and method == "Delete" and not request.delete_options.preconditions.uid:
            request.delete_options.preconditions.uid = uid
        return bool(uid)

    def _judge_held(self, scope: NodeScope, method: str, request: Any) -> bool:
        kind = held_kind(request.object)
        message = kind.unwrap(request.object)
        meta = message.metadata
        if kind is NODE:
            return scope.includes(meta.name)
        if kind is EVENT:
            return self._may_tell(scope, message, replaces=method == "Update")
        if kind is not POD:
            return False
        uid = self._uid(scope, meta.namespace, meta.name)
        if uid and not meta.uid:
            meta.uid = uid
        return bool(uid)

    def _judge_reading(self, scope: NodeScope, method: str, request: Any) -> Verdict:
        """Allow what says by its selector that it is for one of the nodes, and filter what an open scope asks for."""
        kinds = [KINDS[name] for name in ([request.kind] if method == "List" else request.kinds)]
        if all(self._is_selected_own(scope, kind, request) for kind in kinds):
            return Verdict(True)
        if not scope.is_open or not all(kind in (POD, NODE) for kind in kinds):
            return Verdict(False)
        return Verdict(True, _listed(scope) if method == "List" else _watched(scope))

    def _is_selected_own(self, scope: NodeScope, kind: Kind[Any], request: Any) -> bool:
        if not request.field_selector:
            return False
        try:
            fields = FieldSelector.parse(kind, request.field_selector)
        except BadRequest:
            return False
        if kind is POD:
            return scope.includes(fields.exact("spec.nodeName") or "")
        name = fields.exact("metadata.name") or ""
        if kind is NODE:
            return scope.includes(name)
        return bool(name) and self._is_mounted(scope, kind.name, request.namespace, name)

    def _uid(self, scope: NodeScope, namespace: str, name: str) -> str:
        """Return the uid of a pod that is on one of the nodes; empty where it is not."""
        place = None if self._placements is None else self._placements.place(namespace, name)
        return place.uid if place is not None and scope.includes(place.node) else ""

    def _is_mounted(self, scope: NodeScope, kind: str, namespace: str, name: str) -> bool:
        return self._placements is not None and self._placements.is_mounted(scope, kind, namespace, name)

    def _told_of(self, namespace: str, name: str) -> ObjectReference | None:
        return None if self._placements is None else self._placements.told_of(namespace, name)

    def _may_tell(self, scope: NodeScope, event: Event, *, replaces: bool) -> bool:
        """Whether an event is the agent's to write, and so is the one that it may take the place of."""
        known = self._told_of(event.metadata.namespace, event.metadata.name) if replaces else None
        return all(self._tells_of_own(scope, about) for about in (event.involved_object, known) if about is not None)

    def _tells_of_own(self, scope: NodeScope, about: ObjectReference) -> bool:
        """Whether an event is about a node or a pod of the agent's, or about a pod that is no longer there."""
        if about.kind == NODE.name:
            return scope.includes(about.name)
        if about.kind != POD.name or self._placements is None:
            return False
        place = self._placements.place(about.namespace, about.name)
        return place is None or place.uid != about.uid or scope.includes(place.node)


def _is_shown(scope: NodeScope, wrapped: Any) -> bool:
    held = wrapped.WhichOneof("kind")
    if held == POD.oneof:
        return scope.includes(wrapped.pod.spec.node_name)
    return held == NODE.oneof and scope.includes(wrapped.node.metadata.name)


def _listed(scope: NodeScope) -> Filter:
    def shown(response: Any) -> Any:
        hidden = [i for i, each in enumerate(response.objects) if not _is_shown(scope, each)]
        for index in reversed(hidden):
            del response.objects[index]
        if hidden:
            response.ClearField("remaining_item_count")
        return response

    return shown


def _watched(scope: NodeScope) -> Filter:
    def shown(response: Any) -> Any:
        events = response.events
        hidden = [i for i, each in enumerate(events) if each.HasField("object") and not _is_shown(scope, each.object)]
        for index in reversed(hidden):
            del events[index]
        return response

    return shown
