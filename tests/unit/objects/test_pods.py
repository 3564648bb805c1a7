"""Facts about pods."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects import codec, pods


def pod(**spec: Any) -> Pod:
    message, complaints = codec.decode(Pod, {"spec": spec})
    assert complaints == []
    return message


def container(requests: Any = None, limits: Any = None, **fields: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": requests, "limits": limits}, **fields}


def ready(since: int | None, status: str = "True") -> Pod:
    message = Pod()
    message.status.conditions.add(type="Initialized", status="True")
    condition = message.status.conditions.add(type="Ready", status=status)
    if since is not None:
        condition.last_transition_time.seconds = since
    return message


class TestReadiness:
    def test_is_the_ready_condition(self) -> None:
        assert pods.is_ready(ready(0))
        assert not pods.is_ready(ready(0, "False"))
        assert not pods.is_ready(Pod())

    def test_availability_comes_after_the_minimum(self) -> None:
        assert pods.is_available(ready(100), 0, now=0)
        assert not pods.is_available(ready(100), 10, now=109.9)
        assert pods.is_available(ready(100), 10, now=110)
        assert pods.available_at(ready(100), 10, now=0) == 110
        assert not pods.is_available(ready(None), 10, now=1e9)
        assert not pods.is_available(ready(100, "Unknown"), 0, now=1e9)
        assert not pods.is_available(Pod(), 0, now=1e9)

    def test_conditions_are_found_by_type(self) -> None:
        found = pods.condition(ready(5), "Ready")
        assert found is not None
        assert found.last_transition_time.seconds == 5
        assert pods.condition(Pod(), "Ready") is None

    @pytest.mark.parametrize(
        ("phase", "is_terminal"), [("Pending", False), ("Running", False), ("Failed", True), ("Succeeded", True)]
    )
    def test_end(self, phase: str, is_terminal: bool) -> None:
        message = Pod()
        message.status.phase = phase
        assert pods.is_terminal(message) is is_terminal


class TestRequests:
    def test_containers_add_up(self) -> None:
        asked = pods.requests(
            pod(containers=[container({"cpu": "100m", "memory": "1Ki"}), container({"cpu": "1", "x/gpu": 2})])
        )
        assert asked == {"cpu": 1100, "memory": 1024, "x/gpu": 2}

    def test_init_containers_count_one_at_a_time(self) -> None:
        init = [container({"cpu": "3"}), container({"cpu": "2", "memory": "5"})]
        assert pods.requests(pod(initContainers=init, containers=[container({"cpu": "1"})])) == {
            "cpu": 3000,
            "memory": 5,
        }

    def test_sidecars_run_beside_what_starts_after_them(self) -> None:
        init = [
            container({"cpu": "4"}),
            container({"cpu": "1"}, restartPolicy="Always"),
            container({"cpu": "2"}),
            container({"cpu": "1"}, restartPolicy="Always"),
        ]
        assert pods.requests(pod(initContainers=init, containers=[container({"cpu": "1"})])) == {"cpu": 4000}
        init[2] = container({"cpu": "5"})
        assert pods.requests(pod(initContainers=init, containers=[container({"cpu": "1"})])) == {"cpu": 6000}
        assert pods.requests(pod(initContainers=init, containers=[container({"cpu": "9"})])) == {"cpu": 11000}

    def test_overhead_comes_on_top(self) -> None:
        assert pods.requests(pod(containers=[container({"cpu": "1"})], overhead={"cpu": "250m", "memory": "1"})) == {
            "cpu": 1250,
            "memory": 1,
        }

    def test_requests_of_the_whole_pod_stand_in(self) -> None:
        whole = {"requests": {"cpu": "1", "hugepages-2Mi": "4Mi", "x/gpu": "9"}}
        asked = pods.requests(pod(containers=[container({"cpu": "3", "memory": "5"})], resources=whole))
        assert asked == {"cpu": 1000, "memory": 5, "hugepages-2Mi": 4 * 2**20}

    def test_nothing_is_asked_for(self) -> None:
        assert pods.requests(pod(containers=[container()])) == {}


BOTH = {"cpu": "1", "memory": "1Gi"}


class TestQualityOfService:
    @pytest.mark.parametrize(
        ("containers", "quality"),
        [
            ([container()], "BestEffort"),
            ([container({"cpu": "0"}, {"memory": "0"})], "BestEffort"),
            ([container({"x/gpu": "1"}, {"x/gpu": "1"})], "BestEffort"),
            ([container(BOTH, BOTH)], "Guaranteed"),
            ([container({"cpu": "1000m", "memory": "1024Mi"}, BOTH)], "Guaranteed"),
            ([container(BOTH, BOTH), container(BOTH, BOTH)], "Guaranteed"),
            ([container(BOTH, BOTH), container()], "Burstable"),
            ([container(BOTH, {"cpu": "1"})], "Burstable"),
            ([container({"cpu": "1"}, {"cpu": "1"})], "Burstable"),
            ([container({"cpu": "500m", "memory": "1Gi"}, BOTH)], "Burstable"),
            ([container({"cpu": "1"})], "Burstable"),
        ],
    )
    def test_follows_from_requests_and_limits(self, containers: list[Any], quality: str) -> None:
        assert pods.qos_class(pod(containers=containers)) == quality

    def test_init_containers_count(self) -> None:
        message = pod(containers=[container(BOTH, BOTH)], initContainers=[container()])
        assert pods.qos_class(message) == "Burstable"

    def test_resources_of_the_whole_pod_decide(self) -> None:
        whole = {"requests": BOTH, "limits": BOTH}
        assert pods.qos_class(pod(containers=[container()], resources=whole)) == "Guaranteed"


def test_host_ports_are_those_of_running_containers() -> None:
    ports = [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81}, {"containerPort": 1, "hostPort": 80}]
    sidecar = container(ports=[{"containerPort": 53, "hostPort": 53, "protocol": "UDP"}], restartPolicy="Always")
    init = container(ports=[{"containerPort": 9, "hostPort": 9}])
    message = pod(containers=[container(ports=ports)], initContainers=[sidecar, init])
    assert pods.host_ports(message) == (("UDP", 53), ("TCP", 80))
