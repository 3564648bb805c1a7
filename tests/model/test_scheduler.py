"""The scheduler against a naive model of the hard constraints, over fleets that change.

The model looks at plain nodes and pods each time anew; the chooser remembers its judgements and counts neighbours as
they come and go. Both must find the same nodes possible, and what is remembered must equal what is found out afresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import PodAffinityTerm
from statefleet.objects.quantity import milli
from statefleet.scheduling.choose import Chooser, Chosen, Unschedulable
from statefleet.scheduling.fleet_view import FleetView
from statefleet.scheduling.placed_pod import PlacedPod
from support.scheduling import ZONE, apart, make_node, make_pod, near, prefer_nodes, require_nodes, tolerate

NODES = st.sampled_from(["a", "b", "c", "d"])
APPS = st.sampled_from(["web", "db"])
TOPOLOGIES = st.sampled_from([ZONE, "kubernetes.io/hostname"])

TAINTS = st.sampled_from(["k=v:NoSchedule", "k=w:NoExecute", "p=:PreferNoSchedule"])


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    return make_node(
        draw(NODES),
        {"disk": draw(st.sampled_from(["ssd", "hdd"]))},
        cpu=draw(st.sampled_from(["1", "2"])),
        pods=draw(st.sampled_from([2, 110])),
        zone=draw(st.sampled_from(["", "x", "y"])),
        taints=draw(
            st.lists(st.sampled_from(["k=v:NoSchedule", "k=w:NoExecute", "p=:PreferNoSchedule"]), max_size=2)
        ),
        cordoned=draw(st.integers(0, 5)) == 0,
    )


@st.composite
def pods(draw: st.DrawFn, name: str) -> Pod:
    pod = make_pod(
        name,
        cpu=draw(st.sampled_from(["", "300m", "900m"])),
        host_port=draw(st.sampled_from([0, 0, 80])),
        selector=draw(st.sampled_from([{}, {}, {}, {"disk": "ssd"}])),
        app=draw(APPS),
    )
    for asked in draw(st.lists(st.sampled_from(_ASKED), max_size=2)):
        asked(draw, pod)
    return pod


_ASKED = [
    lambda draw, pod: near(pod, draw(TOPOLOGIES), app=draw(APPS)),
    lambda draw, pod: apart(pod, draw(TOPOLOGIES), app=draw(APPS)),
    lambda draw, pod: near(pod, draw(TOPOLOGIES), weight=10, app=draw(APPS)),
    lambda draw, pod: apart(pod, draw(TOPOLOGIES), weight=10, app=draw(APPS)),
    lambda draw, pod: prefer_nodes(pod, 5, "disk", "ssd"),
    lambda draw, pod: require_nodes(pod, {ZONE: ["x"]}, {"disk": ["hdd"]}),
    lambda draw, pod: require_nodes(pod, by_name=draw(NODES)),
    lambda draw, pod: tolerate(pod, "k", "Exists"),
    lambda draw, pod: tolerate(pod, "k", value="v", effect="NoSchedule"),
]


@dataclass
class Model:
    """Nodes by name, and pods by uid with the name of their node, which may have gone."""

    nodes: dict[str, Node] = field(default_factory=dict)
    pods: dict[str, tuple[Pod, str]] = field(default_factory=dict)

    def possible(self, pod: Pod) -> set[str]:
        return {name for name in self.nodes if self.allows(pod, name)}

    def allows(self, pod: Pod, name: str) -> bool:
        node = self.nodes[name]
        return (
            self._is_welcome(pod, node)
            and self._is_wanted(pod, node)
            and self._has_room(pod, name)
            and self._has_company(pod, node)
        )

    def _on(self, name: str) -> list[Pod]:
        return [pod for pod, node in self.pods.values() if node == name]

    def _is_welcome(self, pod: Pod, node: Node) -> bool:
        repelling = [(t.key, t.value, t.effect) for t in node.spec.taints if t.effect != "PreferNoSchedule"]
        for key, value, effect in repelling:
            if not any(
                t.key == key and (t.operator == "Exists" or t.value == value) and t.effect in ("", effect)
                for t in pod.spec.tolerations
            ):
                return False
        return not node.spec.unschedulable

    def _is_wanted(self, pod: Pod, node: Node) -> bool:
        labels = node.metadata.labels
        if any(labels.get(key) != text for key, text in pod.spec.node_selector.items()):
            return False
        required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        return not required.node_selector_terms or any(
            all(labels.get(r.key) in r.values for r in term.match_expressions)
            and all(node.metadata.name in r.values for r in term.match_fields)
            for term in required.node_selector_terms
        )

    def _has_room(self, pod: Pod, name: str) -> bool:
        there, allocatable = self._on(name), self.nodes[name].status.allocatable
        cpu = sum(_cpu(each) for each in [*there, pod])
        taken = {port for each in there for port in _ports(each)}
        return (
            (cpu <= milli(allocatable["cpu"].string) or not _cpu(pod))
            and len(there) + 1 <= int(allocatable["pods"].string)
            and not taken & _ports(pod)
        )

    def _has_company(self, pod: Pod, node: Node) -> bool:
        near_terms = pod.spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution
        apart_terms = pod.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
        meant = [other for other, _ in self.pods.values() if all(_selects(t, other) for t in near_terms)]
        known = [other for other in meant if self._is_placed_in(near_terms, other)]
        for term in near_terms:
            if term.topology_key not in node.metadata.labels:
                return False
            first = not known and all(_selects(t, pod) for t in near_terms)
            if not first and not any(self._shares(term, node, other) for other in meant):
                return False
        if any(_selects(t, other) and self._shares(t, node, other) for t in apart_terms for other in self._others()):
            return False
        return not any(
            _selects(t, pod) and self._shares(t, node, other)
            for other in self._others()
            for t in other.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
        )

    def _others(self) -> list[Pod]:
        return [pod for pod, _ in self.pods.values()]

    def _is_placed_in(self, terms: Iterable[PodAffinityTerm], pod: Pod) -> bool:
        node = self.nodes.get(self.pods[pod.metadata.uid][1])
        return node is not None and any(term.topology_key in node.metadata.labels for term in terms)

    def _shares(self, term: PodAffinityTerm, node: Node, other: Pod) -> bool:
        home = self.nodes.get(self.pods[other.metadata.uid][1])
        key = term.topology_key
        if home is None or key not in home.metadata.labels or key not in node.metadata.labels:
            return False
        return bool(home.metadata.labels[key] == node.metadata.labels[key])


def _cpu(pod: Pod) -> int:
    requests = pod.spec.containers[0].resources.requests
    return milli(requests["cpu"].string) if "cpu" in requests else 0


def _ports(pod: Pod) -> set[int]:
    return {port.host_port for port in pod.spec.containers[0].ports if port.host_port}


def _selects(term: PodAffinityTerm, pod: Pod) -> bool:
    return all(pod.metadata.labels.get(key) == text for key, text in term.label_selector.match_labels.items())


class Scheduler(RuleBasedStateMachine):
    """A fleet whose nodes and pods come and go, with one chooser from first to last."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.fleet = FleetView()
        self.chooser = Chooser(self.fleet)
        self.count = 0

    @initialize(first=st.lists(nodes(), min_size=2, max_size=4, unique_by=lambda node: node.metadata.name))
    def begin(self, first: list[Node]) -> None:
        for node in first:
            self.node_comes_or_changes(node)

    @rule(node=nodes())
    def node_comes_or_changes(self, node: Node) -> None:
        self.model.nodes[node.metadata.name] = node
        self.fleet.set_node(node)

    @precondition(lambda self: len(self.model.nodes) > 1)
    @rule(name=NODES)
    def node_goes(self, name: str) -> None:
        self.model.nodes.pop(name, None)
        self.fleet.remove_node(name)

    @rule(data=st.data())
    def pod_is_scheduled(self, data: st.DataObject) -> None:
        self.count += 1
        pod = data.draw(pods(f"pod-{self.count}"))
        placed = PlacedPod.of(pod)
        found = self.chooser.choose(placed)
        assert found == Chooser(self.fleet).choose(placed)
        possible = self.model.possible(pod)
        match found:
            case Chosen(node):
                assert node in possible
                self.model.pods[placed.uid] = pod, node
                self.fleet.place(placed, node)
            case Unschedulable(message):
                assert not possible
                assert message

    @rule(data=st.data(), node=NODES)
    def pod_is_put_by_hand(self, data: st.DataObject, node: str) -> None:
        self.count += 1
        pod = data.draw(pods(f"pod-{self.count}"))
        pod.spec.node_name = node
        self.model.pods[pod.metadata.uid] = pod, node
        self.fleet.set_pod(pod)

    @precondition(lambda self: self.model.pods)
    @rule(data=st.data())
    def pod_goes(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.model.pods)))
        del self.model.pods[uid]
        self.fleet.remove_pod(uid)

    @invariant()
    def what_nodes_hold_is_what_their_pods_ask_for(self) -> None:
        for name, view in self.fleet.nodes.items():
            there = [pod for pod, node in self.model.pods.values() if node == name]
            assert view.held["cpu"] == sum(map(_cpu, there))
            assert view.held["pods"] == len(there) == len(view.pods)

    @invariant()
    def neighbours_are_counted_as_if_anew(self) -> None:
        anew = FleetView()
        for node in self.model.nodes.values():
            anew.set_node(node)
        for pod, name in self.model.pods.values():
            anew.place(PlacedPod.of(pod), name)
        assert anew.crowd.repelling == self.fleet.crowd.repelling
        assert anew.crowd.attracting == self.fleet.crowd.attracting


TestScheduler = Scheduler.TestCase
TestScheduler.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
