"""What a pod's claims mean for its node."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.meta import SELECTED_NODE_ANNOTATION
from statefleet.scheduling.claims import NO_PROVISIONER, VolumePlan, claims_view
from support.scheduling import make_pod

ELSEWHERE = "node(s) had volume node affinity conflict"
IN_USE = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
NONE = "node(s) didn't find available persistent volumes to bind"


@dataclass
class MemoryStorage:
    claims: dict[str, PersistentVolumeClaim] = field(default_factory=dict)
    all_volumes: dict[str, PersistentVolume] = field(default_factory=dict)
    classes: dict[str, StorageClass] = field(default_factory=dict)
    nodes: tuple[str, ...] = ("a", "b")
    used: tuple[str, ...] = ()
    """Claims that another pod uses."""

    def claim(self, name):
        return self.claims.get(name)

    def volume(self, name):
        return self.all_volumes.get(name)

    def volumes(self):
        return self.all_volumes.values()

    def storage_class(self, name):
        return self.classes.get(name)

    def has_node(self, name):
        return name in self.nodes

    def is_used(self, claim, besides):
        return claim in self.used


def using(*claims: str) -> Pod:
    pod = make_pod()
    for name in claims:
        pod.spec.volumes.add(name=name).volume_source.persistent_volume_claim.claim_name = name
    return pod


def a_claim(name: str, *, of: str = "local", size: str = "1Gi", volume: str = "") -> PersistentVolumeClaim:
    claim = PersistentVolumeClaim()
    claim.metadata.name, claim.metadata.namespace, claim.metadata.uid = name, "default", f"uid-{name}"
    claim.spec.storage_class_name = of
    claim.spec.access_modes.append("ReadWriteOnce")
    claim.spec.resources.requests["storage"].string = size
    if volume:
        claim.spec.volume_name, claim.status.phase = volume, "Bound"
    return claim


def a_volume(name: str, node: str = "", *, of: str = "local", size: str = "1Gi") -> PersistentVolume:
    volume = PersistentVolume()
    volume.metadata.name = name
    volume.spec.storage_class_name = of
    volume.spec.access_modes.append("ReadWriteOnce")
    volume.spec.capacity["storage"].string = size
    volume.status.phase = "Available"
    if node:
        term = volume.spec.node_affinity.required.node_selector_terms.add()
        term.match_expressions.add(key="host", operator="In", values=[node])
    return volume


def a_class(name: str = "local", *, mode: str = "WaitForFirstConsumer", provisioner: str = "made") -> StorageClass:
    found = StorageClass(provisioner=provisioner, volume_binding_mode=mode)
    found.metadata.name = name
    return found


def storage(*objects) -> MemoryStorage:
    held = MemoryStorage(classes={"local": a_class(), "by-hand": a_class("by-hand", provisioner=NO_PROVISIONER)})
    for each in objects:
        places: dict[type, dict[str, Any]] = {
            PersistentVolumeClaim: held.claims,
            PersistentVolume: held.all_volumes,
            StorageClass: held.classes,
        }
        places[type(each)][each.metadata.name] = each
    return held


def refusals(pod: Pod, held: MemoryStorage) -> dict[str, str]:
    view = claims_view(pod, held)
    assert not view.problem
    return {name: view.refusal(name, {"host": name}) for name in held.nodes}


def plan_on(node: str, pod: Pod, held: MemoryStorage) -> VolumePlan:
    plan = claims_view(pod, held).plan(node, {"host": node})
    assert plan is not None
    return plan


def test_a_pod_without_claims_goes_anywhere():
    assert refusals(make_pod(), storage()) == {"a": "", "b": ""}


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        ([], 'persistentvolumeclaim "data" not found'),
        ([a_claim("data", of="fast")], "pod has unbound immediate PersistentVolumeClaims"),
        ([a_claim("data", of="now"), a_class("now", mode="Immediate")], "pod has unbound immediate Persistent"),
        ([a_claim("data", volume="v")], 'persistentvolumeclaim "data" bound to non-existent persistentvolume "v"'),
    ],
)
def test_what_keeps_a_pod_from_every_node(objects, problem):
    assert claims_view(using("data"), storage(*objects)).problem.startswith(problem)


def test_a_claim_that_is_being_deleted_gets_no_new_pod():
    claim = a_claim("data", volume="v")
    claim.metadata.deletion_timestamp.seconds = 1
    assert claims_view(using("data"), storage(claim)).problem == 'persistentvolumeclaim "data" is being deleted'


def test_a_bound_volume_says_where_the_pod_must_be():
    held = storage(a_claim("data", volume="v"), a_volume("v", "b"))
    assert refusals(using("data"), held) == {"a": ELSEWHERE, "b": ""}


def test_a_volume_that_is_being_bound_is_waited_for():
    claim = a_claim("data", volume="v")
    claim.status.phase = "Pending"
    assert claims_view(using("data"), storage(claim, a_volume("v"))).waits


def test_a_volume_kept_for_a_claim_is_waited_for():
    kept = a_volume("v", "b")
    kept.spec.claim_ref.namespace, kept.spec.claim_ref.name = "default", "data"
    assert claims_view(using("data"), storage(a_claim("data"), kept)).waits


def test_where_volumes_can_be_made_every_node_will_do():
    held = storage(a_claim("data"))
    assert refusals(using("data"), held) == {"a": "", "b": ""}
    plan = plan_on("b", using("data"), held)
    assert [claim.metadata.name for claim in plan.made] == ["data"]


def test_a_volume_that_is_there_comes_before_one_to_be_made_and_the_smallest_first():
    held = storage(a_claim("data"), a_volume("big", "a", size="9Gi"), a_volume("fit", "a", size="2Gi"))
    plan = plan_on("a", using("data"), held)
    assert [(claim.metadata.name, volume.metadata.name) for claim, volume in plan.bound] == [("data", "fit")]
    assert plan_on("b", using("data"), held).made


def test_where_volumes_are_made_by_hand_only_nodes_that_have_one_will_do():
    held = storage(a_claim("data", of="by-hand"), a_volume("v", "b", of="by-hand"))
    assert refusals(using("data"), held) == {"a": NONE, "b": ""}


def test_two_claims_need_two_volumes():
    claims = a_claim("one", of="by-hand"), a_claim("two", of="by-hand")
    held = storage(*claims, a_volume("v", "b", of="by-hand"))
    assert refusals(using("one", "two"), held) == {"a": NONE, "b": NONE}
    held.all_volumes["w"] = a_volume("w", "b", of="by-hand")
    assert refusals(using("one", "two"), held) == {"a": NONE, "b": ""}


def test_a_node_chosen_before_is_kept_to_while_it_is_there():
    claim = a_claim("data")
    claim.metadata.annotations[SELECTED_NODE_ANNOTATION] = "b"
    held = storage(claim)
    assert refusals(using("data"), held) == {"a": NONE, "b": ""}
    held.nodes = ("a",)
    assert refusals(using("data"), held) == {"a": ""}


def test_a_class_may_say_where_volumes_are_made():
    found = a_class("zonal")
    found.allowed_topologies.add().match_label_expressions.add(key="host", values=["b", "c"])
    assert refusals(using("data"), storage(a_claim("data", of="zonal"), found)) == {"a": NONE, "b": ""}


def test_no_volume_is_made_for_a_claim_that_selects_among_those_there_are():
    claim = a_claim("data")
    claim.spec.selector.match_labels["kind"] = "fast"
    assert refusals(using("data"), storage(claim)) == {"a": NONE, "b": NONE}
    fast = a_volume("v", "a")
    fast.metadata.labels["kind"] = "fast"
    assert refusals(using("data"), storage(claim, fast)) == {"a": "", "b": NONE}


@pytest.mark.parametrize(("mode", "refused"), [("ReadWriteOncePod", True), ("ReadWriteOnce", False)])
def test_a_claim_for_one_pod_alone_keeps_the_next_off_every_node(mode: str, refused: bool) -> None:
    claim = a_claim("data", volume="v1")
    claim.spec.access_modes[:] = [mode]
    storage = MemoryStorage({"data": claim}, {"v1": a_volume("v1")}, used=("data",))
    view = claims_view(using("data"), storage)
    assert view.matters is refused
    assert view.refusal("a", {}) == (IN_USE if refused else "")
