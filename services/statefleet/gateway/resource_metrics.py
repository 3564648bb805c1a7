"""Answer metrics.k8s.io: what nodes and pods use, as their agents said last.

Labels are those of the nodes and pods, and only of what is there is anything said. Errors are those of Kubernetes'
metrics server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.meta.v1.primitives_pb2 import Quantity as QuantityMessage
from statefleet.api.metrics.v1beta1.metrics_pb2 import ContainerMetrics, NodeMetrics, PodMetrics
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage, PodUsage
from statefleet.client.fleet import Fleet
from statefleet.errors import MethodNotAllowed, NotFound, Subject
from statefleet.gateway import discovery, routes, tables
from statefleet.gateway.answers import Answer
from statefleet.gateway.media import Accepted, Form
from statefleet.gateway.presenting import finish, list_body, partial
from statefleet.gateway.queries import Query, flag, read_options
from statefleet.gateway.tables.usage import NODE_METRICS, POD_METRICS
from statefleet.objects import codec
from statefleet.objects.field_selectors import FieldSelector
from statefleet.objects.kinds import NODE, POD
from statefleet.objects.quantity import Form as QuantityForm
from statefleet.objects.quantity import Quantity
from statefleet.objects.times import go_duration, to_time
from statefleet.runtime.clock import Clock

_NANO = 10**9

Metrics = NodeMetrics | PodMetrics


class Named(NamedTuple):
    """What a path names: the metrics of nodes or pods, or of one."""

    resource: discovery.Computed
    namespace: str
    name: str


def resolve(path: str) -> Named | None:
    """Return what a path names; None where no metrics are served there."""
    parts = routes.parts(path)
    if parts is None:
        return None
    group, version, namespace, rest = parts
    resource = next((one for one in discovery.USAGES if (group, version, rest[0]) == one[:3]), None)
    if resource is None or len(rest) > 2:
        return None
    name = rest[1] if len(rest) == 2 else ""
    if resource.namespaced and name and not namespace:
        return None
    return None if namespace and not resource.namespaced else Named(resource, namespace, name)


class ResourceMetrics:
    """Joins what the node registry knows of usage with the nodes and pods that there are."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock

    async def answer(self, named: Named, query: Query, accepted: Accepted) -> Answer:
        """Answer with the metrics of one, or of all that are selected."""
        is_of_nodes = named.resource.plural == NODE.plural
        if named.name:
            found = await (self._node(named.name) if is_of_nodes else self._pod(named.namespace, named.name))
            return self._present(named, [found], query, accepted)
        if flag(query, "watch"):
            what = _subject(named.resource.plural)
            text = f'watch is not supported on resources of kind "{what.kind}.{what.group}"'
            raise MethodNotAllowed(text, what)
        listed = await (self._nodes(query) if is_of_nodes else self._pods(named.namespace, query))
        return self._present(named, listed, query, accepted)

    async def _node(self, name: str) -> Metrics:
        node = await self._fleet.get(NODE, name)
        for usage in await self._fleet.node_usage(name):
            return self._node_metrics(node, usage)
        raise _not_found("nodemetrics", name)

    async def _nodes(self, query: Query) -> list[Metrics]:
        options = read_options(query)
        fields = FieldSelector.parse_metadata(options.field_selector)
        nodes = (await self._fleet.list(NODE, label_selector=options.label_selector)).items
        usages = {usage.node: usage for usage in await self._fleet.node_usage()}
        return [
            self._node_metrics(node, usages[node.metadata.name])
            for node in nodes
            if node.metadata.name in usages and fields.matches(node)
        ]

    async def _pod(self, namespace: str, name: str) -> Metrics:
        pod = await self._fleet.get(POD, name, namespace)
        if pod.spec.node_name:
            usages = _by_pod(await self._fleet.pod_usage(namespace, node=pod.spec.node_name))
            if _key(pod) in usages:
                return self._pod_metrics(pod, usages[_key(pod)])
        raise _not_found("podmetrics", f"{namespace}/{name}")

    async def _pods(self, namespace: str, query: Query) -> list[Metrics]:
        options = read_options(query)
        fields = FieldSelector.parse_metadata(options.field_selector)
        pods = (await self._fleet.list(POD, namespace, label_selector=options.label_selector)).items
        usages = _by_pod(await self._fleet.pod_usage(namespace))
        return [
            self._pod_metrics(pod, usages[_key(pod)]) for pod in pods if _key(pod) in usages and fields.matches(pod)
        ]

    def _node_metrics(self, node: Node, usage: NodeUsage) -> NodeMetrics:
        return NodeMetrics(
            metadata=self._meta(node.metadata),
            timestamp=to_time(usage.time_millis / 1000),
            window=go_duration(usage.window_millis),
            usage=_amounts(usage.cpu_nanocores, usage.memory_bytes),
        )

    def _pod_metrics(self, pod: Pod, usage: PodUsage) -> PodMetrics:
        containers = [
            ContainerMetrics(name=each.name, usage=_amounts(each.cpu_nanocores, each.memory_bytes))
            for each in usage.containers
        ]
        return PodMetrics(
            metadata=self._meta(pod.metadata),
            timestamp=to_time(usage.time_millis / 1000),
            window=go_duration(usage.window_millis),
            containers=containers,
        )

    def _meta(self, meta: ObjectMeta) -> ObjectMeta:
        """Return the metadata of metrics: they are made when they are asked for."""
        now = to_time(self._clock.now())
        return ObjectMeta(name=meta.name, namespace=meta.namespace, labels=meta.labels, creation_timestamp=now)

    def _present(self, named: Named, found: list[Metrics], query: Query, accepted: Accepted) -> Answer:
        if accepted.form is Form.TABLE:
            printer = NODE_METRICS if named.resource.plural == NODE.plural else POD_METRICS
            include = query.get("includeObject", "Metadata")
            body = orjson.dumps(tables.printed(printer, found, include_object=include, now=self._clock.now()))
            return finish(body, accepted)
        is_partial = accepted.form is Form.METADATA
        items = [orjson.dumps(partial(one) if is_partial else codec.encode(one)) for one in found]
        if named.name:
            return finish(items[0], accepted)
        resource = named.resource
        kind, api_version = f"{resource.kind}List", f"{resource.group}/{resource.version}"
        if is_partial:
            kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        return finish(list_body(kind, api_version, {}, b",".join(items)), accepted)


def _by_pod(usages: list[NodeUsage]) -> dict[tuple[str, str], PodUsage]:
    """Return what pods use by node and uid: an agent can say nothing of pods that are elsewhere."""
    return {(usage.node, pod.uid): pod for usage in usages for pod in usage.pods}


def _key(pod: Pod) -> tuple[str, str]:
    return pod.spec.node_name, pod.metadata.uid


def _amounts(cpu: int, memory: int) -> Mapping[str, QuantityMessage]:
    amounts = {"cpu": Quantity(cpu), "memory": Quantity(memory * _NANO, QuantityForm.BINARY)}
    return {name: QuantityMessage(string=str(amount)) for name, amount in amounts.items()}


def _subject(resource: str, name: str = "") -> Subject:
    return Subject(name=name, group=discovery.USAGES[0].group, kind=resource)


def _not_found(resource: str, name: str) -> NotFound:
    what = _subject(resource, name)
    return NotFound(f'{resource}.{what.group} "{name}" not found', what)
