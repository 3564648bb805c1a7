"""Answer Get and List from a replica, at the version that the request asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from statefleet.api.object.v1.verbs_pb2 import GetRequest, GetResponse, ListRequest, ListResponse
from statefleet.errors import BadRequest, Expired
from statefleet.objects.kinds import Kind
from statefleet.store.entries import Entry, Key
from statefleet.store.paging import CURRENT, Page, Token, cut_page, expired, in_messages
from statefleet.store.rejections import bad_version, not_found
from statefleet.store.replica import Replica
from statefleet.store.selection import Selection
from statefleet.store.splice import get_response, list_response

EXACT = "Exact"
NOT_OLDER_THAN = "NotOlderThan"


def parse_version(text: str, field: str = "resourceVersion") -> int:
    """Return a resource version as a number; 0 for the empty text. BadRequest where it is not a decimal number."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise bad_version(text, field)
    return int(text)


async def reach(replica: Replica, version: str) -> None:
    """Wait until the replica may answer: the newest state for an empty version, any for 0, else that version.

    Raises BadRequest, Timeout where the replica does not reach the version in time, and Unavailable where it is cut
    off from its log.
    """
    replica.check_reach()
    if not version:
        await replica.read_barrier()
    else:
        number = parse_version(version)
        if number > replica.state.version:
            await replica.wait_for(number)


async def get(replica: Replica, kind: Kind[Any], request: GetRequest) -> GetResponse:
    """Return one object. Raises NotFound, also where the object of this name has another uid than asked for."""
    await reach(replica, request.resource_version)
    key = Key.of(request.key)
    entry = replica.state.get(key)
    if entry is None or (request.uid and entry.message.metadata.uid != request.uid):
        raise not_found(kind, key.name)
    return get_response(entry)


async def list_page(replica: Replica, kind: Kind[Any], request: ListRequest) -> Iterator[ListResponse]:
    """Return one page of a list, cut into messages; the objects in all of them are those of one version.

    Raises BadRequest, Expired, and Timeout where the version asked for is ahead of the replica for too long.
    """
    selection = Selection.parse(kind, request.namespace, request.label_selector, request.field_selector)
    if request.limit < 0:
        raise BadRequest(f"limit: Invalid value: {request.limit}: must be greater than or equal to 0")
    token = Token.decode(request.continue_token) if request.continue_token else None
    exact = _exact_version(request, token)
    if exact is None:
        await reach(replica, "" if token is not None else request.resource_version)
        version = replica.state.version
        if token is None and _is_unchanged(replica, kind, request.unless_unchanged_since):
            return iter((ListResponse(resource_version=str(version), unchanged=True),))
        entries: Sequence[Entry] = replica.state.list(kind.name, selection.namespace)
    else:
        version, entries = exact, await _entries_at(replica, selection, exact, token)
    page = cut_page(entries, token, request.limit, selection.by_content)
    return _messages(version, page)


def _is_unchanged(replica: Replica, kind: Kind[Any], version: str) -> bool:
    """Tell whether the objects of a kind are now what they were at a version; an empty one is none."""
    since = parse_version(version, "unlessUnchangedSince")
    return bool(since) and replica.state.changed(kind.name) <= since <= replica.state.version


async def _entries_at(replica: Replica, selection: Selection, exact: int, token: Token | None) -> Sequence[Entry]:
    """Return all objects of the selection's kind and namespace at one version."""
    await reach(replica, str(exact))
    try:
        return replica.history.list_at(selection.kind.name, selection.namespace, exact)
    except Expired:
        if token is None:
            raise
        raise expired(token) from None


def _exact_version(request: ListRequest, token: Token | None) -> int | None:
    """Return the one version that the list must show; None where newer ones do."""
    match, version = request.resource_version_match, request.resource_version
    if token is not None:
        if version or match:
            raise BadRequest("specifying resource version is not allowed when using continue")
        return None if token.version == CURRENT else token.version
    if match not in ("", EXACT, NOT_OLDER_THAN):
        raise BadRequest(
            f'resourceVersionMatch: Unsupported value: "{match}": supported values: "", "{EXACT}", "{NOT_OLDER_THAN}"'
        )
    if match and not version:
        raise BadRequest(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        )
    number = parse_version(version)
    if match == EXACT and not number:
        raise BadRequest(
            'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        )
    is_exact = match == EXACT or (number and not match and request.limit)
    return number if is_exact else None


def _messages(version: int, page: Page) -> Iterator[ListResponse]:
    text = str(version)
    parts = list(in_messages(page.entries))
    for index, part in enumerate(parts):
        response = list_response(part)
        response.resource_version = text
        if index == len(parts) - 1 and page.next is not None:
            key = page.next.key
            response.continue_token = Token(version, key.namespace, key.name).encode()
            response.remaining_item_count = page.remaining
        yield response
