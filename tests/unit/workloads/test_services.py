"""Services: cluster addresses and node ports that no two share."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address

import pytest

from statefleet.errors import Invalid
from statefleet.objects.kinds import SERVICE
from statefleet.workloads.addresses import SERVICE_NETWORK
from support.objects import a_service
from support.opened_services import Services


async def test_a_service_gets_an_address_of_the_network(services: Services) -> None:
    spec = (await services.fleet.create(a_service())).object.spec
    assert IPv4Address(spec.cluster_ip) in SERVICE_NETWORK
    assert list(spec.cluster_ips) == [spec.cluster_ip]
    assert (list(spec.ip_families), spec.ip_family_policy) == (["IPv4"], "SingleStack")
    assert spec.internal_traffic_policy == "Cluster"


async def test_a_headless_service_gets_none(services: Services) -> None:
    spec = (await services.fleet.create(a_service(cluster_ip="None"))).object.spec
    assert (spec.cluster_ip, list(spec.cluster_ips)) == ("None", ["None"])
    assert list(spec.ip_families) == ["IPv4"]
    await services.fleet.create(a_service("second", cluster_ip="None"))


async def test_an_external_name_gets_nothing(services: Services) -> None:
    service = a_service(type_="ExternalName")
    service.spec.external_name = "example.com"
    spec = (await services.fleet.create(service)).object.spec
    assert not spec.cluster_ip
    assert not spec.cluster_ips
    assert not spec.ip_families


async def test_an_address_can_be_asked_for_once(services: Services) -> None:
    await services.fleet.create(a_service("a", cluster_ip="10.96.7.7"))
    with pytest.raises(Invalid) as caught:
        await services.fleet.create(a_service("b", cluster_ip="10.96.7.7"))
    assert caught.value.message == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.7.7"]: '
        "failed to allocate IP 10.96.7.7: provided IP is already allocated"
    )
    await services.fleet.delete(SERVICE, "a", "default")
    await services.fleet.create(a_service("b", cluster_ip="10.96.7.7"))


async def test_an_address_elsewhere_is_refused(services: Services) -> None:
    with pytest.raises(Invalid, match=r"The range of valid IPs is 10\.96\.0\.0/12"):
        await services.fleet.create(a_service(cluster_ip="192.168.0.1"))
    with pytest.raises(Invalid, match=r'spec\.clusterIPs\[0\]: Invalid value: "1\.2\.3": must be a valid IP address'):
        await services.fleet.create(a_service(cluster_ip="1.2.3"))


async def test_two_that_take_one_free_address_at_once_end_with_two(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.workloads.home("Service").writer._rand, "uniform", lambda low, high: low)
    created = await asyncio.gather(*(services.fleet.create(a_service(f"svc-{n}")) for n in range(4)))
    assert {each.object.spec.cluster_ip for each in created} == {"10.96.0.1", "10.96.0.2", "10.96.0.3", "10.96.0.4"}


async def test_an_update_keeps_the_address_and_cannot_change_it(services: Services) -> None:
    stored = (await services.fleet.create(a_service())).object
    changed = a_service()
    changed.spec.ports[0].port = 81
    updated = (await services.fleet.update(changed)).object
    assert updated.spec.cluster_ip == stored.spec.cluster_ip
    with pytest.raises(Invalid, match="may not change once set"):
        await services.fleet.update(a_service(cluster_ip="10.96.1.1"))
    updated.spec.cluster_ip = "10.96.1.1"
    with pytest.raises(Invalid, match=r"spec\.clusterIPs\[0\]: Invalid value: .*: may not change once set"):
        await services.fleet.update(updated)


async def test_an_address_goes_with_the_change_to_an_external_name_and_comes_back(services: Services) -> None:
    service = (await services.fleet.create(a_service())).object
    assert service.spec.cluster_ip
    service.spec.type, service.spec.external_name = "ExternalName", "example.com"
    external = (await services.fleet.update(service)).object
    assert not external.spec.cluster_ip
    assert not external.spec.cluster_ips
    external.spec.type, external.spec.external_name = "ClusterIP", ""
    back = (await services.fleet.update(external)).object
    assert IPv4Address(back.spec.cluster_ip) in SERVICE_NETWORK


async def test_node_ports(services: Services) -> None:
    first = (await services.fleet.create(a_service("a", type_="NodePort"))).object.spec.ports[0].node_port
    assert 30000 <= first < 32768
    taken = a_service("b", type_="NodePort")
    taken.spec.ports[0].node_port = first
    with pytest.raises(Invalid, match=f"nodePort: Invalid value: {first}: provided port is already allocated"):
        await services.fleet.create(taken)
    kept = (await services.fleet.update(a_service("a", type_="NodePort"))).object
    assert kept.spec.ports[0].node_port == first
    kept.spec.type = "ClusterIP"
    assert not (await services.fleet.update(kept)).object.spec.ports[0].node_port


async def test_a_dry_run_takes_no_address(services: Services) -> None:
    shown = (await services.fleet.create(a_service(cluster_ip="10.96.7.7"), dry_run=True)).object
    assert shown.spec.cluster_ip == "10.96.7.7"
    await services.fleet.create(a_service("other", cluster_ip="10.96.7.7"))
