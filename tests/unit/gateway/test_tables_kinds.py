"""Cells that no recorded table shows: what has been added since, and the rarer states."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.api.core.v1.endpoints_pb2 import Endpoints
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.service_pb2 import Service
from statefleet.api.discovery.v1.endpoint_slice_pb2 import EndpointSlice
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.gateway import tables
from statefleet.objects.kinds import kind_of
from statefleet.objects.times import to_micro_time, to_time

NOW = 1_800_000_000.0


def row(message: Message) -> dict[str, Any]:
    found = tables.table(kind_of(message), [message], now=NOW)
    names = [column["name"] for column in found["columnDefinitions"]]
    return dict(zip(names, found["rows"][0]["cells"], strict=True))


def a_service(**spec: Any) -> Service:
    service = Service()
    for name, value in spec.items():
        if isinstance(value, list):
            getattr(service.spec, name).extend(value)
        else:
            setattr(service.spec, name, value)
    return service


class TestServices:
    @pytest.mark.surface("columns.service")
    @pytest.mark.parametrize(
        ("service", "balancer", "expected"),
        [
            (a_service(type="ClusterIP"), [], "<none>"),
            (a_service(type="NodePort", external_ips=["1.1.1.1", "2.2.2.2"]), [], "1.1.1.1,2.2.2.2"),
            (a_service(type="LoadBalancer"), [], "<pending>"),
            (a_service(type="LoadBalancer"), ["9.9.9.9", "3.3.3.3"], "3.3.3.3,9.9.9.9"),
            (a_service(type="LoadBalancer", external_ips=["1.1.1.1"]), ["9.9.9.9"], "9.9.9.9,1.1.1.1"),
            (a_service(type="ExternalName", external_name="example.com"), [], "example.com"),
            (a_service(), [], "<unknown>"),
        ],
    )
    def test_external_addresses(self, service, balancer, expected):
        for address in balancer:
            service.status.load_balancer.ingress.add(ip=address)
        assert row(service)["External-IP"] == expected

    @pytest.mark.surface("columns.service")
    def test_a_node_port_stands_after_a_colon(self):
        service = a_service(type="NodePort")
        service.spec.ports.add(port=80, protocol="TCP", node_port=30080)
        service.spec.ports.add(port=53, protocol="UDP")
        assert row(service)["Port(s)"] == "80:30080/TCP,53/UDP"

    def test_a_service_without_ports_and_address(self):
        found = row(a_service(type="ClusterIP"))
        assert (found["Port(s)"], found["Cluster-IP"], found["Selector"]) == ("<none>", "<none>", "<none>")


class TestEndpoints:
    def test_addresses_without_ports_and_of_the_sixth_version(self):
        endpoints = Endpoints()
        endpoints.subsets.add().addresses.add(ip="10.0.0.1")
        subset = endpoints.subsets.add()
        subset.addresses.add(ip="fd00::1")
        subset.ports.add(port=80)
        assert row(endpoints)["Endpoints"] == "10.0.0.1,[fd00::1]:80"

    def test_none_are_ready(self):
        endpoints = Endpoints()
        assert row(endpoints)["Endpoints"] == "<none>"
        endpoints.subsets.add().not_ready_addresses.add(ip="10.0.0.1")
        assert row(endpoints)["Endpoints"] == ""

    def test_a_slice_shows_three_and_counts_the_rest(self):
        found = EndpointSlice(address_type="IPv4")
        for number in range(5):
            found.endpoints.add(addresses=[f"10.0.0.{number}"])
        found.ports.add(port=80)
        found.ports.add(name="web")
        found.ports.add()
        assert row(found)["Endpoints"] == "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more..."
        assert row(found)["Ports"] == "80,web,*"
        assert row(found)["AddressType"] == "IPv4"

    def test_an_empty_slice(self):
        found = row(EndpointSlice())
        assert (found["Endpoints"], found["Ports"]) == ("<unset>", "<unset>")


class TestStorage:
    @pytest.mark.surface("columns.pvc")
    def test_a_bound_claim(self):
        claim = PersistentVolumeClaim()
        claim.spec.volume_name, claim.spec.volume_mode = "v", "Block"
        claim.spec.storage_class_name, claim.spec.volume_attributes_class_name = "fast", "gold"
        claim.status.phase = "Bound"
        claim.status.access_modes.extend(["ReadWriteMany", "ReadWriteOncePod", "ReadWriteOnce", "ReadWriteOnce"])
        claim.status.capacity["storage"].string = "5Gi"
        found = row(claim)
        assert (found["Status"], found["Volume"], found["Capacity"]) == ("Bound", "v", "5Gi")
        assert found["Access Modes"] == "RWO,RWX,RWOP"
        assert (found["StorageClass"], found["VolumeAttributesClass"]) == ("fast", "gold")
        assert found["VolumeMode"] == "Block"

    def test_a_claim_that_waits_shows_nothing_of_a_volume(self):
        claim = PersistentVolumeClaim()
        claim.status.phase = "Pending"
        claim.spec.resources.requests["storage"].string = "1Gi"
        found = row(claim)
        assert [found[name] for name in ("Status", "Volume", "Capacity", "Access Modes")] == ["Pending", "", "", ""]

    @pytest.mark.parametrize("message", [PersistentVolume(), PersistentVolumeClaim()])
    def test_what_is_being_deleted_is_terminating(self, message):
        message.metadata.deletion_timestamp.CopyFrom(to_time(NOW))
        message.status.phase = "Bound"
        assert row(message)["Status"] == "Terminating"

    @pytest.mark.surface("columns.pv")
    def test_a_bound_volume_names_its_claim(self):
        volume = PersistentVolume()
        volume.spec.claim_ref.namespace, volume.spec.claim_ref.name = "default", "data-web-0"
        volume.metadata.annotations["volume.beta.kubernetes.io/storage-class"] = "old"
        volume.spec.storage_class_name = "new"
        found = row(volume)
        assert (found["Claim"], found["StorageClass"]) == ("default/data-web-0", "old")

    def test_the_default_class_is_marked(self):
        storage_class = StorageClass(provisioner="example.com/disk", allow_volume_expansion=True)
        storage_class.metadata.name = "fast"
        assert row(storage_class)["Name"] == "fast"
        storage_class.metadata.annotations["storageclass.kubernetes.io/is-default-class"] = "true"
        found = row(storage_class)
        assert found["Name"] == "fast (default)"
        assert (found["ReclaimPolicy"], found["VolumeBindingMode"]) == ("Delete", "Immediate")
        assert found["AllowVolumeExpansion"] is True


class TestNodes:
    @pytest.mark.surface("columns.node")
    @pytest.mark.parametrize(
        ("ready", "cordoned", "expected"),
        [
            ("True", False, "Ready"),
            ("True", True, "Ready,SchedulingDisabled"),
            ("False", False, "NotReady"),
            ("Unknown", True, "NotReady,SchedulingDisabled"),
            (None, False, "Unknown"),
        ],
    )
    def test_status(self, ready, cordoned, expected):
        node = Node()
        node.spec.unschedulable = cordoned
        if ready:
            node.status.conditions.add(type="Ready", status=ready)
        assert row(node)["Status"] == expected

    @pytest.mark.surface("columns.node")
    def test_roles_come_from_labels(self):
        node = Node()
        node.metadata.labels["node-role.kubernetes.io/worker"] = ""
        node.metadata.labels["node-role.kubernetes.io/"] = ""
        node.metadata.labels["kubernetes.io/role"] = "db"
        assert row(node)["Roles"] == "db,worker"


class TestEvents:
    def test_one_with_a_series_counts_by_it(self):
        event = Event(event_time=to_micro_time(NOW - 600))
        event.series.count = 4
        event.series.last_observed_time.CopyFrom(to_micro_time(NOW - 5))
        found = row(event)
        assert (found["Last Seen"], found["First Seen"], found["Count"]) == ("5s", "10m", 4)

    def test_one_that_happened_once(self):
        found = row(Event(event_time=to_micro_time(NOW - 30)))
        assert (found["Last Seen"], found["First Seen"], found["Count"]) == ("30s", "30s", 1)

    @pytest.mark.surface("columns.event")
    def test_one_of_the_older_form(self):
        event = Event(first_timestamp=to_time(NOW - 90), last_timestamp=to_time(NOW - 3), count=7, message=" text \n")
        event.reporting_component, event.reporting_instance = "agent", "n1"
        event.involved_object.kind = "Pod"
        found = row(event)
        assert (found["Last Seen"], found["First Seen"], found["Count"]) == ("3s", "90s", 7)
        assert (found["Object"], found["Source"], found["Message"]) == ("pod", "agent, n1", "text")


class TestSets:
    @pytest.mark.surface("columns.controllerrevision")
    @pytest.mark.parametrize(
        ("api_version", "expected"), [("apps/v1", "statefulset.apps/web"), ("v1", "statefulset/web")]
    )
    def test_a_revision_names_its_controller(self, api_version, expected):
        revision = ControllerRevision(revision=3)
        revision.metadata.owner_references.add(kind="Other", name="x")
        assert row(revision)["Controller"] == "<none>"
        revision.metadata.owner_references.add(
            api_version=api_version, kind="StatefulSet", name="web", controller=True
        )
        assert (row(revision)["Controller"], row(revision)["Revision"]) == (expected, 3)

    @pytest.mark.surface("columns.daemonset")
    def test_a_daemon_set_with_expressions_in_its_selector(self):
        found = DaemonSet()
        assert row(found)["Selector"] == "<none>"
        found.spec.selector.match_labels["app"] = "a"
        found.spec.selector.match_expressions.add(key="tier", operator="In", values=["y", "x"])
        assert row(found)["Selector"] == "app=a,tier in (x,y)"
        found.spec.selector.match_expressions.add(key="tier", operator="Nonsense")
        assert row(found)["Selector"] == "<error>"

    @pytest.mark.surface("columns.pdb")
    def test_a_budget_in_numbers_and_percent(self):
        budget = PodDisruptionBudget()
        assert (row(budget)["Min Available"], row(budget)["Max Unavailable"]) == ("N/A", "N/A")
        budget.spec.min_available.CopyFrom(IntOrString(type=0, int_val=0))
        budget.spec.max_unavailable.CopyFrom(IntOrString(type=1, str_val="50%"))
        assert (row(budget)["Min Available"], row(budget)["Max Unavailable"]) == ("0", "50%")


def test_a_config_map_counts_text_and_bytes():
    assert row(ConfigMap(data={"a": "1"}, binary_data={"b": b"2", "c": b"3"}))["Data"] == 3
