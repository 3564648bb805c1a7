"""Decide what a server-side apply makes of an object and of its owners. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from functools import reduce
from typing import Any, Final, NamedTuple

import orjson

from statefleet.errors import BadRequest
from statefleet.objects import codec
from statefleet.objects.managed.comparing import Difference, compare, fields_of
from statefleet.objects.managed.configurations import check
from statefleet.objects.managed.conflicts import conflict, conflicts
from statefleet.objects.managed.entries import APPLY, UPDATE, Author, Entries, Owned
from statefleet.objects.managed.merging import merged, pruned
from statefleet.objects.managed.sets import FieldSet, difference, union
from statefleet.objects.managed.subjects import Document, fields_named, subject, subject_of
from statefleet.objects.managed.topology import Topology, topology
from statefleet.objects.managed.updating import created
from statefleet.objects.meta import LAST_APPLIED_ANNOTATION

_KUBECTL: Final = "kubectl"
"""The manager whose server-side apply carries on what its client-side apply began."""
_BEFORE_FIRST_APPLY: Final = "before-first-apply"


class Application(NamedTuple):
    """A configuration to apply."""

    manager: str
    api_version: str
    document: Document
    """The object, as far as its manager has an opinion. Not changed."""
    subresource: str
    force: bool
    """Whether to take over what others own."""
    time_ns: int
    """When, in nanoseconds since the Unix epoch."""

    @property
    def author(self) -> Author:
        """Whose entry it makes."""
        return Author(self.manager, APPLY, "", self.subresource)


class Applied(NamedTuple):
    """What an apply leads to."""

    message: Any
    """The object; what nobody names any more is unset and so takes its default."""
    entries: Entries


def apply(live: Any, entries: Entries, application: Application, *, is_new: bool = False) -> Applied:
    """Return the object that an apply makes of a live one, empty where it is new, and who owns what then.

    A live object that nobody is known to have written belongs to what was before the first apply.
    Raises BadRequest for a malformed configuration, and Conflict where it changes what others own and is not forced.
    """
    kind = topology(live.DESCRIPTOR)
    check(type(live), kind, application.document)
    if not entries and not is_new:
        before = Author(_BEFORE_FIRST_APPLY, UPDATE, application.api_version)
        entries = created(live, before, application.time_ns, {})
    document = codec.encode(live)
    document["metadata"].pop("managedFields", None)
    message, _ = codec.decode(type(live), _changed(kind, document, entries, application))
    sub = application.subresource
    change = compare(kind, subject(document, sub), subject_of(message, sub))
    _admit(live, document, entries, application, change)
    if _continues_client_side(live, application):
        message.metadata.annotations[LAST_APPLIED_ANNOTATION] = last_applied(application.document)
    named = fields_named(kind, application.document, sub)
    return Applied(message, _entries_after(entries, application, named, change))


def last_applied(configuration: Document) -> str:
    """Return a configuration as the annotation of client-side apply keeps it."""
    metadata = dict(configuration.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    if annotations.pop(LAST_APPLIED_ANNOTATION, None) is not None:
        metadata["annotations"] = annotations
    kept = {**configuration, "metadata": metadata}
    return codec.compact_json(kept, sort_keys=True).decode() + "\n"


def _changed(kind: Topology, document: Document, entries: Entries, application: Application) -> Document:
    """Return the document as the configuration has it, without what it had before and nobody has now."""
    result = merged(kind, document, application.document)
    mine = entries.get(application.author)
    if mine is None:
        return result  # type: ignore[no-any-return]
    others = (owned.fields for author, owned in entries.items() if author != application.author)
    owned = reduce(union, others, fields_of(kind, application.document))
    return pruned(kind, result, mine.fields, owned)  # type: ignore[no-any-return]


def _admit(live: Any, document: Document, entries: Entries, application: Application, change: Difference) -> None:
    if application.force:
        return
    found = conflicts(entries, application.author, change.touched, {})
    if found and _continues_client_side(live, application):
        found = conflicts(entries, application.author, change.touched, _applied_by_client(live, document))
    if found:
        raise conflict(found)


def _continues_client_side(live: Any, application: Application) -> bool:
    return application.manager == _KUBECTL and LAST_APPLIED_ANNOTATION in live.metadata.annotations


def _applied_by_client(live: Any, document: Document) -> FieldSet:
    """Return the fields that client-side apply set and that still are as it set them; none where that is unknown."""
    try:
        before = orjson.loads(live.metadata.annotations[LAST_APPLIED_ANNOTATION])
        message, _ = codec.decode(type(live), before)
    except (orjson.JSONDecodeError, BadRequest):
        return {}
    if before.get("apiVersion") != document["apiVersion"]:
        return {}
    kind = topology(live.DESCRIPTOR)
    change = compare(kind, subject_of(message), subject(document))
    return difference(fields_named(kind, before), union(change.touched, change.removed))


def _entries_after(entries: Entries, application: Application, named: FieldSet, change: Difference) -> Entries:
    """Return who owns what: the author what the configuration names, others what is left to them."""
    author, before = application.author, entries.get(application.author)
    taken = union(change.touched, change.removed)
    left = {
        other: owned._replace(fields=fields)
        for other, owned in entries.items()
        if other != author and (fields := difference(owned.fields, taken))
    }
    if named:
        is_same = before is not None and not change and before.fields == named
        time_ns = before.time_ns if before is not None and is_same else application.time_ns
        left[author] = Owned(named, application.api_version, time_ns)
    return left
