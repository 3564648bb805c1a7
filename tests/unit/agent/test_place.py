"""What pods hold of a node."""

from statefleet.agent.place import Place
from support.objects import a_node, a_pod


def a_place(network: str = "10.64.3.0/29") -> Place:
    node = a_node()
    node.spec.pod_cidr = network
    node.status.addresses.add(type="InternalIP", address="172.16.0.1")
    return Place(node)


def pod(uid: str, *, ip: str = "", port: int = 0, host_network: bool = False):
    found = a_pod(uid)
    found.metadata.uid, found.status.pod_ip = uid, ip
    if port:
        found.spec.containers[0].ports.add(container_port=80, host_port=port)
    if host_network:
        found.spec.host_network = True
    return found


def test_each_pod_has_an_address_of_the_node_s_network_and_gives_it_back():
    place = a_place()
    assert [place.take_address(pod(uid)) for uid in "abc"] == ["10.64.3.1", "10.64.3.2", "10.64.3.3"]
    place.give_back("b")
    assert place.take_address(pod("d")) == "10.64.3.2"
    assert place.take_address(pod("a")) == "10.64.3.1"


def test_a_pod_keeps_the_address_it_has_unless_another_has_it():
    place = a_place()
    assert place.take_address(pod("a", ip="10.64.3.5")) == "10.64.3.5"
    assert place.take_address(pod("b", ip="10.64.3.5")) == "10.64.3.1"


def test_where_no_address_is_left_there_is_none():
    place = a_place("10.64.3.0/30")
    assert [place.take_address(pod(uid)) for uid in "abc"] == ["10.64.3.1", "10.64.3.2", ""]


def test_a_pod_on_the_host_s_network_needs_no_address():
    assert a_place().take_address(pod("a", host_network=True)) == ""


def test_a_host_port_is_one_pod_s_until_it_gives_it_back():
    place = a_place()
    assert place.take_ports(pod("a", port=80)) is None
    assert place.take_ports(pod("b", port=80)) == ("TCP", 80)
    assert place.take_ports(pod("a", port=80)) is None
    place.give_back("a")
    assert place.take_ports(pod("b", port=80)) is None
