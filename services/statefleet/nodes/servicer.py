"""The node registry's gRPC service: the generic verbs, and the calls that are its alone."""

# ruff: noqa: N802, ARG002 -- the names and the context are those of the generated servicer

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.nodes.v1.node_registry_pb2 import (
    CordonRequest,
    HeartbeatRequest,
    HeartbeatResponse,
    ListNodeUsageRequest,
    ListNodeUsageResponse,
    ListPodUsageRequest,
    ListPodUsageResponse,
    RegisterRequest,
    RegisterResponse,
)
from statefleet.api.nodes.v1.node_registry_pb2_grpc import NodeRegistryServicer
from statefleet.api.object.v1.verbs_pb2 import WriteOptions, WriteResponse
from statefleet.errors import BadRequest, NotLeader
from statefleet.nodes.health import Health, HealthSettings
from statefleet.nodes.registration import decide_registration
from statefleet.nodes.strategy import NodeStrategy
from statefleet.nodes.usage import Usages
from statefleet.objects.kinds import NODE
from statefleet.store.draft import Draft
from statefleet.store.entries import Key
from statefleet.store.owners import owners_after
from statefleet.store.rejections import not_found
from statefleet.store.updates import settle
from statefleet.store.verbs import Home, ObjectServicer, answer

_SESSIONS_SHARD = "agent-sessions"
"""The shard whose claims number the sessions."""
_NODES_AT_ONCE = 100


class NodeRegistry(ObjectServicer, NodeRegistryServicer):
    """Serves nodes and hears their agents."""

    def __init__(self, homes: Iterable[Home], health: Health, usages: Usages, settings: HealthSettings) -> None:
        super().__init__(homes)
        self._nodes = self.home(NODE.name)
        self._health = health
        self._usages = usages
        self._settings = settings
        self.replica = self._nodes.replica

    async def Register(self, request: RegisterRequest, context: Any) -> RegisterResponse:
        """Enter nodes, or take them up again, and open a session for their agent."""
        if any(not node.metadata.name for node in request.nodes):
            raise BadRequest("nodes: Required value: each node needs a name")
        session, _ = await self.replica.claim_shard(_SESSIONS_SHARD, "")
        strategy = cast("NodeStrategy", self._nodes.strategy)
        response = RegisterResponse(
            session=session,
            heartbeat_interval_seconds=self._settings.heartbeat_seconds,
            usage_interval_seconds=self._settings.usage_seconds,
        )
        for start in range(0, len(request.nodes), _NODES_AT_ONCE):
            asked = request.nodes[start : start + _NODES_AT_ONCE]

            def decide(draft: Draft, asked: list[Node] = asked) -> list[Node]:
                return decide_registration(draft, strategy, asked, session)

            await self._nodes.writer.write(WriteOptions(), decide)
        keys = [Key(NODE.name, "", node.metadata.name) for node in request.nodes]
        stored = [entry.message for entry in map(self.replica.state.get, keys) if entry is not None]
        self._health.greet(stored)
        response.nodes.extend(stored)
        return response

    async def Heartbeat(self, request: HeartbeatRequest, context: Any) -> HeartbeatResponse:
        """Say that an agent is alive, and perhaps what is used. Kept in memory only, at the leader."""
        self._check_leads()
        lost = await self._health.hear(request.nodes, request.session)
        if request.usage:
            heard = set(request.nodes).difference(lost)
            self._usages.take(usage for usage in request.usage if usage.node in heard)
        return HeartbeatResponse(lost=lost)

    async def ListNodeUsage(self, request: ListNodeUsageRequest, context: Any) -> ListNodeUsageResponse:
        """List what nodes use. Known to the leader alone."""
        self._check_leads()
        page = self._usages.nodes(request.node, request.after)
        return ListNodeUsageResponse(nodes=page.nodes, next=page.next)

    async def ListPodUsage(self, request: ListPodUsageRequest, context: Any) -> ListPodUsageResponse:
        """List what pods use. Known to the leader alone."""
        self._check_leads()
        page = self._usages.pods(request.namespace, request.node, request.after)
        return ListPodUsageResponse(nodes=page.nodes, next=page.next)

    def _check_leads(self) -> None:
        if not self.replica.is_leader:
            raise NotLeader("only the leader hears heartbeats, and what is used")

    async def Cordon(self, request: CordonRequest, context: Any) -> WriteResponse:
        """Set whether pods may be scheduled to a node."""
        owners = owners_after(request.options, NODE)

        def decide(draft: Draft) -> Node:
            stored = draft.state.get(Key(NODE.name, "", request.name))
            if stored is None:
                raise not_found(NODE, request.name)
            node: Node = stored.copy()
            if request.unschedulable:
                node.spec.unschedulable = True
            else:
                node.spec.ClearField("unschedulable")
            owners.put(node, stored.message, node, draft.now)
            settle(draft, self._nodes.strategy, stored, node)
            return node

        written = await self._nodes.writer.write(request.options, decide)
        return answer(self._nodes, ObjectMeta(name=request.name), written)
