"""A small fleet as data: a set half way through a rollout, a pod that crashes, one that waits, a node, a claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from statefleet.objects.codec import decode
from statefleet.objects.kinds import KINDS

CREATED = "2026-01-02T03:04:05Z"


def small_fleet() -> Iterator[Any]:
    """Return the objects, as their services would hold them."""
    for document in (*_sets(), *_pods(), *_nodes(), *_storage()):
        message, complaints = decode(KINDS[document["kind"]].message, document)
        assert not complaints
        yield message


def _object(kind: str, name: str, namespace: str = "default", **rest: Any) -> dict[str, Any]:
    meta = {"name": name, "uid": f"uid-{name}", "creationTimestamp": CREATED, "generation": 2}
    if namespace:
        meta["namespace"] = namespace
    meta |= rest.pop("metadata", {})
    return {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": meta, **rest}


def _owned(kind: str, name: str) -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}
    return {"ownerReferences": [reference]}


def _revision(owner_kind: str, owner: str, number: int) -> dict[str, Any]:
    meta = _owned(owner_kind, owner) | {"creationTimestamp": f"2026-01-02T03:04:0{number}Z"}
    return _object("ControllerRevision", f"{owner}-rev{number}", metadata=meta, revision=number, data={})


def _sets() -> Iterator[dict[str, Any]]:
    status = {
        "observedGeneration": 2, "replicas": 3, "readyReplicas": 2, "availableReplicas": 2, "currentReplicas": 2,
        "updatedReplicas": 1, "currentRevision": "web-rev1", "updateRevision": "web-rev2",
    }  # fmt: skip
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    policy = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    spec = {"replicas": 3, "updateStrategy": strategy, "persistentVolumeClaimRetentionPolicy": policy}
    yield _object("StatefulSet", "web", spec=spec, status=status)
    gone = {"deletionTimestamp": "2026-01-02T03:05:05Z"}
    yield _object("StatefulSet", "old", metadata=gone, spec={"replicas": 0, "ordinals": {"start": 5}})
    yield _revision("StatefulSet", "web", 1)
    yield _revision("StatefulSet", "web", 2)
    numbers = {
        "currentNumberScheduled": 2, "desiredNumberScheduled": 2, "numberReady": 1, "numberMisscheduled": 0,
        "numberAvailable": 1, "numberUnavailable": 1, "observedGeneration": 2, "updatedNumberScheduled": 2,
    }  # fmt: skip
    yield _object("DaemonSet", "logs", spec={"updateStrategy": {"type": "RollingUpdate"}}, status=numbers)
    yield _revision("DaemonSet", "logs", 3)
    health = {
        "currentHealthy": 2, "desiredHealthy": 3, "expectedPods": 3, "disruptionsAllowed": 0, "observedGeneration": 2,
    }  # fmt: skip
    yield _object("PodDisruptionBudget", "web", status=health)


def _conditions(**statuses: str) -> list[dict[str, str]]:
    return [{"type": name, "status": status} for name, status in statuses.items()]


def _pods() -> Iterator[dict[str, Any]]:
    requests = {"cpu": "500m", "memory": "1Gi", "example.com/gpu": "1"}
    containers = [{"name": "main", "image": "nginx:1", "resources": {"requests": requests, "limits": {"cpu": "2"}}}]
    yield _object(
        "Pod",
        "web-0",
        metadata=_owned("StatefulSet", "web"),
        spec={"nodeName": "node-1", "containers": containers},
        status={
            "phase": "Running",
            "podIP": "10.64.0.1",
            "hostIP": "172.16.0.1",
            "startTime": "2026-01-02T03:04:06Z",
            "conditions": _conditions(PodScheduled="True", Ready="False"),
            "containerStatuses": [
                {
                    "name": "main",
                    "image": "docker.io/library/nginx:1",
                    "imageID": "sha256:1",
                    "containerID": "simulated://1",
                    "restartCount": 4,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
                }
            ],
        },
    )
    yield _object(
        "Pod",
        "web-1",
        metadata=_owned("StatefulSet", "web") | {"deletionTimestamp": "2026-01-02T03:05:05Z"},
        spec={"nodeName": "node-2", "hostNetwork": True, "containers": [{"name": "main", "image": "nginx:1"}]},
        status={
            "phase": "Running",
            "conditions": _conditions(PodScheduled="True", Ready="True"),
            "containerStatuses": [
                {"name": "main", "ready": True, "state": {"running": {"startedAt": "2026-01-02T03:04:07Z"}}}
            ],
        },
    )
    yield _object(
        "Pod", "loose", status={"phase": "Pending", "conditions": _conditions(PodScheduled="False")}, spec={}
    )
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    yield _object(
        "Pod",
        "early",
        spec={"nodeName": "node-2", "initContainers": [{"name": "first"}], "containers": [{"name": "main"}]},
        status={
            "phase": "Pending",
            "initContainerStatuses": [
                {"name": "first", "restartCount": 1, "state": waits, "lastState": _ended("Error")}
            ],
        },
    )
    yield _object(
        "Pod",
        "done",
        namespace="other",
        spec={"initContainers": [{"name": "first", "image": "busybox"}], "containers": [{"name": "main"}]},
        status={
            "phase": "Failed",
            "reason": "Evicted",
            "initContainerStatuses": [{"name": "first", "ready": True, "state": _ended("Completed")}],
            "containerStatuses": [{"name": "main", "state": _ended("OOMKilled")}],
        },
    )


def _ended(reason: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": 0, "reason": reason, "finishedAt": "2026-01-02T03:04:09Z"}}


def _nodes() -> Iterator[dict[str, Any]]:
    yield _object(
        "Node",
        "node-1",
        namespace="",
        metadata={"labels": {"topology.kubernetes.io/zone": 'a"b', "node-role.kubernetes.io/worker": "", "own": "x"}},
        spec={
            "podCIDR": "10.64.0.0/24",
            "unschedulable": True,
            "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
        },
        status={
            "capacity": {"cpu": "1500m", "memory": "2Gi", "pods": "110"},
            "allocatable": {"cpu": "1", "memory": "2Gi", "pods": "110"},
            "conditions": _conditions(Ready="Unknown"),
            "addresses": [{"type": "InternalIP", "address": "172.16.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1", "containerRuntimeVersion": "simulated://1"},
        },
    )


def _storage() -> Iterator[dict[str, Any]]:
    claim = {"storageClassName": "local", "volumeName": "pv-1", "resources": {"requests": {"storage": "10Gi"}}}
    yield _object("PersistentVolumeClaim", "data-web-0", spec=claim, status={"phase": "Bound"})
    volume = {"capacity": {"storage": "10Gi"}}
    yield _object("PersistentVolume", "pv-1", namespace="", spec=volume, status={"phase": "Bound"})
    yield _object("Namespace", "default", namespace="", status={"phase": "Active"})
