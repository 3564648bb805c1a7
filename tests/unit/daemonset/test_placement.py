"""Which nodes a set should have pods on."""

from __future__ import annotations

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod, PodSpec
from statefleet.daemonset.placement import (
    Placement,
    pin,
    placement_changed,
    target_node,
    tolerate_automatically,
)
from statefleet.daemonset.views import Fit
from support.daemon_objects import copy_of, node


def required(key: str, operator: str, *values: str) -> PodSpec:
    spec = PodSpec()
    affinity = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    affinity.node_selector_terms.add().match_expressions.add(key=key, operator=operator, values=values)
    return spec


def tolerating(**toleration: str) -> PodSpec:
    spec = PodSpec()
    spec.tolerations.add(**toleration)
    return spec


TAINTS = [
    ("a taint that repels", "dedicated", "NoSchedule", PodSpec(), Fit.TOLERATED),
    ("a taint that kills", "dedicated", "NoExecute", PodSpec(), Fit.REFUSED),
    ("a taint to be avoided", "dedicated", "PreferNoSchedule", PodSpec(), Fit.WANTED),
    ("one that is tolerated", "dedicated", "NoExecute", tolerating(key="dedicated", operator="Exists"), Fit.WANTED),
    (
        "one of which half is",
        "d",
        "NoExecute",
        tolerating(key="d", operator="Exists", effect="NoSchedule"),
        Fit.REFUSED,
    ),
    ("all are tolerated", "any", "NoExecute", tolerating(operator="Exists"), Fit.WANTED),
    ("a cordon", "node.kubernetes.io/unschedulable", "NoSchedule", PodSpec(), Fit.WANTED),
    ("memory pressure", "node.kubernetes.io/memory-pressure", "NoSchedule", PodSpec(), Fit.WANTED),
    ("disk pressure", "node.kubernetes.io/disk-pressure", "NoSchedule", PodSpec(), Fit.WANTED),
    ("pid pressure", "node.kubernetes.io/pid-pressure", "NoSchedule", PodSpec(), Fit.WANTED),
    ("a node not ready lets pods be", "node.kubernetes.io/not-ready", "NoExecute", PodSpec(), Fit.WANTED),
    ("and so does a lost one", "node.kubernetes.io/unreachable", "NoExecute", PodSpec(), Fit.WANTED),
    ("but neither gets new ones", "node.kubernetes.io/not-ready", "NoSchedule", PodSpec(), Fit.TOLERATED),
    ("no network", "node.kubernetes.io/network-unavailable", "NoSchedule", PodSpec(), Fit.TOLERATED),
    (
        "no network of its own is needed",
        "node.kubernetes.io/network-unavailable",
        "NoSchedule",
        PodSpec(host_network=True),
        Fit.WANTED,
    ),
]


@pytest.mark.surface("D2.tolerations", "D2.host-network", "D2.no-execute", "D2.no-schedule")
@pytest.mark.parametrize(
    ("key", "effect", "spec", "fit"), [row[1:] for row in TAINTS], ids=[row[0] for row in TAINTS]
)
def test_taints(key: str, effect: str, spec: PodSpec, fit: Fit) -> None:
    assert Placement.of(spec).fit(node("n1", (key, effect))) is fit


WISHES = [
    ("a label that is there", PodSpec(node_selector={"disk": "ssd"}), Fit.WANTED),
    ("a label that is not", PodSpec(node_selector={"gpu": "yes"}), Fit.REFUSED),
    ("a label that is another", PodSpec(node_selector={"disk": "hdd"}), Fit.REFUSED),
    ("affinity that holds", required("disk", "In", "ssd", "nvme"), Fit.WANTED),
    ("affinity that does not", required("disk", "NotIn", "ssd"), Fit.REFUSED),
    ("the node by name", PodSpec(node_name="n1"), Fit.WANTED),
    ("another by name", PodSpec(node_name="n2"), Fit.REFUSED),
]


@pytest.mark.parametrize(("spec", "fit"), [row[1:] for row in WISHES], ids=[row[0] for row in WISHES])
def test_wishes(spec: PodSpec, fit: Fit) -> None:
    assert Placement.of(spec).fit(node("n1", disk="ssd")) is fit


@pytest.mark.surface("D2.tolerations")
def test_a_toleration_that_ends_is_made_to_last() -> None:
    spec = PodSpec()
    spec.tolerations.add(
        key="node.kubernetes.io/not-ready", operator="Exists", effect="NoExecute", toleration_seconds=30
    )
    tolerate_automatically(spec)
    tolerate_automatically(spec)
    assert [(each.key.rpartition("/")[2], each.HasField("toleration_seconds")) for each in spec.tolerations] == [
        ("not-ready", False),
        ("unreachable", False),
        ("disk-pressure", False),
        ("memory-pressure", False),
        ("pid-pressure", False),
        ("unschedulable", False),
    ]


@pytest.mark.surface("D2.affinity")
def test_a_pin_takes_the_place_of_what_was_required_and_of_nothing_else() -> None:
    spec = required("disk", "In", "ssd")
    spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution.add(weight=3)
    spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution.add(topology_key="zone")
    pin(spec, "n7")
    affinity = spec.affinity
    (term,) = affinity.node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
    assert not term.match_expressions
    assert [(each.key, each.operator, list(each.values)) for each in term.match_fields] == [
        ("metadata.name", "In", ["n7"])
    ]
    assert len(affinity.node_affinity.preferred_during_scheduling_ignored_during_execution) == 1
    assert len(affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution) == 1


def test_the_node_that_a_pod_is_meant_for() -> None:
    message = Pod()
    assert target_node(message) == ""
    pin(message.spec, "n7")
    assert target_node(message) == "n7"
    message.spec.node_name = "n8"
    assert target_node(message) == "n8"
    assert target_node(Pod(spec=required("disk", "In", "ssd"))) == ""


def test_only_what_counts_is_a_change() -> None:
    before = node("n1", disk="ssd")
    beating = copy_of(before)
    beating.status.conditions.add(type="Ready", status="True")
    assert not placement_changed(before, beating)
    assert placement_changed(before, node("n1", disk="hdd"))
    assert placement_changed(before, node("n1", ("k", "NoSchedule"), disk="ssd"))
    assert placement_changed(None, before)
    assert placement_changed(before, None)
