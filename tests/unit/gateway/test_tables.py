"""Tables against recorded answers, and their frame."""

from __future__ import annotations

import pytest

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.gateway import tables, versions
from statefleet.gateway.tables.cluster import FALLBACK
from statefleet.gateway.tables.durations import age, human_duration
from statefleet.objects.codec import decode
from statefleet.objects.kinds import CONFIG_MAP, KINDS, POD
from statefleet.objects.times import to_micro_time, to_time
from support.oracle_tables import Recording, recordings

MINUTE, HOUR, DAY = 60, 3600, 86400
NOW = 1_800_000_000.0


@pytest.mark.surface(
    "columns.statefulset",
    "columns.daemonset",
    "columns.pod",
    "columns.pvc",
    "columns.pv",
    "columns.pdb",
    "columns.service",
    "columns.node",
    "columns.controllerrevision",
    "columns.event",
)
@pytest.mark.parametrize("recording", list(recordings()), ids=lambda recording: recording.name)
def test_cells_and_columns_are_those_that_kubernetes_answered(recording: Recording):
    kind = KINDS[recording.kind]
    messages = []
    for item in recording.items:
        document = {"apiVersion": recording.api_version, "kind": recording.kind, **item}
        message, complaints = decode(kind.message, versions.to_current(kind, recording.api_version, document))
        assert not complaints
        messages.append(message)
    found = tables.table(kind, messages, now=recording.now)
    columns = [
        {name: column[name] for name in ("name", "type", "format", "priority")}
        for column in found["columnDefinitions"]
    ]
    assert columns == recording.columns
    assert [{name: part for name, part in row.items() if name != "object"} for row in found["rows"]] == recording.rows
    for item, row in zip(recording.items, found["rows"], strict=True):
        assert row["object"] == {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": item["metadata"],
        }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "<invalid>"),
        (-2, "<invalid>"),
        (-1.9, "0s"),
        (0, "0s"),
        (5.99, "5s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 3, "2m3s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE + 59, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 5 * MINUTE, "3h5m"),
        (8 * HOUR + 59 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + 3 * HOUR, "2d3h"),
        (8 * DAY + 3 * HOUR, "8d"),
        (45 * DAY, "45d"),
        (729 * DAY, "729d"),
        (730 * DAY, "2y"),
        (740 * DAY, "2y10d"),
        (8 * 365 * DAY + 30 * DAY, "8y"),
    ],
)
def test_durations_get_coarser_as_they_grow(seconds, expected):
    assert human_duration(seconds) == expected


def test_an_age_counts_from_the_time_and_is_unknown_without_one():
    assert age(to_time(NOW - 90), NOW) == "90s"
    assert age(to_micro_time(NOW - 1.5), NOW) == "1s"
    assert age(ObjectMeta().creation_timestamp, NOW) == "<unknown>"


def some_pods() -> list[Pod]:
    return [Pod(metadata=ObjectMeta(name=name, resource_version="7")) for name in ("b", "a", "c")]


def test_rows_keep_the_order_given():
    assert [row["cells"][0] for row in tables.table(POD, some_pods(), now=NOW)["rows"]] == ["b", "a", "c"]


def test_the_metadata_of_the_list_is_that_of_the_table():
    list_meta = {"resourceVersion": "9", "continue": "x", "remainingItemCount": 2}
    found = tables.table(POD, [], now=NOW, list_meta=list_meta)
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert found["metadata"] == list_meta
    assert found["rows"] == []
    assert tables.table(POD, [], now=NOW)["metadata"] == {}


def test_a_row_carries_what_was_asked_for():
    pods = some_pods()[:1]
    (whole,) = tables.table(POD, pods, include_object="Object", now=NOW)["rows"]
    assert (whole["object"]["kind"], whole["object"]["apiVersion"]) == ("Pod", "v1")
    assert whole["object"]["metadata"]["name"] == "b"
    assert "spec" in whole["object"]
    (nothing,) = tables.table(POD, pods, include_object="None", now=NOW)["rows"]
    assert nothing["object"] is None
    (meta,) = tables.table(POD, pods, now=NOW)["rows"]
    assert meta["object"]["metadata"]["resourceVersion"] == "7"


def test_later_tables_of_a_watch_leave_the_columns_out():
    found = tables.table(POD, some_pods(), now=NOW, columns=False)
    assert not found["columnDefinitions"]
    assert len(found["rows"]) == 3


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=lambda kind: kind.name)
def test_an_empty_object_of_any_kind_has_a_cell_for_every_column(kind):
    found = tables.table(kind, [kind.message()], now=NOW)
    cells = found["rows"][0]["cells"]
    assert len(cells) == len(found["columnDefinitions"])
    for cell, column in zip(cells, found["columnDefinitions"], strict=True):
        assert isinstance(cell, str | int)
        if column["type"] == "integer":
            assert isinstance(cell, int)
    assert all(column["description"] for column in found["columnDefinitions"])


def test_the_fallback_shows_name_and_age():
    assert [column.name for column in FALLBACK.columns] == ["Name", "Age"]
    found = ConfigMap(metadata=ObjectMeta(name="x", creation_timestamp=to_time(NOW - 5)))
    assert FALLBACK.cells(found, NOW) == ["x", "5s"]
    assert tables.table(CONFIG_MAP, [found], now=NOW)["rows"][0]["cells"] == ["x", 0, "5s"]
