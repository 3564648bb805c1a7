"""Nodes and pods as the scheduler sees them, in few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import PodAffinityTerm, Taint
from statefleet.objects.meta import HOSTNAME_LABEL
from statefleet.scheduling.choose import Chooser, Chosen, Unschedulable, Volumes
from statefleet.scheduling.fleet_view import FleetView
from statefleet.scheduling.placed_pod import PlacedPod

ZONE = "zone"


def make_node(
    name: str,
    labels: Mapping[str, str] | None = None,
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: int = 110,
    zone: str = "",
    taints: Iterable[str] = (),
    cordoned: bool = False,
) -> Node:
    """A node. Taints are written as key=value:Effect."""
    node = Node()
    node.metadata.name = name
    node.metadata.labels.update({HOSTNAME_LABEL: name, **({ZONE: zone} if zone else {}), **(labels or {})})
    for resource, amount in {"cpu": cpu, "memory": memory, "pods": str(pods)}.items():
        node.status.allocatable[resource].string = amount
    node.spec.taints.extend(map(make_taint, taints))
    if cordoned:
        node.spec.unschedulable = True
    return node


def make_taint(text: str) -> Taint:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return Taint(key=key, value=value, effect=effect)


def make_pod(
    name: str = "pod",
    namespace: str = "default",
    *,
    cpu: str = "",
    memory: str = "",
    host_port: int = 0,
    selector: Mapping[str, str] | None = None,
    **labels: str,
) -> Pod:
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace, pod.metadata.uid = name, namespace, f"uid-{namespace}-{name}"
    pod.metadata.labels.update(labels)
    container = pod.spec.containers.add(name="main", image="web:1")
    for resource, amount in (("cpu", cpu), ("memory", memory)):
        if amount:
            container.resources.requests[resource].string = amount
    if host_port:
        container.ports.add(container_port=80, host_port=host_port)
    pod.spec.node_selector.update(selector or {})
    return pod


def tolerate(pod: Pod, key: str = "", operator: str = "Equal", value: str = "", effect: str = "") -> Pod:
    pod.spec.tolerations.add(key=key, operator=operator, value=value, effect=effect)
    return pod


def require_nodes(pod: Pod, *terms: Mapping[str, Iterable[str]], by_name: str = "") -> Pod:
    """Require one of the terms, each of labels with the values they may have, or one node by its name."""
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in terms:
        added = required.node_selector_terms.add()
        for key, values in term.items():
            added.match_expressions.add(key=key, operator="In", values=values)
    if by_name:
        required.node_selector_terms.add().match_fields.add(key="metadata.name", operator="In", values=[by_name])
    return pod


def prefer_nodes(pod: Pod, weight: int, key: str, *values: str) -> Pod:
    preferred = pod.spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution.add(
        weight=weight
    )
    preferred.preference.match_expressions.add(key=key, operator="In", values=values)
    return pod


def near(pod: Pod, topology: str = ZONE, *, weight: int = 0, **labels: str) -> Pod:
    """Have the pod be near pods with these labels: by all means, or with a weight."""
    return _ask(pod.spec.affinity.pod_affinity, pod, topology, weight, labels)


def apart(pod: Pod, topology: str = HOSTNAME_LABEL, *, weight: int = 0, **labels: str) -> Pod:
    """Have the pod be apart from pods with these labels: by all means, or with a weight."""
    return _ask(pod.spec.affinity.pod_anti_affinity, pod, topology, weight, labels)


def _ask(side: Any, pod: Pod, topology: str, weight: int, labels: Mapping[str, str]) -> Pod:
    term: PodAffinityTerm
    if weight:
        weighted = side.preferred_during_scheduling_ignored_during_execution.add(weight=weight)
        term = weighted.pod_affinity_term
    else:
        term = side.required_during_scheduling_ignored_during_execution.add()
    term.topology_key = topology
    term.label_selector.match_labels.update(labels)
    return pod


def make_fleet(*nodes: Node, placed: Mapping[str, Iterable[Pod]] | None = None) -> FleetView:
    """Nodes, and the pods on each by its name."""
    fleet = FleetView()
    for node in nodes:
        fleet.set_node(node)
    for name, pods in (placed or {}).items():
        for pod in pods:
            fleet.place(PlacedPod.of(pod), name)
    return fleet


def choose(fleet: FleetView, pod: Pod, volumes: Volumes | None = None) -> str:
    """The node chosen, or the reasons against each: what follows "nodes are available: "."""
    match Chooser(fleet).choose(PlacedPod.of(pod), volumes):
        case Chosen(node):
            return node
        case Unschedulable(message):
            return message.partition("available: ")[2] or message
