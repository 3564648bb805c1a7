"""What belongs to what is deleted, over the real services."""

import pytest

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.meta.v1.object_meta_pb2 import OwnerReference
from statefleet.objects.kinds import CONFIG_MAP, CONTROLLER_REVISION, POD, STATEFUL_SET
from statefleet.objects.meta import controller_of, controller_reference, is_deleting
from statefleet.objects.pods import is_ready
from support.objects import a_config_map, a_pod, a_stateful_set
from support.working_fleet import WorkingFleet


async def delete_set(working: WorkingFleet, policy: str) -> None:
    await working.fleet.delete(STATEFUL_SET, "web", "default", options=DeleteOptions(propagation_policy=policy))


async def a_set(working: WorkingFleet, replicas: int = 3) -> None:
    await working.create(a_stateful_set(replicas=replicas))
    await working.until(lambda: sum(map(is_ready, working.list(POD))) == replicas)


def reference(owner, *, blocks: bool = False) -> OwnerReference:
    found = controller_reference(owner)
    found.controller, found.block_owner_deletion = False, blocks
    return found


def owned_by(name: str, *owners: OwnerReference):
    found = a_config_map(name)
    found.metadata.owner_references.extend(owners)
    return found


@pytest.mark.surface("requests.delete-background")
async def test_in_the_background_the_set_goes_first_and_its_pods_and_revisions_after_it(working):
    await working.with_nodes("a", "b")
    await a_set(working)
    await delete_set(working, "Background")
    await working.until_gone(STATEFUL_SET, "web")
    await working.until(lambda: not working.list(POD) and not working.list(CONTROLLER_REVISION))


@pytest.mark.surface("requests.delete-foreground")
async def test_in_the_foreground_the_set_goes_last(working):
    agent = await working.with_nodes("a", "b")
    await a_set(working)
    agent.cancel()  # Without it pods that are deleted stay.
    await working.until(agent.done)
    await delete_set(working, "Foreground")
    await working.until(lambda: all(is_deleting(pod.metadata) for pod in working.list(POD)))
    await working.calm()
    assert working.get(STATEFUL_SET, "web") is not None
    assert len(working.list(POD)) == 3
    working.agent("a", "b")
    await working.until_gone(STATEFUL_SET, "web")
    assert not working.list(POD)
    await working.until(lambda: not working.list(CONTROLLER_REVISION))


async def test_foreground_asked_for_while_it_goes_in_another_way(working):
    await working.with_nodes("a")
    stateful_set = a_stateful_set(replicas=1)
    stateful_set.metadata.finalizers.append("example.com/hold")
    await working.create(stateful_set)
    await working.until_shown(POD, "web-0", is_ready)
    await delete_set(working, "Background")
    await delete_set(working, "Foreground")
    await working.until_gone(POD, "web-0")
    await working.change(STATEFUL_SET, "web", lambda found: found.metadata.finalizers.remove("example.com/hold"))
    await working.until_gone(STATEFUL_SET, "web")


@pytest.mark.surface("revisions.adoption")
async def test_orphaned_pods_and_revisions_stay_and_a_set_made_anew_adopts_them(working):
    await working.with_nodes("a", "b")
    await a_set(working)
    pods = {pod.metadata.name: pod.metadata.uid for pod in working.list(POD)}
    (revision,) = working.list(CONTROLLER_REVISION)
    await delete_set(working, "Orphan")
    await working.until_gone(STATEFUL_SET, "web")
    await working.calm()
    assert {pod.metadata.name: pod.metadata.uid for pod in working.list(POD)} == pods
    assert all(controller_of(pod.metadata) is None for pod in working.list(POD))
    assert [each.metadata.uid for each in working.list(CONTROLLER_REVISION)] == [revision.metadata.uid]
    again = await working.create(a_stateful_set())

    def are_adopted() -> bool:
        owners = [controller_of(each.metadata) for each in (*working.list(POD), *working.list(CONTROLLER_REVISION))]
        return all(owner is not None and owner.uid == again.metadata.uid for owner in owners)

    await working.until(are_adopted)
    assert {pod.metadata.name: pod.metadata.uid for pod in working.list(POD)} == pods
    assert len(working.list(CONTROLLER_REVISION)) == 1


async def test_what_names_an_owner_that_never_was_goes(working):
    owner = a_config_map("never")
    owner.metadata.uid = "made-up"
    await working.create(owned_by("stray", reference(owner)))
    await working.until_shown(CONFIG_MAP, "stray")
    await working.until_gone(CONFIG_MAP, "stray")


async def test_an_owner_of_the_same_name_is_not_the_same(working):
    first = await working.create(a_config_map("owner"))
    await working.create(owned_by("mine", reference(first)))
    await working.until_shown(CONFIG_MAP, "mine")
    await working.fleet.delete(CONFIG_MAP, "owner", "default")
    await working.create(a_config_map("owner"))
    await working.until_gone(CONFIG_MAP, "mine")
    assert await working.fleet.get(CONFIG_MAP, "owner", "default")


async def test_of_several_owners_those_that_go_are_dropped_and_the_last_takes_it_along(working):
    one, two = [await working.create(a_config_map(name)) for name in ("one", "two")]
    await working.create(owned_by("shared", reference(one), reference(two)))
    await working.until_shown(CONFIG_MAP, "shared")
    await working.fleet.delete(CONFIG_MAP, "one", "default")
    shared = await working.until_shown(CONFIG_MAP, "shared", lambda found: len(found.metadata.owner_references) == 1)
    assert shared.metadata.owner_references[0].name == "two"
    await working.fleet.delete(CONFIG_MAP, "two", "default")
    await working.until_gone(CONFIG_MAP, "shared")


async def test_owners_of_kinds_not_served_here_and_in_no_namespace_are_left_alone(working):
    deployment = OwnerReference(kind="Deployment", api_version="apps/v1", name="d", uid="d")
    await working.create(owned_by("foreign", deployment))
    await working.until_shown(CONFIG_MAP, "foreign")
    await working.calm()
    assert working.get(CONFIG_MAP, "foreign") is not None


@pytest.mark.surface("requests.delete-foreground")
@pytest.mark.parametrize("blocks", [True, False])
async def test_only_dependents_that_block_hold_the_owner_in_the_foreground(working, blocks):
    owner = await working.create(a_config_map("owner"))
    held = owned_by("held", reference(owner, blocks=blocks))
    held.metadata.finalizers.append("example.com/hold")
    await working.create(held)
    await working.until_shown(CONFIG_MAP, "held")
    options = DeleteOptions(propagation_policy="Foreground")
    await working.fleet.delete(CONFIG_MAP, "owner", "default", options=options)
    await working.until_shown(CONFIG_MAP, "held", lambda found: is_deleting(found.metadata))
    await working.calm()
    assert (working.get(CONFIG_MAP, "owner") is not None) is blocks
    await working.change(CONFIG_MAP, "held", lambda found: found.metadata.ClearField("finalizers"))
    await working.until_gone(CONFIG_MAP, "owner")
    await working.until_gone(CONFIG_MAP, "held")


async def test_a_dependent_that_lets_go_of_its_owner_sets_it_free(working):
    owner = await working.create(a_config_map("owner"))
    other = await working.create(a_config_map("other"))
    held = owned_by("held", reference(owner, blocks=True), reference(other))
    held.metadata.finalizers.append("example.com/hold")
    await working.create(held)
    await working.until_shown(CONFIG_MAP, "held")
    options = DeleteOptions(propagation_policy="Foreground")
    await working.fleet.delete(CONFIG_MAP, "owner", "default", options=options)
    await working.until_gone(CONFIG_MAP, "owner")
    kept = working.get(CONFIG_MAP, "held")
    assert [each.name for each in kept.metadata.owner_references] == ["other"]
    assert not is_deleting(kept.metadata)


async def test_grandchildren_go_before_children_in_the_foreground(working):
    top = await working.create(a_config_map("top"))
    middle = await working.create(owned_by("middle", reference(top, blocks=True)))
    bottom = owned_by("bottom", reference(middle, blocks=True))
    bottom.metadata.finalizers.append("example.com/hold")
    await working.create(bottom)
    await working.until_shown(CONFIG_MAP, "bottom")
    options = DeleteOptions(propagation_policy="Foreground")
    await working.fleet.delete(CONFIG_MAP, "top", "default", options=options)
    await working.until_shown(CONFIG_MAP, "bottom", lambda found: is_deleting(found.metadata))
    await working.calm()
    assert working.get(CONFIG_MAP, "top")
    assert working.get(CONFIG_MAP, "middle")
    await working.change(CONFIG_MAP, "bottom", lambda found: found.metadata.ClearField("finalizers"))
    await working.until(lambda: not [m for m in working.list(CONFIG_MAP) if m.metadata.name != "settings"])


async def test_a_pod_alone_is_nobody_s_garbage(working):
    await working.with_nodes("a")
    await working.create(a_pod("alone"))
    await working.until_shown(POD, "alone", is_ready)
    await working.calm()
    assert working.get(POD, "alone")
