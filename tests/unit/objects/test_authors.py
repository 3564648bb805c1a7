"""Who set a field, by managedFields."""

from __future__ import annotations

from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry, ObjectMeta
from statefleet.objects.authors import DATA, TEMPLATE, author, author_of, set_authors


def an_entry(manager: str, raw: bytes, time: int, subresource: str = "") -> ManagedFieldsEntry:
    entry = ManagedFieldsEntry(manager=manager, operation="Update", subresource=subresource)
    entry.time.seconds = time
    entry.fields_v1.raw = raw
    return entry


def manager_of(*entries: ManagedFieldsEntry) -> str | None:
    found = author_of(ObjectMeta(managed_fields=entries), TEMPLATE)
    return None if found is None else found.manager


def test_a_note_is_found_again() -> None:
    noted = author("alice", 1000.9, TEMPLATE)
    assert noted.fields_v1.raw == b'{"f:spec":{"f:template":{}}}'
    assert noted.time.seconds == 1000
    meta = ObjectMeta()
    set_authors(meta, [noted])
    assert author_of(meta, TEMPLATE) == noted
    assert author_of(meta, DATA) is None


def test_whoever_set_something_below_it_last_is_the_author() -> None:
    image = b'{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\\"name\\":\\"a\\"}":{"f:image":{}}}}}}}'
    replicas = b'{"f:spec":{"f:replicas":{}}}'
    entries = [an_entry("first", image, 1), an_entry("second", image, 2), an_entry("scaler", replicas, 3)]
    assert manager_of(*entries) == "second"


def test_notes_of_subresources_and_unreadable_ones_do_not_count() -> None:
    fields = b'{"f:spec":{"f:template":{}}}'
    assert (
        manager_of(an_entry("status", fields, 1, "status"), an_entry("odd", b"{", 2), an_entry("odd", b"1", 3))
        is None
    )
