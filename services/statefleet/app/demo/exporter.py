"""The part of the story that is a DaemonSet's: an exporter on every node."""

from __future__ import annotations

from collections.abc import Callable

from statefleet.app.demo.scene import Scene, check, kubectl
from statefleet.app.demo.view import FleetPicture

_APP = "node-exporter"
_IMAGE = "prom/node-exporter"
_NODES = 3


def _all_at(tag: str) -> Callable[[FleetPicture], bool]:
    def reached(picture: FleetPicture) -> bool:
        return picture.ready(_APP, _NODES) and all(pod.tag == tag for pod in picture.of(_APP).values())

    return reached


def _stuck(picture: FleetPicture) -> bool:
    return any(pod.phase == "ImagePullBackOff" for pod in picture.of(_APP).values())


def _everywhere(picture: FleetPicture, _since: int) -> str:
    nodes = {pod.node for pod in picture.of(_APP).values()}
    check(held=len(nodes) == _NODES, complaint=f"the pods are on {sorted(nodes)}")
    return "a pod on every node, and on each that joins"


def _node_by_node(picture: FleetPicture, since: int) -> str:
    away, most = 0, 0
    for _, phase in picture.story[since:]:
        away += (phase == "Terminating") - (phase == "Ready")
        most = max(most, away)
    check(held=most == 1, complaint=f"{most} nodes were without an exporter at once")
    return "node by node: never was more than one without its exporter"


def _one_node(picture: FleetPicture, since: int) -> str:
    gone = picture.order_of("Terminating", since)
    check(held=len(gone) == 2, complaint=f"{gone} moved")
    return "the bad image cost one node; the rollback is a new revision made of an old one: 1, 3, 4"


EXPORTER_SCENES = (
    Scene(
        "Put an exporter on every node",
        "A DaemonSet: not so many replicas, but one pod a node.",
        (kubectl("apply -f {examples}/node-exporter.yaml", _all_at("v0.13.0")), kubectl("get ds")),
        _everywhere,
    ),
    Scene(
        "Update it, node by node",
        "One node at a time, unless maxUnavailable or maxSurge says otherwise.",
        (
            kubectl(f"set image ds/{_APP} {_APP}={_IMAGE}:v0.14.0", _all_at("v0.14.0")),
            kubectl(f"rollout status ds {_APP}"),
        ),
        _node_by_node,
    ),
    Scene(
        "Break it, and roll back again",
        "The first pod never comes up, so no other node gets one.",
        (
            kubectl(f"set image ds/{_APP} {_APP}={_IMAGE}:bad", _stuck, quiet=True),
            kubectl("get ds"),
            kubectl(f"rollout undo ds {_APP}", _all_at("v0.14.0")),
            kubectl(f"rollout history ds {_APP}"),
        ),
        _one_node,
    ),
    Scene(
        "Take it away",
        "The pods go with their set.",
        (kubectl("delete -f {examples}/node-exporter.yaml", lambda picture: not picture.of(_APP)),),
    ),
)
"""How the exporters fare."""
