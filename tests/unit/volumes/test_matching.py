"""Which volume a claim can have, and which is made for it."""

import pytest

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.meta import DEFAULT_CLASS_ANNOTATION
from statefleet.volumes.matching import (
    can_have,
    default_class,
    free_volumes,
    is_for,
    kept_for,
    kept_volume,
    new_volume,
)
from statefleet.volumes.status import bound, is_given_up, lost, phase


def a_claim(size: str = "1Gi", *modes: str, of: str = "fast") -> PersistentVolumeClaim:
    claim = PersistentVolumeClaim()
    claim.metadata.name, claim.metadata.namespace, claim.metadata.uid = "data", "default", "uid-data"
    claim.spec.storage_class_name = of
    claim.spec.access_modes.extend(modes or ("ReadWriteOnce",))
    claim.spec.resources.requests["storage"].string = size
    return claim


def a_volume(name: str = "v", size: str = "1Gi", *modes: str, of: str = "fast", claim: str = "") -> PersistentVolume:
    """A volume; `claim` is the name or name/uid of the claim that it is kept for."""
    volume = PersistentVolume()
    volume.metadata.name = name
    volume.spec.storage_class_name = of
    volume.spec.access_modes.extend(modes or ("ReadWriteOnce",))
    volume.spec.capacity["storage"].string = size
    volume.status.phase = "Available"
    if claim:
        volume.spec.claim_ref.namespace = "default"
        volume.spec.claim_ref.name, _, volume.spec.claim_ref.uid = claim.partition("/")
    return volume


def changed(message, change):
    change(message)
    return message


@pytest.mark.parametrize(
    ("volume", "claim", "fits"),
    [
        (a_volume(), a_claim(), True),
        (a_volume(size="2Gi"), a_claim("1Gi"), True),
        (a_volume(size="1Gi"), a_claim("1.1Gi"), False),
        (a_volume(of="slow"), a_claim(), False),
        (a_volume(of=""), a_claim(of=""), True),
        (a_volume("v", "1Gi", "ReadWriteOnce", "ReadOnlyMany"), a_claim("1Gi", "ReadOnlyMany"), True),
        (a_volume(), a_claim("1Gi", "ReadWriteMany"), False),
        (a_volume(claim="other"), a_claim(), False),
        (a_volume(claim="data"), a_claim(), False),
        (changed(a_volume(), lambda v: setattr(v.status, "phase", "Released")), a_claim(), False),
        (changed(a_volume(), lambda v: setattr(v.spec, "volume_mode", "Block")), a_claim(), False),
        (changed(a_volume(), lambda v: setattr(v.metadata.deletion_timestamp, "seconds", 1)), a_claim(), False),
    ],
)
def test_what_a_claim_can_have_of_the_volumes_nobody_has(volume, claim, fits):
    assert free_volumes([volume], claim) == ([volume] if fits else [])


def test_the_smallest_comes_first_then_the_first_by_name():
    volumes = [a_volume("big", "9Gi"), a_volume("b", "2Gi"), a_volume("a", "2Gi"), a_volume("small", "1Mi")]
    assert [volume.metadata.name for volume in free_volumes(volumes, a_claim())] == ["a", "b", "big"]


def test_a_claim_may_select_volumes_by_their_labels():
    claim, volume = a_claim(), a_volume()
    claim.spec.selector.match_labels["kind"] = "ssd"
    assert not free_volumes([volume], claim)
    volume.metadata.labels["kind"] = "ssd"
    assert free_volumes([volume], claim)


@pytest.mark.parametrize(
    ("volume", "kept"),
    [
        (a_volume(claim="data"), True),
        (a_volume(claim="data/uid-data"), True),
        (a_volume(claim="data/uid-of-an-earlier-one"), False),
        (a_volume(claim="other"), False),
        (a_volume(), False),
        (a_volume(size="1Mi", claim="data"), False),
        (a_volume(claim="data", of="slow"), True),
    ],
)
def test_a_volume_may_be_kept_for_a_claim(volume, kept):
    assert kept_volume([volume], a_claim()) == (volume if kept else None)


@pytest.mark.parametrize(
    ("volume", "can"),
    [
        (a_volume(), True),
        (a_volume(claim="data"), True),
        (a_volume(claim="other"), False),
        (a_volume(of="slow"), False),
        (a_volume(size="1Mi"), False),
    ],
)
def test_a_claim_may_name_its_volume(volume, can):
    assert can_have(volume, a_claim()) is can


def test_keeping_a_volume_for_a_claim_leaves_the_volume_that_was_shown_alone():
    volume = a_volume()
    kept = kept_for(volume, a_claim())
    assert is_for(kept, a_claim())
    assert not volume.spec.HasField("claim_ref")


def a_class(name: str, created: int = 0, *, default: bool = True) -> StorageClass:
    found = StorageClass(provisioner="statefleet.io/local", reclaim_policy="Retain", mount_options=["ro"])
    found.metadata.name = name
    found.metadata.creation_timestamp.seconds = created
    found.metadata.annotations[DEFAULT_CLASS_ANNOTATION] = "true" if default else "false"
    return found


def test_the_default_class_is_the_newest_of_those_marked():
    assert default_class([]) is None
    assert default_class([a_class("a", default=False)]) is None
    newest, first = a_class("b", 2), a_class("a", 1)
    assert default_class([first, newest, a_class("c", 3, default=False)]) == newest
    assert default_class([a_class("b", 1), first]) == first


def test_a_new_volume_is_as_the_claim_asks_and_on_its_node():
    volume = new_volume(a_claim("3Gi"), a_class("local"), "host-1")
    assert volume.metadata.name == "pvc-uid-data"
    assert volume.spec.capacity["storage"].string == "3Gi"
    assert (volume.spec.storage_class_name, volume.spec.persistent_volume_reclaim_policy) == ("local", "Retain")
    assert list(volume.spec.mount_options) == ["ro"]
    assert is_for(volume, a_claim())
    (term,) = volume.spec.node_affinity.required.node_selector_terms
    assert list(term.match_expressions[0].values) == ["host-1"]
    anywhere = new_volume(a_claim(), a_class("local"), "")
    assert not anywhere.spec.HasField("node_affinity")


@pytest.mark.parametrize(
    ("claim", "exists", "wanted"),
    [
        ("", False, "Available"),
        ("data", False, "Available"),
        ("data/uid", True, "Bound"),
        ("data/uid", False, "Released"),
    ],
)
def test_a_volume_s_phase(claim, exists, wanted):
    assert phase(a_volume(claim=claim), claim_exists=exists) == wanted


def test_only_volumes_made_here_are_given_up_and_only_where_that_is_asked_for():
    made = new_volume(a_claim(), a_class("local"), "")
    assert not is_given_up(made)
    made.spec.persistent_volume_reclaim_policy = "Delete"
    assert is_given_up(made)
    by_hand = a_volume()
    by_hand.spec.persistent_volume_reclaim_policy = "Delete"
    assert not is_given_up(by_hand)


def test_a_claim_s_status_tells_of_its_volume():
    claim = bound(a_claim("1Gi"), a_volume("v", "2Gi", "ReadWriteOnce", "ReadOnlyMany"))
    assert claim.status.phase == "Bound"
    assert claim.status.capacity["storage"].string == "2Gi"
    assert list(claim.status.access_modes) == ["ReadWriteOnce", "ReadOnlyMany"]
    gone = lost(claim)
    assert (gone.status.phase, len(gone.status.capacity), len(gone.status.access_modes)) == ("Lost", 0, 0)
