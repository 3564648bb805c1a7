"""What stands behind a service."""

import pytest

from statefleet.endpoints import addresses
from statefleet.endpoints.addresses import endpoints_of, has_endpoints, ports_of, selected, slices_of
from support.objects import a_pod, a_service, running


def pod_at(ip: str, name: str = "", *, ready: bool = True, deleting: bool = False):
    pod = running(a_pod(name or f"web-{ip}", app="web"), ready=ready)
    pod.status.pod_ip = ip
    if deleting:
        pod.metadata.deletion_timestamp.seconds = 1
    return pod


def service(**changes):
    found = a_service("web")
    for field, value in changes.items():
        setattr(found.spec, field, value)
    return found


def shown(endpoints):
    """Addresses ready and not, by port."""
    return {
        tuple(port.port for port in subset.ports): (
            [address.ip for address in subset.addresses],
            [address.ip for address in subset.not_ready_addresses],
        )
        for subset in endpoints.subsets
    }


def slice_conditions(found):
    return {
        endpoint.addresses[0]: (
            endpoint.conditions.ready,
            endpoint.conditions.serving,
            endpoint.conditions.terminating,
        )
        for each in found
        for endpoint in each.endpoints
    }


def test_selected_are_the_pods_with_the_labels_an_address_and_a_future():
    ended, bare, other = pod_at("9"), pod_at(""), pod_at("8")
    ended.status.phase = "Succeeded"
    other.metadata.labels["app"] = "db"
    found = selected(service(), [pod_at("2", "b"), pod_at("1", "a"), ended, bare, other])
    assert [pod.metadata.name for pod in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("published", "endpoints", "slices"),
    [
        (
            False,
            (["1"], ["2"]),
            {"1": (True, True, False), "2": (False, False, False), "3": (False, True, True)},
        ),
        (
            True,
            (["1", "2", "3"], []),
            {"1": (True, True, False), "2": (True, False, False), "3": (True, True, True)},
        ),
    ],
)
def test_ready_unready_and_leaving_pods(published, endpoints, slices):
    web = service(publish_not_ready_addresses=published)
    pods = [pod_at("1"), pod_at("2", ready=False), pod_at("3", deleting=True)]
    assert shown(endpoints_of(web, pods)) == {(80,): endpoints}
    assert slice_conditions(slices_of(web, pods)) == slices


def test_a_named_target_is_the_pod_s_own_number():
    web = service()
    del web.spec.ports[:]
    web.spec.ports.add(name="http", port=80).target_port.type = 1
    web.spec.ports[0].target_port.str_val = "web"
    old, new, none = pod_at("1"), pod_at("2"), pod_at("3")
    old.spec.containers[0].ports.add(name="web", container_port=8080)
    new.spec.containers[0].ports.add(name="web", container_port=9090)
    new.spec.containers[0].ports.add(name="web", container_port=9, protocol="UDP")
    assert ports_of(web, old) == (("http", 8080, "TCP"),)
    assert ports_of(web, new) == (("http", 9090, "TCP"),)
    assert ports_of(web, none) == ()
    assert shown(endpoints_of(web, [old, new, none])) == {(8080,): (["1"], []), (9090,): (["2"], [])}
    assert [[port.port for port in each.ports] for each in slices_of(web, [old, new, none])] == [[8080], [9090]]


@pytest.mark.parametrize(("target", "wanted"), [(0, 80), (8080, 8080)])
def test_a_target_is_a_number_or_the_port_itself(target, wanted):
    web = service()
    if target:
        web.spec.ports[0].target_port.int_val = target
    assert ports_of(web, pod_at("1")) == (("", wanted, "TCP"),)


def test_a_headless_service_needs_no_ports():
    web = service(cluster_ip="None")
    del web.spec.ports[:]
    assert shown(endpoints_of(web, [pod_at("1")])) == {(): (["1"], [])}
    (found,) = slices_of(web, [pod_at("1")])
    assert found.metadata.labels["service.kubernetes.io/headless"] == ""


def test_a_pod_is_named_in_the_domain_of_its_own_service_only():
    pod = pod_at("1")
    pod.spec.hostname, pod.spec.subdomain = "web-0", "web"
    assert endpoints_of(service(), [pod]).subsets[0].addresses[0].hostname == "web-0"
    assert slices_of(service(), [pod])[0].endpoints[0].hostname == "web-0"
    pod.spec.subdomain = "other"
    assert not endpoints_of(service(), [pod]).subsets[0].addresses[0].HasField("hostname")


def test_a_service_without_pods_has_one_empty_slice():
    (found,) = slices_of(service(), [])
    assert (found.metadata.name, len(found.endpoints), found.address_type) == ("web-0", 0, "IPv4")
    assert not endpoints_of(service(), []).subsets


def test_slices_belong_to_the_service_and_carry_its_labels():
    web = service()
    web.metadata.uid, web.metadata.labels["team"] = "uid-web", "a"
    (found,) = slices_of(web, [])
    assert found.metadata.owner_references[0].uid == "uid-web"
    assert found.metadata.labels["kubernetes.io/service-name"] == "web"
    assert found.metadata.labels["team"] == endpoints_of(web, []).metadata.labels["team"] == "a"


def test_many_pods_are_spread_over_slices_and_endpoints_leave_the_unready_out_first(monkeypatch):
    monkeypatch.setattr(addresses, "LARGEST_SLICE", 2)
    monkeypatch.setattr(addresses, "MOST_ADDRESSES", 2)
    pods = [pod_at("1", ready=False), pod_at("2"), pod_at("3")]
    assert [len(each.endpoints) for each in slices_of(service(), pods)] == [2, 1]
    found = endpoints_of(service(), pods)
    assert shown(found) == {(80,): (["2", "3"], [])}
    assert found.metadata.annotations["endpoints.kubernetes.io/over-capacity"] == "truncated"


@pytest.mark.parametrize(
    ("changes", "selects", "wanted"),
    [({}, True, True), ({}, False, False), ({"type": "ExternalName"}, True, False)],
)
def test_some_services_are_seen_to_by_others(changes, selects, wanted):
    web = service(**changes)
    if not selects:
        web.spec.selector.clear()
    assert has_endpoints(web) is wanted
