"""What nodes hold, as pods and nodes come, change and go."""

from statefleet.scheduling.placed_pod import PlacedPod
from support.scheduling import apart, choose, make_fleet, make_node, make_pod, near


def on(node: str, pod):
    pod.spec.node_name = node
    return pod


def test_pods_that_come_before_their_node_count_once_it_is_there():
    fleet = make_fleet()
    fleet.set_pod(on("a", make_pod(cpu="3")))
    fleet.set_node(make_node("a"))
    assert fleet.nodes["a"].held == {"cpu": 3000, "pods": 1}
    assert choose(fleet, make_pod("other", cpu="2")) == "1 Insufficient cpu."


def test_pods_of_a_node_that_goes_and_comes_back_still_count():
    fleet = make_fleet(make_node("a"))
    fleet.set_pod(on("a", make_pod(cpu="3", host_port=80)))
    fleet.remove_node("a")
    fleet.set_node(make_node("a"))
    assert fleet.nodes["a"].held["cpu"] == 3000
    fleet.remove_pod("uid-default-pod")
    assert fleet.nodes["a"].held["cpu"] == 0
    assert choose(fleet, make_pod("other", host_port=80)) == "a"


def test_a_pod_that_goes_while_its_node_is_away_counts_no_more():
    fleet = make_fleet(make_node("a"))
    fleet.set_pod(on("a", make_pod(cpu="3")))
    fleet.remove_node("a")
    fleet.remove_pod("uid-default-pod")
    fleet.set_node(make_node("a"))
    assert not fleet.nodes["a"].pods


def test_a_pod_that_has_ended_holds_nothing():
    fleet = make_fleet(make_node("a"))
    pod = on("a", make_pod(cpu="3"))
    fleet.set_pod(pod)
    pod.status.phase = "Succeeded"
    fleet.set_pod(pod)
    assert fleet.nodes["a"].held["cpu"] == 0


def test_placing_a_pod_again_moves_it():
    fleet = make_fleet(make_node("a"), make_node("b"))
    fleet.place(PlacedPod.of(make_pod(cpu="1")), "a")
    fleet.place(PlacedPod.of(make_pod(cpu="1")), "b")
    assert (fleet.nodes["a"].held["cpu"], fleet.nodes["b"].held["cpu"]) == (0, 1000)
    assert fleet.node_of("uid-default-pod") == "b"


def test_a_port_that_two_hold_is_free_when_both_have_gone():
    fleet = make_fleet(make_node("a"), placed={"a": [make_pod("one", host_port=80), make_pod("two", host_port=80)]})
    fleet.remove_pod("uid-default-two")
    assert choose(fleet, make_pod(host_port=80)).startswith("1 node(s) didn't have free ports")
    fleet.remove_pod("uid-default-one")
    assert choose(fleet, make_pod(host_port=80)) == "a"


def test_when_a_node_s_labels_change_its_pods_are_in_another_place():
    fleet = make_fleet(make_node("a", zone="x"), make_node("b", zone="y"), make_node("c", zone="z"))
    fleet.place(PlacedPod.of(apart(make_pod("db", app="db"), "zone", app="web")), "a")
    assert choose(fleet, near(make_pod(app="other"), app="db")) == "a"
    fleet.set_node(make_node("a", zone="y"))
    assert choose(fleet, near(make_pod(app="other"), app="db")) == "b"
    assert choose(fleet, make_pod(app="web")) == "c"


def test_a_cordon_repels_once_whether_or_not_it_shows_as_a_taint():
    plain, tainted = make_node("a", cordoned=True), make_node("a", cordoned=True)
    tainted.spec.taints.add(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
    assert make_fleet(plain).nodes["a"].taints == make_fleet(tainted).nodes["a"].taints
