"""Who owns what after updates, and how that is written down."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry
from statefleet.objects.kinds import CONFIG_MAP, POD
from statefleet.objects.managed import APPLY, UPDATE, Author, read_entries, tracked, write_entries
from statefleet.objects.managed.entries import UPDATERS, UnreadableEntriesError
from support.appliers import SECOND, Owned


def data(**values: str) -> dict[str, Any]:
    return {"data": values}


def test_who_changes_a_field_owns_it_alone() -> None:
    settings = Owned(CONFIG_MAP)
    settings.update("one", data(a="1", b="1"))
    settings.update("two", data(a="1", b="2", c="1"))
    assert settings.owners() == {
        "one": {"f:data": {".": {}, "f:a": {}}},
        "two": {"f:data": {"f:b": {}, "f:c": {}}},
    }
    settings.update("three", data(c="1"))
    assert settings.owners() == {"one": {"f:data": {}}, "two": {"f:data": {"f:c": {}}}}


def test_an_update_of_nothing_changes_nothing() -> None:
    settings = Owned(CONFIG_MAP)
    settings.update("one", data(a="1"))
    before = settings.entries
    settings.update("two", data(a="1"))
    assert settings.entries is before


def test_a_new_item_is_owned_whole() -> None:
    pod = Owned(POD)
    pod.update("one", {"spec": {"containers": [{"name": "a", "image": "a:1"}]}})
    pod.update("two", {"spec": {"containers": [{"name": "a", "image": "a:2"}, {"name": "b"}]}})
    assert pod.owners()["two"]["f:spec"]["f:containers"] == {
        'k:{"name":"a"}': {"f:image": {}},
        'k:{"name":"b"}': {".": {}, "f:name": {}, "f:resources": {}},
    }


def test_repeated_items_are_owned_as_one() -> None:
    pod = Owned(POD)
    twice = [{"name": "E", "value": "1"}, {"name": "E", "value": "2"}]
    pod.update("one", {"spec": {"containers": [{"name": "a", "env": twice}]}})
    container = pod.owners()["one"]["f:spec"]["f:containers"]['k:{"name":"a"}']
    assert container["f:env"] == {".": {}, 'k:{"name":"E"}': {}}


def test_the_oldest_of_many_updates_are_put_together() -> None:
    settings = Owned(CONFIG_MAP)
    values: dict[str, str] = {}
    for number in range(UPDATERS + 3):
        values[f"k{number}"] = "1"
        settings.update(f"m{number:02}", data(**values))
    assert len(settings.entries) == UPDATERS
    owners = settings.owners()
    assert owners["ancient-changes"] == {"f:data": {".": {}, **{f"f:k{number}": {} for number in range(4)}}}
    assert "m04" in owners


def test_what_is_written_is_read_back() -> None:
    settings = Owned(CONFIG_MAP)
    settings.apply("b", data(a="1"))
    settings.update("a", data(a="1", b="1"))
    settings.apply("a", data(c="1"))
    written = write_entries(settings.entries)
    assert [(entry.manager, entry.operation) for entry in written] == [("b", APPLY), ("a", APPLY), ("a", UPDATE)]
    assert [entry.api_version for entry in written] == ["v1"] * 3
    assert read_entries(written) == settings.entries


def an_entry(**fields: Any) -> ManagedFieldsEntry:
    entry = ManagedFieldsEntry(manager="m", operation="Update", api_version="v1", fields_type="FieldsV1")
    raw = fields.pop("raw", b'{"f:data":{}}')
    entry.fields_v1.raw = raw
    entry.MergeFrom(ManagedFieldsEntry(**fields))
    return entry


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "Guess"},
        {"fields_type": "V2"},
        {"raw": b"{"},
        {"raw": b'{"x":{}}'},
        {"raw": b'{"f:a":1}'},
        {"raw": b'{"f:a":' * 900 + b"{}" + b"}" * 900},
    ],
)
def test_entries_that_make_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEntriesError):
        read_entries([an_entry(**fields)])


def test_entries_without_fields_are_none() -> None:
    assert read_entries([an_entry(raw=b"{}")]) == {}


def test_what_an_update_starts_from() -> None:
    stored, brought = [an_entry()], [an_entry(manager="other")]
    assert [author.manager for author in tracked((), stored)] == ["m"]
    assert [author.manager for author in tracked(brought, stored)] == ["other"]
    assert [author.manager for author in tracked([an_entry(operation="Guess")], stored)] == ["m"]
    assert tracked([ManagedFieldsEntry()], stored) == {}


def test_a_time_that_json_has_cut_is_known_again() -> None:
    exact, cut = an_entry(), an_entry()
    exact.time.seconds, exact.time.nanos = 5, 7
    cut.time.seconds = 5
    author = Author("m", UPDATE, "v1")
    assert tracked([cut], [exact])[author].time_ns == 5 * SECOND + 7
    cut.time.seconds = 6
    assert tracked([cut], [exact])[author].time_ns == 6 * SECOND
