"""Deleting: at once, or marked until grace and finalizers are over."""

from __future__ import annotations

import pytest

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions, Preconditions
from statefleet.errors import Conflict, Invalid, NotFound
from statefleet.objects.kinds import CONFIG_MAP, STATEFUL_SET
from support.objects import a_config_map, a_stateful_set
from support.opened_services import Services


async def test_an_object_that_nothing_holds_is_gone_at_once(services: Services) -> None:
    stored = (await services.fleet.create(a_config_map("x"))).object
    answer = await services.fleet.delete(CONFIG_MAP, "x", "default")
    assert answer.deleted
    assert answer.object.config_map.metadata.uid == stored.metadata.uid
    assert int(answer.resource_version) == int(stored.metadata.resource_version) + 1
    with pytest.raises(NotFound, match='configmaps "x" not found'):
        await services.fleet.get(CONFIG_MAP, "x", "default")


async def test_what_does_not_exist_is_not_found(services: Services) -> None:
    with pytest.raises(NotFound) as caught:
        await services.fleet.delete(STATEFUL_SET, "nope", "default")
    assert caught.value.message == 'statefulsets.apps "nope" not found'


async def test_a_finalizer_holds_the_object_until_it_is_taken_off(services: Services) -> None:
    held = a_config_map("x")
    held.metadata.finalizers.append("example.com/hold")
    await services.fleet.create(held)
    answer = await services.fleet.delete(CONFIG_MAP, "x", "default")
    marked = answer.object.config_map
    assert not answer.deleted
    assert marked.metadata.deletion_timestamp.seconds == int(services.clock.now())
    assert marked.metadata.deletion_grace_period_seconds == 0
    again = await services.fleet.delete(CONFIG_MAP, "x", "default")
    assert not again.deleted
    assert again.object.config_map == marked
    del marked.metadata.finalizers[:]
    await services.fleet.update(marked)
    with pytest.raises(NotFound):
        await services.fleet.get(CONFIG_MAP, "x", "default")


async def test_no_finalizer_is_added_to_what_is_going(services: Services) -> None:
    held = a_config_map("x")
    held.metadata.finalizers.append("example.com/hold")
    await services.fleet.create(held)
    marked = (await services.fleet.delete(CONFIG_MAP, "x", "default")).object.config_map
    marked.metadata.finalizers.append("example.com/more")
    with pytest.raises(Invalid, match="no new finalizers can be added if the object is being deleted"):
        await services.fleet.update(marked)


@pytest.mark.parametrize(
    ("policy", "finalizers"), [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"]), ("Background", [])]
)
async def test_the_policy_says_by_a_finalizer_what_becomes_of_dependents(
    services: Services, policy: str, finalizers: list[str]
) -> None:
    await services.fleet.create(a_stateful_set())
    options = DeleteOptions(propagation_policy=policy)
    answer = await services.fleet.delete(STATEFUL_SET, "web", "default", options=options)
    assert answer.deleted == (not finalizers)
    assert list(answer.object.stateful_set.metadata.finalizers) == finalizers


async def test_a_later_policy_replaces_an_earlier_one(services: Services) -> None:
    await services.fleet.create(a_stateful_set())
    for policy, finalizers in (("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])):
        options = DeleteOptions(propagation_policy=policy)
        answer = await services.fleet.delete(STATEFUL_SET, "web", "default", options=options)
        assert list(answer.object.stateful_set.metadata.finalizers) == finalizers
    background = DeleteOptions(propagation_policy="Background")
    assert (await services.fleet.delete(STATEFUL_SET, "web", "default", options=background)).deleted


async def test_the_deprecated_way_to_orphan(services: Services) -> None:
    await services.fleet.create(a_stateful_set())
    answer = await services.fleet.delete(
        STATEFUL_SET, "web", "default", options=DeleteOptions(orphan_dependents=True)
    )
    assert list(answer.object.stateful_set.metadata.finalizers) == ["orphan"]
    both = DeleteOptions(orphan_dependents=True, propagation_policy="Orphan")
    with pytest.raises(Invalid, match="orphanDependents and deletionPropagation cannot be both set"):
        await services.fleet.delete(STATEFUL_SET, "web", "default", options=both)


async def test_an_unknown_policy_is_refused(services: Services) -> None:
    await services.fleet.create(a_stateful_set())
    with pytest.raises(Invalid, match='propagationPolicy: Unsupported value: "Sideways"'):
        await services.fleet.delete(
            STATEFUL_SET, "web", "default", options=DeleteOptions(propagation_policy="Sideways")
        )


async def test_the_mark_raises_the_generation(services: Services) -> None:
    await services.fleet.create(a_stateful_set())
    options = DeleteOptions(propagation_policy="Foreground")
    marked = await services.fleet.delete(STATEFUL_SET, "web", "default", options=options)
    assert marked.object.stateful_set.metadata.generation == 2


async def test_preconditions(services: Services) -> None:
    stored = (await services.fleet.create(a_config_map("x"))).object
    for wanted, text in (
        (Preconditions(uid="other"), "the UID in the precondition (other) does not match the UID in record"),
        (Preconditions(resource_version="1"), "the ResourceVersion in the precondition (1) does not match"),
    ):
        with pytest.raises(Conflict) as caught:
            await services.fleet.delete(CONFIG_MAP, "x", "default", options=DeleteOptions(preconditions=wanted))
        assert text in caught.value.message
    met = Preconditions(uid=stored.metadata.uid, resource_version=stored.metadata.resource_version)
    answer = await services.fleet.delete(CONFIG_MAP, "x", "default", options=DeleteOptions(preconditions=met))
    assert answer.deleted


async def test_a_dry_run_deletes_nothing(services: Services) -> None:
    await services.fleet.create(a_config_map("x"))
    answer = await services.fleet.delete(CONFIG_MAP, "x", "default", options=DeleteOptions(dry_run=["All"]))
    assert answer.deleted
    assert (await services.fleet.get(CONFIG_MAP, "x", "default")).metadata.name == "x"
