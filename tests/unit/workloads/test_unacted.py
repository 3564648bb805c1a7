"""Fields that nothing acts on: who writes them is told, once for each, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.client.fleet import Fleet
from statefleet.errors import NotFound
from statefleet.objects.codec import decode
from statefleet.objects.kinds import KINDS, STATEFUL_SET, WORKLOADS
from statefleet.workloads.unacted import unacted
from support.objects import a_daemon_set, a_pod, a_service, a_stateful_set
from support.opened_services import Services, opened_services

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


def pod_with(spec: dict[str, Any]) -> Pod:
    pod, complaints = decode(Pod, {"spec": {"containers": [{"name": "main", "image": "nginx:1"}], **spec}})
    assert not complaints
    return pod


def test_a_plain_pod_needs_no_telling() -> None:
    assert unacted(a_pod()) == []


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "spec.topologySpreadConstraints"),
        ({"priorityClassName": "high"}, "spec.priorityClassName"),
        ({"priority": 7}, "spec.priority"),
        ({"runtimeClassName": "gvisor"}, "spec.runtimeClassName"),
        ({"resourceClaims": [{"name": "gpu"}]}, "spec.resourceClaims"),
        ({"activeDeadlineSeconds": 60}, "spec.activeDeadlineSeconds"),
        ({"ephemeralContainers": [{"name": "debug"}]}, "spec.ephemeralContainers"),
        ({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "nfs": {"path": "/"}}]}, "spec.volumes[1].nfs"),
        ({"volumes": [{"name": "a", "ephemeral": {}}]}, "spec.volumes[0].ephemeral"),
        ({"containers": [{"name": "a", "restartPolicy": "Never"}]}, "spec.containers[0].restartPolicy"),
        (
            {"initContainers": [{"name": "a", "restartPolicyRules": [{"action": "Restart"}]}]},
            "spec.initContainers[0].restartPolicyRules",
        ),
    ],
)
def test_a_field_of_a_pod(spec: dict[str, Any], path: str) -> None:
    (sentence,) = unacted(pod_with(spec))
    assert sentence.startswith(f"{path}: nothing acts on it: ")


@pytest.mark.parametrize(
    "spec",
    [
        {"priority": 0, "preemptionPolicy": "PreemptLowerPriority", "securityContext": {}},
        {"initContainers": [{"name": "sidecar", "restartPolicy": "Always"}]},
        {"volumes": [{"name": "a", "configMap": {"name": "b"}}, {"name": "c", "persistentVolumeClaim": {}}]},
        {"hostNetwork": True, "nodeSelector": {"a": "b"}, "schedulingGates": [{"name": "a"}]},
    ],
)
def test_what_is_acted_on_or_the_default_needs_no_telling(spec: dict[str, Any]) -> None:
    assert unacted(pod_with(spec)) == []


def test_all_that_is_only_simulated_is_told_in_one_sentence() -> None:
    pod = pod_with(
        {
            "hostPID": True,
            "containers": [
                {"name": "a", "command": ["sh"], "readinessProbe": {"exec": {"command": ["true"]}}},
                {"name": "b", "command": ["sh"], "lifecycle": {"preStop": {"exec": {"command": ["true"]}}}},
            ],
        }
    )
    told = "hostPID, command, readinessProbe and lifecycle"
    assert unacted(pod) == [f"spec: nodes are simulated: no container runs, and nothing acts on {told}"]
    assert unacted(pod, runtime="containers") == []


def test_a_set_is_told_of_its_template_and_claims() -> None:
    stateful_set = a_stateful_set()
    stateful_set.spec.template.spec.runtime_class_name = "gvisor"
    stateful_set.spec.volume_claim_templates.add().spec.volume_attributes_class_name = "fast"
    assert [sentence.split(":")[0] for sentence in unacted(stateful_set)] == [
        "spec.template.spec.runtimeClassName",
        "spec.volumeClaimTemplates[0].spec.volumeAttributesClassName",
    ]
    daemon_set = a_daemon_set()
    daemon_set.spec.template.spec.containers[0].env.add(name="A", value="b")
    assert unacted(daemon_set) == [
        "spec.template.spec: nodes are simulated: no container runs, and nothing acts on env"
    ]


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("type", "NodePort", "spec.type"),
        ("type", "LoadBalancer", "spec.type"),
        ("type", "ExternalName", "spec.type"),
        ("session_affinity", "ClientIP", "spec.sessionAffinity"),
        ("external_traffic_policy", "Local", "spec.externalTrafficPolicy"),
        ("internal_traffic_policy", "Local", "spec.internalTrafficPolicy"),
        ("load_balancer_ip", "10.0.0.1", "spec.loadBalancerIP"),
        ("traffic_distribution", "PreferClose", "spec.trafficDistribution"),
    ],
)
def test_a_field_of_a_service(field: str, value: str, path: str) -> None:
    service = a_service()
    setattr(service.spec, field, value)
    (sentence,) = unacted(service)
    assert sentence.startswith(f"{path}: nothing acts on it: ")


def test_a_service_that_is_reached_from_within_needs_no_telling() -> None:
    service = a_service(type_="ClusterIP")
    service.spec.session_affinity = "None"
    service.spec.internal_traffic_policy = "Cluster"
    assert unacted(service) == []


def test_claims_and_volumes() -> None:
    claim = PersistentVolumeClaim()
    claim.spec.data_source.name = "snapshot"
    assert [sentence.split(":")[0] for sentence in unacted(claim)] == ["spec.dataSource"]
    volume = PersistentVolume()
    volume.spec.persistent_volume_source.local.path = "/disk"
    assert unacted(volume) == []
    volume.spec.persistent_volume_source.nfs.path = "/disk"
    assert [sentence.split(":")[0] for sentence in unacted(volume)] == ["spec.nfs"]


def test_an_update_elsewhere_does_not_tell_again() -> None:
    before, after = a_stateful_set(replicas=3), a_stateful_set(replicas=5)
    for stateful_set in (before, after):
        stateful_set.spec.template.spec.runtime_class_name = "gvisor"
    assert unacted(after, before) == []
    after.spec.template.spec.containers[0].image = "nginx:2"
    assert [sentence.split(":")[0] for sentence in unacted(after, before)] == ["spec.template.spec.runtimeClassName"]


@pytest.mark.parametrize("path", sorted((EXAMPLES / "current").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_get_a_line_each_at_the_most(path: Path) -> None:
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    told = [unacted(decode(KINDS[document["kind"]].message, document)[0]) for document in documents]
    assert any(told)
    assert all(len(sentences) <= 1 for sentences in told)


async def write(services: Services, *, fenced: bool) -> list[tuple[str, ...]]:
    """Create a set, change its template, then its replicas; return the warnings of each."""
    fence = (await services.fleet.claim_shard(WORKLOADS, "test/0", "test")).fence if fenced else None
    stateful_set = a_stateful_set()
    stateful_set.spec.template.spec.priority_class_name = "high"
    told = [await services.fleet.create(stateful_set, fence=fence)]
    changed: StatefulSet = told[0].object
    changed.spec.template.spec.containers[0].image = "nginx:2"
    told.append(await services.fleet.update(changed, fence=fence))
    changed = told[1].object
    changed.spec.replicas = 5
    told.append(await services.fleet.update(changed, fence=fence))
    return [written.warnings for written in told]


SENTENCE = "spec.template.spec.priorityClassName: nothing acts on it: no pod has priority over another"


async def test_the_service_tells_users(services: Services) -> None:
    assert await write(services, fenced=False) == [(SENTENCE,), (SENTENCE,), ()]


async def test_the_service_does_not_tell_workers(services: Services) -> None:
    assert await write(services, fenced=True) == [(), (), ()]


async def test_a_dry_run_tells_too(services: Services) -> None:
    stateful_set = a_stateful_set()
    stateful_set.spec.template.spec.priority_class_name = "high"
    assert (await services.fleet.create(stateful_set, dry_run=True)).warnings == (SENTENCE,)
    with pytest.raises(NotFound):
        await services.fleet.get(STATEFUL_SET, "web", "default")


async def test_what_is_simulated_depends_on_the_runtime() -> None:
    pod = a_pod()
    pod.spec.containers[0].command.append("sh")
    for runtime, told in (("simulated", 1), ("containers", 0)):
        async with opened_services(runtime=runtime) as services:
            fleet: Fleet = services.fleet
            assert len((await fleet.create(pod)).warnings) == told
