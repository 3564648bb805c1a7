"""What stands behind services follows the pods, over the real services."""

from statefleet.api.core.v1.endpoints_pb2 import Endpoints
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.kinds import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE
from support.objects import a_pod, a_service, meta, running
from support.working_fleet import WorkingFleet


def addresses(endpoints: Endpoints) -> dict[int, tuple[list[str], list[str]]]:
    """Ready and not ready addresses by port."""
    return {
        port.port: ([a.ip for a in subset.addresses], [a.ip for a in subset.not_ready_addresses])
        for subset in endpoints.subsets
        for port in subset.ports
    }


def ports_of_slices(working: WorkingFleet) -> list[int]:
    return [port.port for found in working.list(ENDPOINT_SLICE) for port in found.ports]


async def at(working: WorkingFleet, name: str, ip: str, *, ready: bool = True) -> Pod:
    """A pod that runs somewhere with an address."""
    pod = await working.create(a_pod(name, node="somewhere", app="web"))
    running(pod, ready=ready).status.pod_ip = ip
    return (await working.fleet.update_status(pod)).object


async def until_addresses(working: WorkingFleet, wanted: dict[int, tuple[list[str], list[str]]]) -> None:
    """Wait for the addresses, in Endpoints and in slices alike."""

    def are_there() -> bool:
        working.clock.leap(1.0)  # Looks at one service are kept apart by a pause.
        endpoints = working.get(ENDPOINTS, "web")
        return endpoints is not None and addresses(endpoints) == wanted

    await working.until(are_there)


async def test_endpoints_follow_pods_as_they_become_ready_and_go(working):
    await working.with_nodes("somewhere")
    await working.create(a_service("web"))
    await working.until_shown(ENDPOINTS, "web", lambda endpoints: not endpoints.subsets)
    await working.until_shown(ENDPOINT_SLICE, "web-0", lambda found: not found.endpoints)
    await working.create(a_pod("one", app="web"))
    await working.create(a_pod("two", app="web"))
    await working.create(a_pod("other", app="db"))
    await until_addresses(working, {80: (["10.64.0.1", "10.64.0.2"], [])})
    await working.fleet.delete(POD, "one", "default")
    await until_addresses(working, {80: (["10.64.0.2"], [])})
    found = await working.until_shown(ENDPOINT_SLICE, "web-0", lambda found: len(found.endpoints) == 1)
    (endpoint,) = found.endpoints
    assert (endpoint.target_ref.name, endpoint.node_name) == ("two", "somewhere")


async def test_pods_that_are_not_ready_are_told_apart_unless_all_are_to_be_published(working):
    await working.enter_node("somewhere")
    await working.create(a_service("web"))
    await at(working, "one", "10.0.0.1")
    await at(working, "two", "10.0.0.2", ready=False)
    await until_addresses(working, {80: (["10.0.0.1"], ["10.0.0.2"])})
    found = await working.until_shown(ENDPOINT_SLICE, "web-0", lambda found: len(found.endpoints) == 2)
    assert [each.conditions.ready for each in found.endpoints] == [True, False]
    await working.change(SERVICE, "web", lambda web: setattr(web.spec, "publish_not_ready_addresses", True))
    await until_addresses(working, {80: (["10.0.0.1", "10.0.0.2"], [])})


async def test_named_ports_are_those_of_each_pod(working):
    await working.with_nodes("somewhere")
    web = a_service("web")
    web.spec.ports[0].target_port.type, web.spec.ports[0].target_port.str_val = 1, "http"
    await working.create(web)
    for name, number in (("one", 8080), ("two", 9090)):
        pod = a_pod(name, app="web")
        pod.spec.containers[0].ports.add(name="http", container_port=number)
        await working.create(pod)
    await working.until(lambda: len(working.list(POD)) == 2 and all(pod.status.pod_ip for pod in working.list(POD)))
    ips = {pod.metadata.name: pod.status.pod_ip for pod in working.list(POD)}
    await until_addresses(working, {8080: ([ips["one"]], []), 9090: ([ips["two"]], [])})
    await working.until(lambda: ports_of_slices(working) == [8080, 9090])
    await working.fleet.delete(POD, "one", "default")
    await working.until(lambda: ports_of_slices(working) == [9090])


async def test_a_service_takes_its_endpoints_with_it_but_not_those_of_others(working):
    await working.create(a_service("web"))
    await working.until_shown(ENDPOINTS, "web")
    await working.create(Endpoints(metadata=meta("by-hand")))
    await working.until_shown(ENDPOINTS, "by-hand")
    await working.fleet.delete(SERVICE, "web", "default")
    await working.until_gone(ENDPOINTS, "web")
    await working.until_gone(ENDPOINT_SLICE, "web-0")
    await working.calm()
    assert working.get(ENDPOINTS, "by-hand") is not None


async def test_endpoints_of_a_service_without_a_selector_are_left_alone(working):
    by_hand = Endpoints(metadata=meta("web"))
    by_hand.subsets.add().addresses.add(ip="192.0.2.1")
    await working.create(by_hand)
    web = a_service("web")
    web.spec.selector.clear()
    await working.create(web)
    await working.until_shown(SERVICE, "web")
    await working.calm()
    assert working.get(ENDPOINTS, "web").subsets[0].addresses[0].ip == "192.0.2.1"
    assert not working.list(ENDPOINT_SLICE)


async def test_what_is_changed_or_deleted_by_hand_is_put_right(working):
    await working.create(a_service("web"))
    await working.until_shown(ENDPOINT_SLICE, "web-0")
    await working.until_shown(ENDPOINTS, "web")
    working.clock.leap(1.0)
    await working.fleet.delete(ENDPOINT_SLICE, "web-0", "default")
    await working.until_shown(ENDPOINT_SLICE, "web-0")
    working.clock.leap(1.0)
    await working.change(ENDPOINTS, "web", lambda found: found.subsets.add().addresses.add(ip="192.0.2.1"))
    await working.until_shown(ENDPOINTS, "web", lambda endpoints: not endpoints.subsets)


async def test_a_service_made_anew_has_slices_of_its_own(working):
    first = await working.create(a_service("web"))
    await working.until_shown(ENDPOINT_SLICE, "web-0")
    await working.fleet.delete(SERVICE, "web", "default")
    second = await working.create(a_service("web"))
    assert first.metadata.uid != second.metadata.uid
    working.clock.leap(1.0)
    await working.until_shown(
        ENDPOINT_SLICE, "web-0", lambda found: found.metadata.owner_references[0].uid == second.metadata.uid
    )
