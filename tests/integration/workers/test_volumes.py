"""Claims get volumes and volumes outlive claims or not, over the real services."""

import pytest

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.kinds import NODE, PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD
from statefleet.objects.meta import is_deleting
from statefleet.objects.pods import condition
from support.objects import a_pod, meta
from support.working_fleet import WorkingFleet

CLAIM, VOLUME = PERSISTENT_VOLUME_CLAIM, PERSISTENT_VOLUME


def a_claim(
    name: str = "data", *, of: str | None = None, size: str = "1Gi", volume: str = ""
) -> PersistentVolumeClaim:
    claim = PersistentVolumeClaim(metadata=meta(name))
    claim.spec.access_modes.append("ReadWriteOnce")
    claim.spec.resources.requests["storage"].string = size
    if of is not None:
        claim.spec.storage_class_name = of
    if volume:
        claim.spec.volume_name = volume
    return claim


def a_volume(
    name: str, node: str = "", *, of: str = "", size: str = "1Gi", claim: str = "", policy: str = "Retain"
) -> PersistentVolume:
    volume = PersistentVolume()
    volume.metadata.name = name
    volume.spec.access_modes.append("ReadWriteOnce")
    volume.spec.capacity["storage"].string = size
    volume.spec.storage_class_name = of
    volume.spec.persistent_volume_reclaim_policy = policy
    if node:
        volume.spec.persistent_volume_source.local.path = "/disk"
        term = volume.spec.node_affinity.required.node_selector_terms.add()
        term.match_expressions.add(key="kubernetes.io/hostname", operator="In", values=[node])
    else:
        volume.spec.persistent_volume_source.host_path.path = "/disk"
    if claim:
        volume.spec.claim_ref.namespace, volume.spec.claim_ref.name = "default", claim
    return volume


def a_class(name: str, mode: str = "Immediate", *, provisioner: str = "statefleet.io/local", policy: str = "Delete"):
    found = StorageClass(provisioner=provisioner, volume_binding_mode=mode, reclaim_policy=policy)
    found.metadata.name = name
    return found


def using(name: str, *claims: str) -> Pod:
    pod = a_pod(name)
    for claim in claims:
        pod.spec.volumes.add(name=claim).volume_source.persistent_volume_claim.claim_name = claim
    return pod


def why(pod: Pod) -> str:
    """Why the pod has no node."""
    found = condition(pod, "PodScheduled")
    return found.message if found is not None else ""


def is_bound(thing: PersistentVolumeClaim | PersistentVolume) -> bool:
    return thing.status.phase == "Bound"


async def a_volume_of_a_claim(working: WorkingFleet, **options: str) -> PersistentVolume:
    """Have a volume made for a claim named data."""
    await working.create(a_class("now", **options))
    await working.create(a_claim(of="now"))
    claim = await working.until_shown(CLAIM, "data", is_bound)
    return await working.until_shown(VOLUME, claim.spec.volume_name, is_bound)


async def test_a_claim_of_an_immediate_class_gets_a_volume_at_once(working):
    volume = await a_volume_of_a_claim(working)
    claim = await working.until_shown(CLAIM, "data", is_bound)
    assert claim.spec.volume_name == volume.metadata.name == f"pvc-{claim.metadata.uid}"
    assert claim.status.capacity["storage"].string == "1Gi"
    assert list(claim.status.access_modes) == ["ReadWriteOnce"]
    assert claim.metadata.annotations["pv.kubernetes.io/bind-completed"] == "yes"
    assert volume.spec.claim_ref.uid == claim.metadata.uid
    assert await working.events("data", "ProvisioningSucceeded")


async def test_a_claim_without_a_class_gets_the_default_one_and_waits_for_its_consumer(working):
    await working.with_nodes("node")
    claim = await working.create(a_claim())
    assert claim.spec.storage_class_name == "local"
    await working.until_shown(CLAIM, "data")
    await working.calm()
    assert working.get(CLAIM, "data").status.phase == "Pending"
    assert await working.events("data", "WaitForFirstConsumer")
    await working.create(using("web", "data"))
    pod = await working.until_shown(POD, "web", lambda pod: pod.status.phase == "Running")
    claim = await working.until_shown(CLAIM, "data", is_bound)
    (term,) = working.get(VOLUME, claim.spec.volume_name).spec.node_affinity.required.node_selector_terms
    assert list(term.match_expressions[0].values) == [pod.spec.node_name]


async def test_a_pod_comes_back_to_the_node_of_its_volume(working):
    await working.with_nodes("a", "b")
    await working.create(a_claim())
    await working.create(using("web", "data"))
    node = (await working.until_shown(POD, "web", lambda pod: pod.spec.node_name)).spec.node_name
    await working.fleet.cordon(node)
    await working.fleet.delete(POD, "web", "default")
    await working.until_gone(POD, "web")
    await working.create(using("web", "data"))
    pod = await working.until_shown(POD, "web", why)
    assert why(pod) == (
        "0/2 nodes are available: 1 node(s) had volume node affinity conflict, 1 node(s) were unschedulable."
    )
    await working.fleet.cordon(node, unschedulable=False)
    await working.until_shown(POD, "web", lambda pod: pod.spec.node_name == node)


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ([], '0/1 nodes are available: persistentvolumeclaim "data" not found.'),
        ([a_claim(of="none")], "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
    ],
)
async def test_a_pod_waits_for_its_claim(working, claims, problem):
    await working.with_nodes("node")
    for claim in claims:
        await working.create(claim)
    await working.create(using("web", "data"))
    pod = await working.until_shown(POD, "web", why)
    assert why(pod) == problem
    if claims:
        await working.create(a_class("none"))
    else:
        await working.create(a_claim())
    await working.until_shown(POD, "web", lambda pod: pod.status.phase == "Running")


async def test_a_claim_for_one_pod_alone_is_had_by_one_at_a_time(working):
    await working.with_nodes("a", "b")
    claim = a_claim()
    claim.spec.access_modes[:] = ["ReadWriteOncePod"]
    await working.create(claim)
    await working.create(using("first", "data"))
    await working.until_shown(POD, "first", lambda pod: pod.status.phase == "Running")
    await working.create(using("second", "data"))
    pod = await working.until_shown(POD, "second", why)
    assert why(pod) == (
        "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and"
        " ReadWriteOncePod access mode."
    )
    assert not await working.events("first", "FailedScheduling")
    await working.fleet.delete(POD, "first", "default")
    await working.until_shown(POD, "second", lambda pod: pod.status.phase == "Running")


async def test_of_pods_that_wait_for_a_node_one_gets_the_claim_for_one_alone(working):
    claim = a_claim()
    claim.spec.access_modes[:] = ["ReadWriteOncePod"]
    await working.create(claim)
    for name in ("first", "second"):
        await working.create(using(name, "data"))
        await working.until_shown(POD, name, why)
    await working.with_nodes("node")
    await working.until(lambda: any(pod.status.phase == "Running" for pod in working.list(POD)))
    await working.calm()
    assert sorted(pod.status.phase for pod in working.list(POD)) == ["Pending", "Running"]


async def test_a_claim_is_bound_to_the_smallest_volume_that_will_do(working):
    for name, size in (("tiny", "1Mi"), ("big", "9Gi"), ("fit", "2Gi")):
        await working.create(a_volume(name, size=size))
        await working.until_shown(VOLUME, name, lambda volume: volume.status.phase == "Available")
    await working.create(a_claim(of=""))
    claim = await working.until_shown(CLAIM, "data", is_bound)
    assert claim.spec.volume_name == "fit"
    assert claim.status.capacity["storage"].string == "2Gi"
    await working.until_shown(VOLUME, "fit", is_bound)
    assert working.get(VOLUME, "big").status.phase == "Available"


async def test_a_claim_waits_until_a_volume_for_it_is_made_by_hand(working):
    await working.create(a_claim(of=""))
    await working.until_shown(CLAIM, "data")
    await working.create(a_volume("v"))
    await working.until_shown(CLAIM, "data", is_bound)


async def test_a_volume_may_be_kept_for_a_claim_by_its_name(working):
    await working.create(a_volume("fit", size="1Gi"))
    await working.create(a_volume("kept", size="5Gi", claim="data"))
    await working.until_shown(VOLUME, "kept", lambda volume: volume.status.phase == "Available")
    await working.create(a_claim("other", of="", size="4Gi"))
    await working.calm()
    assert not is_bound(working.get(CLAIM, "other"))
    claim = await working.create(a_claim(of=""))
    await working.until_shown(CLAIM, "data", lambda claim: is_bound(claim) and claim.spec.volume_name == "kept")
    volume = await working.until_shown(VOLUME, "kept", is_bound)
    assert volume.spec.claim_ref.uid == claim.metadata.uid


async def test_a_claim_may_name_its_volume(working):
    await working.create(a_volume("fit", size="1Gi"))
    await working.create(a_volume("named", size="5Gi"))
    await working.create(a_claim(of="", volume="named"))
    claim = await working.until_shown(CLAIM, "data", is_bound)
    assert claim.spec.volume_name == "named"
    assert "pv.kubernetes.io/bound-by-controller" not in claim.metadata.annotations
    volume = await working.until_shown(VOLUME, "named", is_bound)
    assert volume.spec.claim_ref.uid == claim.metadata.uid


async def test_a_claim_that_names_another_s_volume_waits(working):
    await working.create(a_volume("v", claim="other"))
    await working.until_shown(VOLUME, "v")
    await working.create(a_claim(of="", volume="v"))
    await working.until_shown(CLAIM, "data")
    await working.calm()
    assert working.get(CLAIM, "data").status.phase == "Pending"
    assert await working.events("data", "FailedBinding")


async def test_volumes_made_by_hand_are_bound_where_the_consumer_can_be(working):
    await working.with_nodes("a", "b")
    await working.create(a_class("disks", "WaitForFirstConsumer", provisioner="kubernetes.io/no-provisioner"))
    await working.create(a_volume("on-b", "b", of="disks"))
    await working.until_shown(VOLUME, "on-b", lambda volume: volume.status.phase == "Available")
    await working.create(a_claim(of="disks"))
    await working.until_shown(CLAIM, "data")
    await working.calm()
    assert not is_bound(working.get(CLAIM, "data"))
    await working.create(using("web", "data"))
    assert (await working.until_shown(POD, "web", lambda pod: pod.spec.node_name)).spec.node_name == "b"
    assert working.get(CLAIM, "data").spec.volume_name == "on-b"


async def test_a_claim_whose_chosen_node_has_gone_gets_another(working):
    await working.with_nodes("a")
    claim = a_claim(of="local")
    claim.metadata.annotations["volume.kubernetes.io/selected-node"] = "gone"
    await working.create(claim)
    await working.create(using("web", "data"))
    await working.until_shown(POD, "web", lambda pod: pod.spec.node_name == "a")


async def test_a_volume_is_where_the_node_s_host_name_says(working):
    await working.with_nodes("a")
    await working.change(NODE, "a", lambda node: node.metadata.labels.update({"kubernetes.io/hostname": "host-a"}))
    await working.until_shown(NODE, "a", lambda node: node.metadata.labels["kubernetes.io/hostname"] == "host-a")
    await working.create(a_claim())
    await working.create(using("web", "data"))
    await working.until_shown(POD, "web", lambda pod: pod.spec.node_name == "a")


async def test_a_claim_in_use_is_kept_until_its_pod_has_gone(working):
    await working.with_nodes("node")
    await working.create(a_claim())
    await working.create(using("web", "data"))
    await working.until_shown(POD, "web", lambda pod: pod.status.phase == "Running")
    claim = await working.until_shown(CLAIM, "data", is_bound)
    await working.fleet.delete(CLAIM, "data", "default")
    await working.until_shown(CLAIM, "data", lambda claim: is_deleting(claim.metadata))
    await working.calm()
    assert await working.is_stored(claim)
    await working.fleet.delete(POD, "web", "default")
    await working.until_gone(CLAIM, "data")
    await working.until_gone(VOLUME, claim.spec.volume_name)


async def test_a_claim_is_not_kept_by_pods_that_have_ended_or_have_no_node(working):
    await working.create(a_class("now"))
    await working.create(a_claim(of="now"))
    await working.until_shown(CLAIM, "data", is_bound)
    await working.create(using("pending", "data"))
    ended = await working.create(using("ended", "data"))
    ended.status.phase = "Failed"
    await working.fleet.update_status(ended)
    await working.fleet.delete(CLAIM, "data", "default")
    await working.until_gone(CLAIM, "data")


async def test_a_volume_made_for_a_claim_goes_with_it(working):
    volume = await a_volume_of_a_claim(working)
    await working.fleet.delete(CLAIM, "data", "default")
    await working.until_gone(CLAIM, "data")
    await working.until_gone(VOLUME, volume.metadata.name)


async def test_a_volume_to_be_retained_is_released_and_nobody_gets_it(working):
    volume = await a_volume_of_a_claim(working, policy="Retain")
    await working.fleet.delete(CLAIM, "data", "default")
    name = volume.metadata.name
    await working.until_shown(VOLUME, name, lambda volume: volume.status.phase == "Released")
    await working.create(a_claim(of="now"))
    again = await working.until_shown(CLAIM, "data", is_bound)
    assert again.spec.volume_name != name
    assert working.get(VOLUME, name).status.phase == "Released"
    await working.change(VOLUME, name, lambda volume: volume.spec.ClearField("claim_ref"))
    await working.until_shown(VOLUME, name, lambda volume: volume.status.phase == "Available")


async def test_a_volume_made_by_hand_is_released_whatever_its_policy(working):
    await working.create(a_volume("v", policy="Delete"))
    await working.create(a_claim(of=""))
    await working.until_shown(CLAIM, "data", is_bound)
    await working.fleet.delete(CLAIM, "data", "default")
    await working.until_shown(VOLUME, "v", lambda volume: volume.status.phase == "Released")


async def test_a_volume_is_protected_while_a_claim_has_it(working):
    volume = await a_volume_of_a_claim(working)
    await working.fleet.delete(VOLUME, volume.metadata.name)
    await working.until_shown(VOLUME, volume.metadata.name, lambda volume: is_deleting(volume.metadata))
    await working.calm()
    assert await working.is_stored(volume)
    await working.fleet.delete(CLAIM, "data", "default")
    await working.until_gone(VOLUME, volume.metadata.name)


async def test_a_volume_that_nobody_has_is_deleted_at_once(working):
    await working.create(a_volume("v"))
    await working.until_shown(VOLUME, "v")
    await working.fleet.delete(VOLUME, "v")
    await working.until_gone(VOLUME, "v")


async def test_a_claim_that_loses_its_volume_is_lost(working):
    volume = await a_volume_of_a_claim(working)
    stripped = await working.change(VOLUME, volume.metadata.name, lambda v: v.metadata.ClearField("finalizers"))
    await working.fleet.delete(VOLUME, stripped.metadata.name)
    lost = await working.until_shown(CLAIM, "data", lambda claim: claim.status.phase == "Lost")
    assert not lost.status.capacity
    assert await working.events("data", "ClaimLost")
