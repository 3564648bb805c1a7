"""Apply, and the entries that other writes keep."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.object.v1.verbs_pb2 import ApplyRequest, WriteOptions
from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest, Conflict, MethodNotAllowed, NotFound
from statefleet.objects.kinds import (
    CONFIG_MAP,
    DAEMON_SET,
    NODE,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    STATEFUL_SET,
    WORKLOADS,
    Kind,
)
from support.objects import a_config_map, a_pod, a_stateful_set
from support.opened_services import Services


def configuration(kind: Kind[Any], **fields: Any) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.name, **fields}


def a_set(**spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "nginx:1"}]},
    }
    declared = {"serviceName": "web", "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return configuration(STATEFUL_SET, spec={**declared, **spec})


async def apply_set(fleet: Fleet, wanted: dict[str, Any], manager: str = "one", **options: Any) -> Any:
    return await fleet.apply(STATEFUL_SET, "web", "default", wanted, field_manager=manager, **options)


def owners(message: Any) -> list[tuple[str, str, str]]:
    return [(entry.manager, entry.operation, entry.subresource) for entry in message.metadata.managed_fields]


async def test_apply_adds_an_object_as_create_does(services: Services) -> None:
    written = await apply_set(services.fleet, a_set())
    stored = written.object
    assert written.created
    assert (stored.metadata.generation, stored.spec.replicas, stored.spec.pod_management_policy) == (
        1,
        1,
        "OrderedReady",
    )
    assert owners(stored) == [("one", "Apply", "")]
    assert b"f:replicas" not in stored.metadata.managed_fields[0].fields_v1.raw


async def test_to_apply_again_stores_nothing(services: Services) -> None:
    first = (await apply_set(services.fleet, a_set())).object
    await services.clock.advance(60)
    again = await apply_set(services.fleet, a_set())
    assert (again.object, again.created) == (first, False)


async def test_a_field_that_is_applied_no_more_takes_its_default(services: Services) -> None:
    await apply_set(services.fleet, a_set(replicas=3))
    stored = (await apply_set(services.fleet, a_set())).object
    assert (stored.spec.replicas, stored.metadata.generation) == (1, 2)


async def test_a_conflict_names_the_owner_and_the_field(services: Services) -> None:
    stored = (await services.fleet.create(a_stateful_set(), field_manager="creator")).object
    with pytest.raises(Conflict) as refused:
        await apply_set(services.fleet, a_set(replicas=7))
    told = [(cause.reason, cause.message, cause.field) for cause in refused.value.subject.causes]  # type: ignore[union-attr]
    assert ("FieldManagerConflict", 'conflict with "creator" using apps/v1', ".spec.replicas") in told
    assert (await services.fleet.get(STATEFUL_SET, "web", "default")) == stored
    forced = (await apply_set(services.fleet, a_set(replicas=7), force=True)).object
    assert forced.spec.replicas == 7


async def test_a_dry_run_tells_and_stores_nothing(services: Services) -> None:
    would = await apply_set(services.fleet, a_set(), dry_run=True)
    assert (would.created, owners(would.object)) == (True, [("one", "Apply", "")])
    with pytest.raises(NotFound):
        await services.fleet.get(STATEFUL_SET, "web", "default")


async def test_versions_and_uids_are_preconditions(services: Services) -> None:
    stored = (await apply_set(services.fleet, a_set())).object
    await apply_set(services.fleet, a_set(replicas=2))
    for stale in ({"resourceVersion": stored.metadata.resource_version}, {"uid": "another"}):
        with pytest.raises(Conflict):
            await apply_set(services.fleet, a_set(replicas=3) | {"metadata": stale})
    with pytest.raises(Conflict):
        await services.fleet.apply(
            CONFIG_MAP, "no", "default", configuration(CONFIG_MAP, metadata={"uid": "x"}), field_manager="one"
        )


async def test_a_status_is_applied_apart(services: Services) -> None:
    with pytest.raises(NotFound):
        await apply_set(services.fleet, a_set(), subresource="status")
    await apply_set(services.fleet, a_set())
    wanted = configuration(STATEFUL_SET, status={"conditions": [{"type": "Audited", "status": "True"}]})
    stored = (await apply_set(services.fleet, wanted, "auditor", subresource="status")).object
    assert [condition.type for condition in stored.status.conditions] == ["Audited"]
    assert owners(stored) == [("auditor", "Apply", "status"), ("one", "Apply", "")]
    assert stored.metadata.generation == 1
    with pytest.raises(MethodNotAllowed):
        await services.fleet.apply(
            CONFIG_MAP, "no", "default", configuration(CONFIG_MAP), subresource="status", field_manager="one"
        )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"configuration": b"{"}, "configuration: "),
        ({"configuration": b'{"a":' * 900 + b"1" + b"}" * 900}, "exceeded max depth"),
        ({"configuration": b"[]"}, "an object with metadata is expected"),
        ({"configuration": b'{"apiVersion":"v2","kind":"ConfigMap"}'}, "Incorrect version specified in apply patch"),
        ({"configuration": b'{"apiVersion":"v1","kind":"Secret"}'}, "Secret is no ConfigMap"),
        ({"subresource": "scale"}, "subresource: Unsupported value"),
        ({"options": WriteOptions()}, "is required for apply"),
    ],
)
async def test_what_cannot_be_applied(services: Services, fields: dict[str, Any], text: str) -> None:
    request = ApplyRequest(
        options=WriteOptions(field_manager="one"), configuration=b'{"apiVersion":"v1","kind":"ConfigMap"}'
    )
    request.key.kind, request.key.namespace, request.key.name = "ConfigMap", "default", "a"
    if "options" in fields:
        request.ClearField("options")
    else:
        request.MergeFrom(ApplyRequest(**fields))
    with pytest.raises(BadRequest, match=text):
        await services.workloads.Apply(request, None)


async def test_a_user_owns_what_the_user_writes(services: Services) -> None:
    created = (await services.fleet.create(a_config_map(data={"a": "1"}), field_manager="one")).object
    await services.clock.advance(1)
    created.data["b"] = "1"
    stored = (await services.fleet.update(created, field_manager="two")).object
    assert [(entry.manager, entry.fields_v1.raw) for entry in stored.metadata.managed_fields] == [
        ("one", b'{"f:data":{".":{},"f:a":{}}}'),
        ("two", b'{"f:data":{"f:b":{}}}'),
    ]


async def test_what_the_server_adds_is_nobodys(services: Services) -> None:
    pod = (await services.fleet.create(a_pod(), field_manager="one")).object
    assert pod.spec.tolerations
    assert b"tolerations" not in pod.metadata.managed_fields[0].fields_v1.raw


async def test_parts_of_the_fleet_leave_entries_alone(services: Services) -> None:
    unrecorded = (await services.fleet.create(a_pod())).object
    assert not unrecorded.metadata.managed_fields
    unrecorded.metadata.labels["a"] = "1"
    updated = (await services.fleet.update(unrecorded, field_manager="user")).object
    assert not updated.metadata.managed_fields
    stored = (await services.fleet.create(a_config_map(data={"a": "1"}), field_manager="user")).object
    entries = list(stored.metadata.managed_fields)
    stored.data["a"] = "2"
    del stored.metadata.managed_fields[:]
    stored = (await services.fleet.update(stored)).object
    assert list(stored.metadata.managed_fields) == entries
    claim = await services.fleet.claim_shard(WORKLOADS, "test/0", "me")
    stored.data["a"] = "3"
    stored = (await services.fleet.update(stored, fence=claim.fence, field_manager="worker")).object
    assert list(stored.metadata.managed_fields) == entries


async def test_the_first_apply_finds_an_owner_for_what_was_there(services: Services) -> None:
    await services.fleet.create(a_config_map(data={"a": "1"}))
    wanted = configuration(CONFIG_MAP, data={"b": "1"})
    stored = (await services.fleet.apply(CONFIG_MAP, "settings", "default", wanted, field_manager="one")).object
    assert owners(stored) == [("one", "Apply", ""), ("before-first-apply", "Update", "")]


async def test_a_list_with_one_empty_entry_ends_the_record(services: Services) -> None:
    stored = (await services.fleet.create(a_config_map(), field_manager="one")).object
    del stored.metadata.managed_fields[:]
    stored.metadata.managed_fields.add()
    assert not (await services.fleet.update(stored, field_manager="one")).object.metadata.managed_fields


async def test_a_scale_is_an_entry_of_its_own(services: Services) -> None:
    await apply_set(services.fleet, a_set(replicas=1))
    scale = await services.fleet.get_scale(STATEFUL_SET, "web", "default")
    scale.spec.replicas = 2
    await services.fleet.update_scale(STATEFUL_SET, "web", "default", scale, field_manager="hpa")
    stored = await services.fleet.get(STATEFUL_SET, "web", "default")
    assert ("hpa", "Update", "scale") in owners(stored)
    with pytest.raises(Conflict, match=r'"hpa" with subresource "scale" using apps/v1: \.spec\.replicas'):
        await apply_set(services.fleet, a_set(replicas=1))


async def test_protection_outlasts_a_configuration_without_finalizers(services: Services) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    wanted = configuration(PERSISTENT_VOLUME_CLAIM, spec=spec)
    mine = {"metadata": {"finalizers": ["example.com/mine"]}}
    for document, finalizers in (
        (wanted | mine, ["example.com/mine", "kubernetes.io/pvc-protection"]),
        (wanted, ["kubernetes.io/pvc-protection"]),
    ):
        written = await services.fleet.apply(PERSISTENT_VOLUME_CLAIM, "a", "default", document, field_manager="one")
        assert list(written.object.metadata.finalizers) == finalizers


async def test_nodes_and_daemon_sets_are_applied_too(services: Services) -> None:
    node = configuration(
        NODE, metadata={"labels": {"zone": "a"}}, spec={"taints": [{"key": "k", "effect": "NoSchedule"}]}
    )
    assert (await services.fleet.apply(NODE, "node-1", "", node, field_manager="one")).created
    wanted = a_set() | {"kind": DAEMON_SET.name}
    del wanted["spec"]["serviceName"]
    first = await services.fleet.apply(DAEMON_SET, "web", "default", wanted, field_manager="one")
    assert (
        await services.fleet.apply(DAEMON_SET, "web", "default", wanted, field_manager="one")
    ).object == first.object


async def test_a_pod_that_an_apply_adds_warns_of_what_nothing_acts_on(services: Services) -> None:
    wanted = configuration(POD, spec={"containers": [{"name": "main", "image": "a"}], "hostPID": True})
    written = await services.fleet.apply(POD, "a", "default", wanted, field_manager="one")
    assert any("hostPID" in warning for warning in written.warnings)
