"""Measure the codec on one pod of a StatefulSet, and print microseconds per call as JSON.

    python tests/bench/codec.py

`encode_bytes_changed` is the common case, an object of which one section changed since it was last encoded;
`encode_bytes_new` is one of which none is known.
"""

from __future__ import annotations

import itertools
import json
import timeit
from collections.abc import Callable

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects import codec

NAMES = itertools.count()
CALLS = 2000
ROUNDS = 5


def make_pod() -> Pod:
    """Return a running pod with one container, as a StatefulSet makes it."""
    message, _ = codec.decode(
        Pod,
        {
            "metadata": {
                "name": "web-0",
                "generateName": "web-",
                "namespace": "default",
                "uid": "bf6e3ec0-d811-41af-a027-5b344237267f",
                "resourceVersion": "12345",
                "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {
                    "app": "web",
                    "controller-revision-hash": "web-5c9dffb474",
                    "statefulset.kubernetes.io/pod-name": "web-0",
                    "apps.kubernetes.io/pod-index": "0",
                },
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1",
                        "kind": "StatefulSet",
                        "name": "web",
                        "uid": "bf6e3ec0-d811-41af-a027-5b344237267e",
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": {
                "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "ClusterFirst",
                "serviceAccountName": "default",
                "nodeName": "node-1",
                "hostname": "web-0",
                "subdomain": "web",
                "schedulerName": "default-scheduler",
                "enableServiceLinks": True,
                "securityContext": {},
                "containers": [
                    {
                        "name": "nginx",
                        "image": "nginx:1.25",
                        "imagePullPolicy": "IfNotPresent",
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                        "ports": [{"containerPort": 80, "name": "web", "protocol": "TCP"}],
                    }
                ],
            },
            "status": {
                "phase": "Running",
                "hostIP": "10.0.0.1",
                "podIP": "10.1.0.7",
                "podIPs": [{"ip": "10.1.0.7"}],
                "startTime": "2026-01-01T00:00:00Z",
                "qosClass": "Burstable",
                "conditions": [
                    {"type": name, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
                    for name in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
                ],
                "containerStatuses": [
                    {
                        "name": "nginx",
                        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                        "ready": True,
                        "restartCount": 0,
                        "image": "nginx:1.25",
                        "imageID": "docker://sha256:abc",
                        "containerID": "docker://abcdef",
                        "started": True,
                    }
                ],
            },
        },
    )
    return message


def micros(call: Callable[[], object]) -> float:
    """Return the microseconds that a call takes when nothing disturbs it."""
    call()
    return round(min(timeit.repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6, 2)


def main() -> None:
    """Measure and print."""
    pod = make_pod()
    document, serialized = codec.encode(pod), pod.SerializeToString()

    def encode_changed() -> bytes:
        pod.status.message = f"change {next(NAMES)}"
        return codec.encode_bytes(pod)

    def encode_new() -> bytes:
        pod.spec.hostname = f"web-{next(NAMES)}"
        return encode_changed()

    figures = {
        "bytes_json": len(codec.encode_bytes(pod)),
        "bytes_protobuf": len(serialized),
        "encode": micros(lambda: codec.encode(pod)),
        "encode_bytes_known": micros(lambda: codec.encode_bytes(pod)),
        "encode_bytes_changed": micros(encode_changed),
        "encode_bytes_new": micros(encode_new),
        "decode": micros(lambda: codec.decode(Pod, document)),
        "protobuf_parse": micros(lambda: Pod.FromString(serialized)),
        "protobuf_serialize": micros(pod.SerializeToString),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
