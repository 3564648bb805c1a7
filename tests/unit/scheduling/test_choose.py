"""Which node a pod gets, and why it gets none."""

import pytest

from statefleet.scheduling.choose import Chooser, Chosen, Unschedulable
from statefleet.scheduling.placed_pod import PlacedPod
from support.scheduling import (
    apart,
    choose,
    make_fleet,
    make_node,
    make_pod,
    near,
    prefer_nodes,
    require_nodes,
    tolerate,
)


def test_the_freest_node_wins_then_the_one_with_fewer_pods_then_the_first_by_name():
    fleet = make_fleet(make_node("b"), make_node("a"), make_node("c"))
    assert choose(fleet, make_pod(cpu="1")) == "a"
    fleet.place(PlacedPod.of(make_pod("one", cpu="1")), "a")
    assert choose(fleet, make_pod(cpu="1")) == "b"
    fleet.place(PlacedPod.of(make_pod("two")), "b")
    assert choose(fleet, make_pod(cpu="1")) == "c"


@pytest.mark.parametrize(
    ("node", "pod", "why"),
    [
        (make_node("a", cpu="1"), make_pod(cpu="1001m"), "1 Insufficient cpu."),
        (make_node("a", memory="1Gi"), make_pod(memory="1.1Gi"), "1 Insufficient memory."),
        (make_node("a", cpu="1", memory="1Gi"), make_pod(cpu="2", memory="2Gi"), "1 Insufficient cpu, 1 Insuff"),
        (make_node("a", pods=0), make_pod(), "1 Too many pods."),
        (make_node("a", cordoned=True), make_pod(), "1 node(s) were unschedulable."),
        (make_node("a", taints=["k=v:NoSchedule"]), make_pod(), "1 node(s) had untolerated taint {k: v}."),
        (make_node("a", taints=["k=:NoExecute"]), make_pod(), "1 node(s) had untolerated taint {k: }."),
        (make_node("a", taints=["k=v:NoSchedule"], cordoned=True), make_pod(), "1 node(s) were unschedulable."),
        (make_node("a"), make_pod(selector={"disk": "ssd"}), "1 node(s) didn't match Pod's node affinity/selector."),
        (make_node("a"), require_nodes(make_pod(), {"disk": ["ssd"]}), "1 node(s) didn't match Pod's node affin"),
    ],
)
def test_a_node_that_cannot_have_the_pod_is_left_out_with_the_reasons(node, pod, why):
    assert choose(make_fleet(node), pod).startswith(why)


def test_reasons_are_counted_over_all_nodes():
    fleet = make_fleet(make_node("a", cpu="1"), make_node("b", cpu="1"), make_node("c", cordoned=True))
    why = "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu."
    assert Chooser(fleet).choose(PlacedPod.of(make_pod(cpu="2"))) == Unschedulable(why)


def test_without_nodes_there_is_nothing_to_say_of_them():
    assert choose(make_fleet(), make_pod()) == "no nodes available to schedule pods"


@pytest.mark.parametrize(
    ("toleration", "lets_in"),
    [
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "w"}, False),
        ({"key": "k", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "k", "operator": "Exists", "effect": "NoSchedule"}, True),
    ],
)
def test_tolerations_let_a_pod_in(toleration, lets_in):
    fleet = make_fleet(make_node("a", taints=["k=v:NoSchedule"]))
    assert (choose(fleet, tolerate(make_pod(), **toleration)) == "a") is lets_in


def test_a_taint_to_be_avoided_outweighs_free_room_but_does_not_exclude():
    fleet = make_fleet(make_node("a", taints=["k=v:PreferNoSchedule"]), make_node("b"))
    fleet.place(PlacedPod.of(make_pod("big", cpu="3")), "b")
    assert choose(fleet, make_pod(cpu="500m")) == "b"
    assert choose(fleet, make_pod(cpu="2")) == "a"


def test_the_smallest_preference_outweighs_free_room():
    fleet = make_fleet(make_node("a"), make_node("b", {"disk": "ssd"}))
    fleet.place(PlacedPod.of(make_pod("big", cpu="2")), "b")
    assert choose(fleet, make_pod(cpu="1")) == "a"
    assert choose(fleet, prefer_nodes(make_pod(cpu="1"), 1, "disk", "ssd")) == "b"


def test_of_several_preferences_the_weights_add_up():
    fleet = make_fleet(make_node("a", {"disk": "ssd", "arch": "arm"}), make_node("b", {"gpu": "yes"}))
    pod = prefer_nodes(prefer_nodes(prefer_nodes(make_pod(), 40, "disk", "ssd"), 40, "arch", "arm"), 70, "gpu", "yes")
    assert choose(fleet, pod) == "a"


def test_a_pod_meant_for_one_node_is_held_against_that_node_only():
    fleet = make_fleet(make_node("a"), make_node("b", cpu="1"))
    assert choose(fleet, require_nodes(make_pod(), by_name="b")) == "b"
    assert choose(fleet, require_nodes(make_pod(cpu="2"), by_name="b")) == (
        "1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector."
    )
    assert choose(fleet, require_nodes(make_pod(), by_name="z")).startswith("2 node(s) didn't match")
    alone = make_fleet(make_node("b", cpu="1"))
    assert choose(alone, require_nodes(make_pod(cpu="2"), by_name="b")) == "1 Insufficient cpu."


def test_host_ports_are_taken_once_on_each_node_and_protocol():
    fleet = make_fleet(make_node("a"), placed={"a": [make_pod("one", host_port=80)]})
    assert choose(fleet, make_pod(host_port=80)) == ("1 node(s) didn't have free ports for the requested pod ports.")
    udp = make_pod(host_port=80)
    udp.spec.containers[0].ports[0].protocol = "UDP"
    assert choose(fleet, udp) == "a"
    assert choose(fleet, make_pod(host_port=81)) == "a"
    fleet.remove_pod("uid-default-one")
    assert choose(fleet, make_pod(host_port=80)) == "a"


class TestAffinity:
    fleet_of_zones = (make_node("a1", zone="a"), make_node("a2", zone="a"), make_node("b1", zone="b"))

    def test_a_pod_goes_to_the_place_of_those_it_must_be_near(self):
        fleet = make_fleet(*self.fleet_of_zones, placed={"b1": [make_pod("db", app="db")]})
        assert choose(fleet, near(make_pod(), app="db")) == "b1"
        assert choose(fleet, near(make_pod(), app="x")) == "3 node(s) didn't match pod affinity rules."

    def test_the_first_of_a_kind_that_wants_its_own_company_goes_anywhere_in_the_topology(self):
        fleet = make_fleet(make_node("bare"), *self.fleet_of_zones)
        web = near(make_pod(app="web"), app="web")
        assert choose(fleet, web) == "a1"
        assert choose(make_fleet(make_node("bare")), web) == "1 node(s) didn't match pod affinity rules."
        fleet.place(PlacedPod.of(make_pod("web-0", app="web")), "b1")
        assert choose(fleet, web) == "b1"

    def test_several_terms_are_about_one_pod_that_meets_them_all(self):
        half = {"a1": [make_pod("one", app="db")], "b1": [make_pod("two", tier="back")]}
        fleet = make_fleet(*self.fleet_of_zones, placed=half)
        pod = near(near(make_pod(), app="db"), tier="back")
        assert choose(fleet, pod) == "3 node(s) didn't match pod affinity rules."
        fleet.place(PlacedPod.of(make_pod("three", app="db", tier="back")), "a2")
        assert choose(fleet, pod) == "a1"

    def test_a_pod_keeps_apart_from_others(self):
        fleet = make_fleet(*self.fleet_of_zones, placed={"a1": [make_pod("db", app="db")]})
        assert choose(fleet, apart(make_pod(), app="db")) == "a2"
        assert choose(fleet, apart(make_pod(), "zone", app="db")) == "b1"
        fleet.place(PlacedPod.of(make_pod("db2", app="db")), "b1")
        assert choose(fleet, apart(make_pod(), "zone", app="db")) == (
            "3 node(s) didn't match pod anti-affinity rules."
        )

    def test_a_node_without_the_label_is_in_no_place(self):
        fleet = make_fleet(make_node("bare"), placed={"bare": [make_pod("db", app="db")]})
        assert choose(fleet, apart(make_pod(), "zone", app="db")) == "bare"
        assert choose(fleet, near(make_pod(), "zone", app="db")).startswith("1 node(s) didn't match pod affinity")

    def test_pods_there_keep_others_away(self):
        loner = apart(make_pod("loner"), "zone", app="web")
        fleet = make_fleet(*self.fleet_of_zones, placed={"a1": [loner]})
        assert choose(fleet, make_pod(app="web")) == "b1"
        assert choose(fleet, make_pod(app="other")) == "a2"
        fleet.remove_node("b1")
        assert choose(fleet, make_pod(app="web")) == "2 node(s) didn't satisfy existing pods anti-affinity rules."

    def test_terms_are_about_the_pod_s_own_namespace_unless_they_say_otherwise(self):
        fleet = make_fleet(*self.fleet_of_zones, placed={"b1": [make_pod("db", "prod", app="db")]})
        fleet.crowd.set_namespace("prod", {"stage": "prod"})
        pod = near(make_pod(), app="db")
        term = pod.spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution[0]
        assert choose(fleet, pod).startswith("3 node(s)")
        term.namespaces.append("prod")
        assert choose(fleet, pod) == "b1"
        del term.namespaces[:]
        term.namespace_selector.match_labels["stage"] = "prod"
        assert choose(fleet, pod) == "b1"
        fleet.crowd.set_namespace("prod", {"stage": "test"})
        assert choose(fleet, pod).startswith("3 node(s)")
        term.namespace_selector.Clear()
        term.namespace_selector.SetInParent()
        assert choose(fleet, pod) == "b1"

    def test_labels_of_the_pod_itself_narrow_a_term(self):
        there = {"a1": [make_pod("old", app="web", rev="1")], "a2": [make_pod("new", app="web", rev="2")]}
        fleet = make_fleet(make_node("a1"), make_node("a2"), placed=there)
        pod = apart(make_pod(app="web", rev="2"), app="web")
        term = pod.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution[0]
        assert choose(fleet, pod).startswith("2 node(s)")
        term.match_label_keys.append("rev")
        assert choose(fleet, pod) == "a1"
        del term.match_label_keys[:]
        term.mismatch_label_keys.append("rev")
        assert choose(fleet, pod) == "a2"

    def test_preferred_company_draws_and_drives_away(self):
        fleet = make_fleet(*self.fleet_of_zones, placed={"b1": [make_pod("db", cpu="2", app="db")]})
        assert choose(fleet, near(make_pod(cpu="1"), weight=1, app="db")) == "b1"
        assert choose(fleet, apart(make_pod(), "zone", weight=1, app="db")) == "a1"

    def test_pods_there_draw_and_drive_away(self):
        drawing = near(make_pod("db", cpu="1"), weight=1, app="web")
        fleet = make_fleet(*self.fleet_of_zones, placed={"b1": [drawing]})
        assert choose(fleet, make_pod(app="web")) == "b1"
        must = near(make_pod("db2", cpu="1"), app="web")
        fleet = make_fleet(*self.fleet_of_zones, placed={"b1": [must]})
        assert choose(fleet, make_pod(app="web")) == "b1"
        driving = apart(make_pod("db3"), "zone", weight=1, app="web")
        fleet = make_fleet(*self.fleet_of_zones, placed={"a1": [driving]})
        assert choose(fleet, make_pod(app="web")) == "b1"

    def test_a_set_that_keeps_apart_spreads_over_all_nodes_and_then_waits(self):
        fleet = make_fleet(*(make_node(f"n{index}") for index in range(5)))
        chooser, nodes = Chooser(fleet), []
        for index in range(5):
            placed = PlacedPod.of(apart(make_pod(f"web-{index}", app="web"), app="web"))
            match chooser.choose(placed):
                case Chosen(node):
                    fleet.place(placed, node)
                    nodes.append(node)
        assert sorted(nodes) == [f"n{index}" for index in range(5)]
        assert choose(fleet, apart(make_pod("web-5", app="web"), app="web")).startswith(
            "5 node(s) didn't match pod anti"
        )


class TestMemory:
    def test_a_node_that_comes_back_under_its_name_is_judged_anew(self):
        fleet = make_fleet(make_node("a", cpu="1"))
        chooser, pod = Chooser(fleet), PlacedPod.of(make_pod(cpu="2"))
        assert chooser.choose(pod) == Unschedulable("0/1 nodes are available: 1 Insufficient cpu.")
        fleet.remove_node("a")
        fleet.set_node(make_node("a", cpu="4"))
        assert chooser.choose(pod) == Chosen("a")

    def test_what_changes_a_node_changes_the_judgement(self):
        fleet = make_fleet(make_node("a"))
        chooser, pod = Chooser(fleet), PlacedPod.of(make_pod(cpu="3"))
        assert chooser.choose(pod) == Chosen("a")
        fleet.place(PlacedPod.of(make_pod("other", cpu="2")), "a")
        assert chooser.choose(pod) == Unschedulable("0/1 nodes are available: 1 Insufficient cpu.")
        fleet.remove_pod("uid-default-other")
        assert chooser.choose(pod) == Chosen("a")
        fleet.set_node(make_node("a", cordoned=True))
        assert chooser.choose(pod) == Unschedulable("0/1 nodes are available: 1 node(s) were unschedulable.")

    def test_a_heartbeat_of_a_node_is_no_change(self):
        fleet = make_fleet(make_node("a"))
        stamp = fleet.nodes["a"].stamp
        beaten = make_node("a")
        beaten.status.conditions.add(type="Ready", status="True").last_heartbeat_time.seconds = 5
        fleet.set_node(beaten)
        assert fleet.nodes["a"].stamp == stamp
