"""The typed client: what a program, a worker or the gateway does with a fleet, object by object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from google.protobuf.message import Message

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.nodes.v1.node_registry_pb2 import (
    CordonRequest,
    HeartbeatRequest,
    HeartbeatResponse,
    ListNodeUsageRequest,
    ListPodUsageRequest,
    RegisterRequest,
    RegisterResponse,
)
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage
from statefleet.api.object.v1.verbs_pb2 import (
    ClaimShardRequest,
    ClaimShardResponse,
    DeleteResponse,
    Fence,
)
from statefleet.api.revisions.v1.revision_history_pb2 import (
    DiffRequest,
    DiffResponse,
    ListRevisionsRequest,
    Owner,
    RecordRequest,
    RecordResponse,
    RevisionSummary,
    RollBackRequest,
    RollBackResponse,
)
from statefleet.api.workloads.v1.workload_store_pb2 import (
    BindRequest,
    EvictRequest,
    FinalizeNamespaceRequest,
    GetScaleRequest,
    RecordEventsRequest,
    UpdateScaleRequest,
)
from statefleet.client.verbs import TIMEOUT_SECONDS, Channels, Listing, Verbs, Written, key_of
from statefleet.objects.kinds import NODE, NODES, POD, REVISIONS, WORKLOADS, Kind, kind_of

__all__ = ["TIMEOUT_SECONDS", "Channels", "Fleet", "Listing", "Written"]


class Fleet(Verbs):
    """A fleet's services. Objects are those of `statefleet.objects.kinds`; errors those of `statefleet.errors`.

    Every call takes a `timeout` in seconds. A write that no replica could answer is repeated under one request
    identifier, and so takes effect once. `fence` is a worker's claim, and users have none.
    """

    # What only the workload store does.

    async def record_events(
        self, events: Sequence[Event], *, request_id: str = "", timeout: float | None = None
    ) -> dict[int, str]:
        """Record events, each in the place of the one that has its name, if any; at most 500, each of another name.

        Return why some were refused, by their place among `events`.
        """
        request = RecordEventsRequest(events=events, options=self._options(None, False, "", request_id))
        response = await self._call(WORKLOADS, "RecordEvents", request, timeout)
        return {refused.index: refused.message for refused in response.refused}

    async def bind(
        self,
        name: str,
        namespace: str,
        node: str,
        *,
        uid: str = "",
        observed_version: str = "",
        any_node: bool = False,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Written[Pod]:
        """Give a pending pod its node; checks as in BindRequest."""
        request = BindRequest(
            namespace=namespace,
            name=name,
            uid=uid,
            node=node,
            observed_version=observed_version,
            any_node=any_node,
            options=self._options(fence, dry_run, field_manager, request_id),
        )
        return await self._written(POD, "Bind", request, timeout)

    async def evict(
        self,
        name: str,
        namespace: str,
        *,
        options: DeleteOptions | None = None,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> None:
        """Delete a pod where the disruption budgets that select it allow it; TooManyRequests where one does not."""
        dry_run = dry_run or (options is not None and bool(options.dry_run))
        request = EvictRequest(
            namespace=namespace,
            name=name,
            delete_options=options,
            options=self._options(fence, dry_run, field_manager, request_id),
        )
        await self._call(WORKLOADS, "Evict", request, timeout)

    async def get_scale(self, kind: Kind[Any], name: str, namespace: str, *, timeout: float | None = None) -> Scale:
        """Return how many replicas a set has and should have."""
        response = await self._call(
            WORKLOADS, "GetScale", GetScaleRequest(key=key_of(kind, name, namespace)), timeout
        )
        return cast("Scale", response.scale)

    async def update_scale(
        self,
        kind: Kind[Any],
        name: str,
        namespace: str,
        scale: Scale,
        *,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Scale:
        """Set how many replicas a set should have."""
        request = UpdateScaleRequest(
            key=key_of(kind, name, namespace),
            scale=scale,
            options=self._options(fence, dry_run, field_manager, request_id),
        )
        return cast("Scale", (await self._call(WORKLOADS, "UpdateScale", request, timeout)).scale)

    async def finalize_namespace(
        self,
        name: str,
        uid: str,
        *,
        fence: Fence | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> DeleteResponse:
        """Take the last finalizer off an empty namespace, which removes it."""
        options = self._options(fence, False, "", request_id)
        request = FinalizeNamespaceRequest(name=name, uid=uid, options=options)
        return cast("DeleteResponse", await self._call(WORKLOADS, "FinalizeNamespace", request, timeout))

    async def claim_shard(
        self, service: int, shard: str, holder: str, *, timeout: float | None = None
    ) -> ClaimShardResponse:
        """Claim a shard of a service's for a worker, so that older claims' writes are refused."""
        request = ClaimShardRequest(shard=shard, holder=holder)
        return cast("ClaimShardResponse", await self._call(service, "ClaimShard", request, timeout))

    # What only the revision history does.

    async def record_revision(
        self, owner: Message, *, fence: Fence | None = None, request_id: str = "", timeout: float | None = None
    ) -> RecordResponse:
        """Make the revision that equals a set's template its newest, or add it."""
        options = self._options(fence, False, "", request_id)
        request = RecordRequest(set=kind_of(owner).wrap(owner), options=options)
        return cast("RecordResponse", await self._call(REVISIONS, "Record", request, timeout))

    async def list_revisions(
        self, kind: Kind[Any], name: str, namespace: str, *, uid: str = "", timeout: float | None = None
    ) -> Sequence[ControllerRevision]:
        """Return a set's revisions, oldest first."""
        request = ListRevisionsRequest(owner=Owner(kind=kind.name, namespace=namespace, name=name, uid=uid))
        response = await self._call(REVISIONS, "ListRevisions", request, timeout)
        return cast("Sequence[ControllerRevision]", response.revisions)

    async def history(
        self, kind: Kind[Any], name: str, namespace: str, *, uid: str = "", timeout: float | None = None
    ) -> Sequence[RevisionSummary]:
        """Return who made a set's revisions, when and why, oldest first."""
        request = ListRevisionsRequest(owner=Owner(kind=kind.name, namespace=namespace, name=name, uid=uid))
        response = await self._call(REVISIONS, "ListRevisions", request, timeout)
        return cast("Sequence[RevisionSummary]", response.summaries)

    async def diff_revisions(
        self,
        kind: Kind[Any],
        name: str,
        namespace: str,
        *,
        uid: str = "",
        from_revision: int = 0,
        to_revision: int = 0,
        timeout: float | None = None,
    ) -> DiffResponse:
        """Return what differs between two revisions, by default the newest and the one before it."""
        owner = Owner(kind=kind.name, namespace=namespace, name=name, uid=uid)
        request = DiffRequest(owner=owner, from_revision=from_revision, to_revision=to_revision)
        return cast("DiffResponse", await self._call(REVISIONS, "Diff", request, timeout))

    async def roll_back(
        self,
        kind: Kind[Any],
        name: str,
        namespace: str,
        *,
        uid: str = "",
        to_revision: int = 0,
        timeout: float | None = None,
    ) -> RollBackResponse:
        """Return the template of an earlier revision, to be written into the set; 0: the one before the newest."""
        owner = Owner(kind=kind.name, namespace=namespace, name=name, uid=uid)
        request = RollBackRequest(owner=owner, to_revision=to_revision)
        return cast("RollBackResponse", await self._call(REVISIONS, "RollBack", request, timeout))

    # What only the node registry does.

    async def register(self, nodes: Iterable[Node], *, timeout: float | None = None) -> RegisterResponse:
        """Enter an agent's nodes and open its session, which fences the agent that had them before."""
        request = RegisterRequest(nodes=nodes)
        return cast("RegisterResponse", await self._call(NODES, "Register", request, timeout))

    async def heartbeat(
        self, nodes: Iterable[str], session: int, *, usage: Iterable[NodeUsage] = (), timeout: float | None = None
    ) -> HeartbeatResponse:
        """Say that an agent's nodes are alive, and what is used of some of them."""
        request = HeartbeatRequest(nodes=nodes, session=session, usage=usage)
        return cast("HeartbeatResponse", await self._call(NODES, "Heartbeat", request, timeout))

    async def node_usage(self, node: str = "", *, timeout: float | None = None) -> list[NodeUsage]:
        """Return what nodes use, or one of them, by name; those are missing of which nothing fresh is known."""
        return await self._usage("ListNodeUsage", ListNodeUsageRequest(node=node), timeout)

    async def pod_usage(
        self, namespace: str = "", *, node: str = "", timeout: float | None = None
    ) -> list[NodeUsage]:
        """Return what pods use, all or those of a namespace and a node, by node and without what nodes use."""
        return await self._usage("ListPodUsage", ListPodUsageRequest(namespace=namespace, node=node), timeout)

    async def _usage(
        self, method: str, request: ListNodeUsageRequest | ListPodUsageRequest, timeout: float | None
    ) -> list[NodeUsage]:
        """Return the nodes of all pages."""
        found: list[NodeUsage] = []
        while True:
            page = await self._call(NODES, method, request, timeout)
            found.extend(page.nodes)
            if not page.next:
                return found
            request.after = page.next

    async def cordon(
        self,
        name: str,
        *,
        unschedulable: bool = True,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Written[Node]:
        """Set whether pods may be scheduled to a node."""
        options = self._options(fence, dry_run, field_manager, request_id)
        request = CordonRequest(name=name, unschedulable=unschedulable, options=options)
        return await self._written(NODE, "Cordon", request, timeout)
