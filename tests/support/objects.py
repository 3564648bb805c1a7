"""Small objects of the common kinds, as a user would declare them."""

from __future__ import annotations

from typing import Any

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.service_pb2 import Service
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget


def meta(name: str, namespace: str = "default", **labels: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, labels=labels)


def a_pod(
    name: str = "web-0", namespace: str = "default", *, node: str = "", image: str = "nginx:1", **labels: str
) -> Pod:
    pod = Pod(metadata=meta(name, namespace, **labels))
    pod.spec.containers.add(name="main", image=image)
    if node:
        pod.spec.node_name = node
    return pod


def a_config_map(
    name: str = "settings", namespace: str = "default", data: dict[str, str] | None = None, **labels: str
) -> ConfigMap:
    return ConfigMap(metadata=meta(name, namespace, **labels), data=data or {})


def a_namespace(name: str) -> Namespace:
    return Namespace(metadata=ObjectMeta(name=name))


def a_node(name: str = "node-1") -> Node:
    node = Node(metadata=ObjectMeta(name=name))
    node.status.capacity["cpu"].string = "2"
    return node


def a_stateful_set(
    name: str = "web", namespace: str = "default", *, replicas: int = 3, image: str = "nginx:1"
) -> StatefulSet:
    stateful_set = StatefulSet(metadata=meta(name, namespace))
    stateful_set.spec.replicas = replicas
    stateful_set.spec.service_name = name
    _fill(stateful_set.spec, name, image)
    return stateful_set


def a_daemon_set(name: str = "agent", namespace: str = "default", *, image: str = "nginx:1") -> DaemonSet:
    daemon_set = DaemonSet(metadata=meta(name, namespace))
    _fill(daemon_set.spec, name, image)
    return daemon_set


def _fill(spec: Any, name: str, image: str) -> None:
    spec.selector.match_labels["app"] = name
    spec.template.metadata.labels["app"] = name
    spec.template.spec.containers.add(name="main", image=image)


def a_service(name: str = "web", namespace: str = "default", *, cluster_ip: str = "", type_: str = "") -> Service:
    service = Service(metadata=meta(name, namespace))
    service.spec.ports.add(port=80)
    service.spec.selector["app"] = name
    if cluster_ip:
        service.spec.cluster_ip = cluster_ip
    if type_:
        service.spec.type = type_
    return service


def a_budget(
    name: str = "budget", namespace: str = "default", *, min_available: int = 1, **selected: str
) -> PodDisruptionBudget:
    budget = PodDisruptionBudget(metadata=meta(name, namespace))
    budget.spec.min_available.int_val = min_available
    budget.spec.selector.match_labels.update(selected)
    return budget


def set_condition(pod: Pod, name: str, status: str) -> None:
    condition = next((each for each in pod.status.conditions if each.type == name), None)
    condition = condition or pod.status.conditions.add(type=name)
    condition.status = status


def running(pod: Pod, *, ready: bool = True) -> Pod:
    """The pod with the status that its node reports: it runs."""
    pod.status.phase = "Running"
    set_condition(pod, "Ready", "True" if ready else "False")
    return pod
