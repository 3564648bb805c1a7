"""Cut an ordered list into pages and say by a token where the next one starts. Pure."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import orjson

from statefleet.errors import BadRequest, Cause, Expired, Subject
from statefleet.store.entries import Entry

CURRENT = -1
"""The version of a token that goes on in whatever state there is, after its own has expired."""

_MESSAGE_OBJECTS = 500
_MESSAGE_BYTES = 1024 * 1024


class Token(NamedTuple):
    """Where a page starts: after an object, in the state of one version."""

    version: int
    namespace: str
    name: str

    def encode(self) -> str:
        """Return the token as opaque text that is safe in a URL."""
        return base64.urlsafe_b64encode(orjson.dumps(tuple(self))).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Token:
        """Return the token that `encode` made into text. Raises BadRequest."""
        try:
            padded = text + "=" * (-len(text) % 4)
            version, namespace, name = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, TypeError) as error:
            raise BadRequest("continue key is not valid: it is not a token that was given out") from error
        if not (isinstance(version, int) and isinstance(namespace, str) and isinstance(name, str)):
            raise BadRequest("continue key is not valid: it is not a token that was given out")
        return cls(version, namespace, name)


class Page(NamedTuple):
    """Some of a list's objects."""

    entries: list[Entry]
    next: Entry | None
    """The last object of this page where more follow it."""
    remaining: int
    """How many follow; 0 where that is not known because of selectors."""


def cut_page(
    entries: Sequence[Entry], after: Token | None, limit: int, matches: Callable[[Entry], bool] | None
) -> Page:
    """Return the first `limit` (0: all) of the matching objects behind `after`; `entries` are ordered by key."""
    start = 0
    if after is not None:
        start = bisect_right(entries, (after.namespace, after.name), key=lambda entry: entry.key[1:])
    end = len(entries)
    if matches is None:
        stop = min(start + limit, end) if limit else end
        return Page(list(entries[start:stop]), entries[stop - 1] if stop < end else None, end - stop)
    found: list[Entry] = []
    for index in range(start, end):
        entry = entries[index]
        if matches(entry):
            if limit and len(found) == limit:
                return Page(found, found[-1], 0)
            found.append(entry)
    return Page(found, None, 0)


def expired(start: Token) -> Expired:
    """Say that a token's version is too old; the cause holds a fresh token that goes on in the current state."""
    fresh = start._replace(version=CURRENT).encode()
    return Expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        Subject(causes=(Cause("ContinueToken", fresh, "metadata.continue"),)),
    )


def in_messages(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Split objects into runs that fit into one message each; at least one run, which may be empty."""
    start = size = 0
    for index, entry in enumerate(entries):
        size += len(entry.data)
        if index > start and (index - start >= _MESSAGE_OBJECTS or size > _MESSAGE_BYTES):
            yield entries[start:index]
            start, size = index, len(entry.data)
    yield entries[start:]
