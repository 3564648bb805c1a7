"""Recording: which revision a template is, under which number and name, and the way back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.errors import AlreadyExists, BadRequest, Fenced, Invalid, MethodNotAllowed, NotFound
from statefleet.objects.authors import TEMPLATE, author_of
from statefleet.objects.kinds import CONTROLLER_REVISION, DAEMON_SET, REVISIONS, STATEFUL_SET
from statefleet.revisions.data import revision_data, revision_hash
from support.objects import a_config_map, a_daemon_set, a_stateful_set, meta
from support.opened_services import Services

CHANGE_CAUSE = "kubernetes.io/change-cause"


async def stored_set(services: Services, image: str = "nginx:1", **annotations: str) -> StatefulSet:
    wanted = a_stateful_set(image=image)
    wanted.metadata.annotations.update({key.replace("_", "-"): value for key, value in annotations.items()})
    return (await services.fleet.create(wanted)).object


def with_image(stateful_set: StatefulSet, image: str) -> StatefulSet:
    changed = StatefulSet()
    changed.CopyFrom(stateful_set)
    changed.spec.template.spec.containers[0].image = image
    return changed


async def record(services: Services, owner: StatefulSet | DaemonSet) -> ControllerRevision:
    return (await services.fleet.record_revision(owner)).revision


async def numbers(services: Services, owner: StatefulSet) -> dict[str, int]:
    """The number of each revision of a set, by its image."""
    found = await services.fleet.list_revisions(STATEFUL_SET, "web", "default", uid=owner.metadata.uid)
    return {image_of(revision): revision.revision for revision in found}


def image_of(revision: ControllerRevision) -> str:
    return revision.data.raw.decode().split('"image":"')[1].split('"')[0]


@pytest.mark.surface("revisions.name", "revisions.labels-and-annotations")
async def test_the_first_record_makes_revision_one(services: Services) -> None:
    owner = await stored_set(services, note="hello")
    revision = await record(services, owner)
    data = revision_data(owner.spec.template)
    fingerprint = revision_hash(data, 0)
    assert revision.revision == 1
    assert revision.data.raw == data
    assert revision.metadata.name == f"web-{fingerprint}"
    assert dict(revision.metadata.labels) == {"app": "web", "controller.kubernetes.io/hash": fingerprint}
    assert revision.metadata.annotations["note"] == "hello"
    (reference,) = revision.metadata.owner_references
    assert (reference.kind, reference.name, reference.uid) == ("StatefulSet", "web", owner.metadata.uid)
    assert reference.controller
    assert reference.block_owner_deletion
    assert await services.fleet.get(CONTROLLER_REVISION, revision.metadata.name, "default") == revision


@pytest.mark.surface("D3.hash")
async def test_a_daemon_sets_revision_has_the_hash_under_another_label(services: Services) -> None:
    owner = (await services.fleet.create(a_daemon_set())).object
    labels = (await record(services, owner)).metadata.labels
    assert labels["controller-revision-hash"] == revision_hash(revision_data(owner.spec.template), 0)
    assert "controller.kubernetes.io/hash" not in labels


@pytest.mark.surface("revisions.template-only")
async def test_the_same_again_writes_nothing(services: Services) -> None:
    owner = await stored_set(services)
    first = await record(services, owner)
    version = services.revisions.replica.state.version
    assert await record(services, owner) == first
    assert services.revisions.replica.state.version == version


@pytest.mark.surface("revisions.same-object-again")
async def test_an_earlier_template_gets_the_next_number(services: Services) -> None:
    owner = await stored_set(services)
    for image in ("nginx:1", "nginx:2", "nginx:3"):
        await record(services, with_image(owner, image))
    assert await numbers(services, owner) == {"nginx:1": 1, "nginx:2": 2, "nginx:3": 3}
    again = await record(services, with_image(owner, "nginx:2"))
    assert again.revision == 4
    assert await numbers(services, owner) == {"nginx:1": 1, "nginx:3": 3, "nginx:2": 4}


@pytest.mark.surface("traps.no-spurious-rollout")
async def test_a_template_that_means_the_same_is_not_recorded_anew(services: Services) -> None:
    owner = await stored_set(services)
    sparse = ControllerRevision(metadata=meta("web-old", app="web"), revision=7)
    sparse.metadata.owner_references.add(
        api_version="apps/v1", kind="StatefulSet", name="web", uid=owner.metadata.uid, controller=True
    )
    sparse.data.raw = (
        b'{"spec":{"template":{"metadata":{"creationTimestamp":null,"labels":{"app":"web"}},'
        b'"spec":{"containers":[{"image":"nginx:1","name":"main"}]},"$patch":"replace"}}}'
    )
    old = (await services.fleet.create(sparse)).object
    assert await record(services, owner) == old
    undefaulted = a_stateful_set()
    undefaulted.metadata.uid = owner.metadata.uid
    assert await record(services, undefaulted) == old


@pytest.mark.surface("S5.not-recorded", "revisions.template-only")
async def test_what_is_not_of_the_template_makes_no_revision(services: Services) -> None:
    owner = await stored_set(services)
    first = await record(services, owner)
    owner.spec.replicas = 9
    owner.spec.update_strategy.type = "OnDelete"
    owner.spec.volume_claim_templates.add().metadata.name = "data"
    assert await record(services, owner) == first


@pytest.mark.surface("revisions.change-cause")
async def test_the_change_cause_is_taken_over(services: Services) -> None:
    owner = await stored_set(services)
    await record(services, owner)
    owner.metadata.annotations[CHANGE_CAUSE] = "because"
    assert (await record(services, owner)).metadata.annotations[CHANGE_CAUSE] == "because"
    del owner.metadata.annotations[CHANGE_CAUSE]
    assert (await record(services, owner)).metadata.annotations[CHANGE_CAUSE] == "because"


@pytest.mark.surface("revisions.change-cause")
async def test_a_set_that_is_rolled_back_does_not_bring_the_cause_of_what_it_leaves(services: Services) -> None:
    first = await stored_set(services)
    first.metadata.annotations[CHANGE_CAUSE] = "begin"
    await record(services, first)
    second = with_image(first, "nginx:bad")
    second.metadata.annotations[CHANGE_CAUSE] = "break it"
    await record(services, second)
    back = with_image(second, "nginx:1")
    revision = await record(services, back)
    assert (revision.revision, revision.metadata.annotations[CHANGE_CAUSE]) == (3, "begin")
    back.metadata.annotations[CHANGE_CAUSE] = "mend it"
    assert (await record(services, back)).metadata.annotations[CHANGE_CAUSE] == "mend it"


@pytest.mark.surface("revisions.collision")
@pytest.mark.parametrize("collisions", [1, 2])
async def test_a_name_taken_by_other_data_raises_the_collision_count(services: Services, collisions: int) -> None:
    owner = await stored_set(services)
    data = revision_data(owner.spec.template)
    for collision in range(collisions):
        taken = ControllerRevision(metadata=meta(f"web-{revision_hash(data, collision)}"), revision=1)
        taken.data.raw = b'{"spec":{}}'
        await services.fleet.create(taken)
    answer = await services.fleet.record_revision(owner)
    assert answer.collision_count == collisions
    assert answer.revision.metadata.name == f"web-{revision_hash(data, collisions)}"
    owner.status.collision_count = collisions
    again = await services.fleet.record_revision(owner)
    assert (again.collision_count, again.revision) == (collisions, answer.revision)


@pytest.mark.surface("revisions.adoption")
async def test_a_set_adopts_the_orphans_that_it_selects(services: Services) -> None:
    first = await stored_set(services)
    for image in ("nginx:1", "nginx:2"):
        revision = await record(services, with_image(first, image))
        del revision.metadata.owner_references[:]
        await services.fleet.update(revision)
    foreign = ControllerRevision(metadata=meta("other", app="other"), revision=9)
    foreign.data.raw = b"{}"
    await services.fleet.create(foreign)
    second = with_image(first, "nginx:1")
    second.metadata.uid = "another-uid"
    assert (await record(services, second)).revision == 3
    assert await numbers(services, second) == {"nginx:1": 3, "nginx:2": 2}
    assert not (await services.fleet.get(CONTROLLER_REVISION, "other", "default")).metadata.owner_references


async def test_two_records_at_once_do_not_share_a_number(services: Services) -> None:
    owner = await stored_set(services)
    await record(services, owner)
    await asyncio.gather(*(record(services, with_image(owner, f"nginx:{number}")) for number in range(2, 5)))
    assert sorted((await numbers(services, owner)).values()) == [1, 2, 3, 4]


async def test_two_records_of_the_same_at_once_make_one(services: Services) -> None:
    owner = await stored_set(services)
    first, second = await asyncio.gather(record(services, owner), record(services, owner))
    assert first == second


async def test_sets_of_one_selector_keep_their_revisions_apart(services: Services) -> None:
    owner = await stored_set(services)
    await record(services, owner)
    twin = with_image(owner, "nginx:1")
    twin.metadata.uid, twin.metadata.name = "another-uid", "twin"
    assert (await record(services, twin)).revision == 1
    assert len((await services.fleet.list(CONTROLLER_REVISION)).items) == 2


async def test_rolling_back(services: Services) -> None:
    owner = await stored_set(services)
    for image in ("nginx:1", "nginx:2", "nginx:3"):
        await record(services, with_image(owner, image))

    async def back(number: int) -> Any:
        return await services.fleet.roll_back(
            STATEFUL_SET, "web", "default", uid=owner.metadata.uid, to_revision=number
        )

    assert image_of((await back(0)).revision) == "nginx:2"
    answer = await back(1)
    assert image_of(answer.revision) == "nginx:1"
    assert answer.patch == answer.revision.data.raw
    with pytest.raises(NotFound, match="unable to find specified revision 9 in history"):
        await back(9)


async def test_there_may_be_nothing_to_roll_back_to(services: Services) -> None:
    owner = await stored_set(services)
    await record(services, owner)
    with pytest.raises(NotFound, match="no last revision to roll back to"):
        await services.fleet.roll_back(STATEFUL_SET, "web", "default", uid=owner.metadata.uid)


async def test_revisions_can_be_had_by_the_sets_name(services: Services) -> None:
    owner = await stored_set(services)
    revision = await record(services, owner)
    assert list(await services.fleet.list_revisions(STATEFUL_SET, "web", "default")) == [revision]
    assert not await services.fleet.list_revisions(DAEMON_SET, "web", "default")


@pytest.mark.surface("revisions.immutable-data")
async def test_data_is_immutable_and_the_rest_is_not(services: Services) -> None:
    revision = await record(services, await stored_set(services))
    revision.revision = 5
    assert (await services.fleet.update(revision)).object.revision == 5
    revision = await services.fleet.get(CONTROLLER_REVISION, revision.metadata.name, "default")
    revision.data.raw = b"{}"
    with pytest.raises(Invalid, match="field is immutable"):
        await services.fleet.update(revision)


async def test_the_generic_verbs(services: Services) -> None:
    revision = await record(services, await stored_set(services))
    with pytest.raises(MethodNotAllowed):
        await services.fleet.update_status(revision)
    twin = ControllerRevision(metadata=ObjectMeta(name=revision.metadata.name, namespace="default"))
    twin.data.raw = b"{}"
    with pytest.raises(AlreadyExists, match=r"controllerrevisions\.apps"):
        await services.fleet.create(twin)
    assert (await services.fleet.delete(CONTROLLER_REVISION, revision.metadata.name, "default")).deleted


async def test_an_older_claim_records_nothing(services: Services) -> None:
    owner = await stored_set(services)
    older = await services.fleet.claim_shard(REVISIONS, "statefulset/0", "first")
    newer = await services.fleet.claim_shard(REVISIONS, "statefulset/0", "second")
    with pytest.raises(Fenced):
        await services.fleet.record_revision(owner, fence=older.fence)
    assert (await services.fleet.record_revision(owner, fence=newer.fence)).revision.revision == 1


async def test_what_is_no_stored_set_is_refused(services: Services) -> None:
    with pytest.raises(BadRequest, match="neither a StatefulSet nor a DaemonSet"):
        await services.fleet.record_revision(a_config_map())
    with pytest.raises(BadRequest, match="it is not a stored one"):
        await services.fleet.record_revision(a_stateful_set())


async def test_history_tells_who_and_when(services: Services) -> None:
    first = (await services.fleet.create(a_stateful_set(), field_manager="kubectl-create")).object
    await record(services, first)
    created = int(services.clock.now())
    await services.clock.advance(60)
    changed = with_image(first, "nginx:2")
    changed.metadata.annotations[CHANGE_CAUSE] = "because"
    second = (await services.fleet.update(changed, field_manager="kubectl-set")).object
    await services.clock.advance(5)
    await record(services, second)
    one, two = await services.fleet.history(STATEFUL_SET, "web", "default")
    assert (one.revision, one.changed_by, one.changed_at.seconds, one.created_at.seconds) == (
        1,
        "kubectl-create",
        created,
        created,
    )
    assert (two.revision, two.changed_by, two.change_cause) == (2, "kubectl-set", "because")
    assert (two.changed_at.seconds, two.recorded_at.seconds) == (created + 60, created + 65)


async def test_a_revision_that_is_taken_up_again_tells_who_did_so(services: Services) -> None:
    first = (await services.fleet.create(a_stateful_set(), field_manager="alice")).object
    await record(services, first)
    created = services.clock.now()
    await services.clock.advance(0.01)
    second = (await services.fleet.update(with_image(first, "nginx:2"), field_manager="bob")).object
    await record(services, second)
    await services.clock.advance(60)
    third = (await services.fleet.update(with_image(second, "nginx:1"), field_manager="carol")).object
    await record(services, third)
    old, taken_up = await services.fleet.history(STATEFUL_SET, "web", "default")
    assert (old.revision, old.changed_by) == (2, "bob")
    assert (taken_up.revision, taken_up.changed_by) == (3, "carol")
    assert (taken_up.created_at.seconds, taken_up.recorded_at.seconds) == (int(created), int(created) + 60)


async def test_only_a_change_of_the_template_has_a_new_author(services: Services) -> None:
    first = (await services.fleet.create(a_stateful_set(), field_manager="alice")).object
    first.spec.replicas = 5
    scaled = (await services.fleet.update(first, field_manager="bob")).object
    author = author_of(scaled.metadata, TEMPLATE)
    assert author is not None
    assert author.manager == "alice"


async def test_a_revisions_author_outlasts_an_update(services: Services) -> None:
    revision = await record(services, await stored_set(services))
    notes = list(revision.metadata.managed_fields)
    revision.metadata.labels["more"] = "yes"
    del revision.metadata.managed_fields[:]
    assert list((await services.fleet.update(revision)).object.metadata.managed_fields) == notes


async def test_the_difference_of_two_revisions(services: Services) -> None:
    owner = await stored_set(services)
    for image in ("nginx:1", "nginx:2", "nginx:3"):
        await record(services, with_image(owner, image))

    async def told(**numbers: Any) -> tuple[int, int, list[tuple[str, str, str]]]:
        answer = await services.fleet.diff_revisions(STATEFUL_SET, "web", "default", **numbers)
        changes = [(change.path, change.before, change.after) for change in answer.changes]
        return getattr(answer, "from").revision, answer.to.revision, changes

    path = "spec.template.spec.containers[name=main].image"
    assert await told() == (2, 3, [(path, '"nginx:2"', '"nginx:3"')])
    assert await told(to_revision=2) == (1, 2, [(path, '"nginx:1"', '"nginx:2"')])
    assert await told(from_revision=3, to_revision=1) == (3, 1, [(path, '"nginx:3"', '"nginx:1"')])
    with pytest.raises(NotFound, match="unable to find specified revision 7 in history"):
        await told(from_revision=7)
    with pytest.raises(NotFound, match="no revision before it"):
        await told(to_revision=1)


async def test_a_set_without_revisions_has_no_difference(services: Services) -> None:
    await stored_set(services)
    with pytest.raises(NotFound, match="the set has no revisions"):
        await services.fleet.diff_revisions(STATEFUL_SET, "web", "default")
