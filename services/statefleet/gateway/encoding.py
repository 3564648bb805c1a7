"""Encode objects as JSON in the version that a request speaks, each once per change."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.message import Message

from statefleet.gateway import versions
from statefleet.gateway.recent import Recent
from statefleet.gateway.versions import ServedResource
from statefleet.objects import codec

_CACHE_BYTES = 24 * 1024 * 1024
_LARGEST_BYTES = 256 * 1024


def document(served: ServedResource, message: Message) -> dict[str, Any]:
    """Return an object as a JSON document of the served version."""
    current = codec.encode(message)
    if served.is_current:
        return current
    return versions.from_current(served.kind, served.api_version, current)


def encode(served: ServedResource, message: Message) -> bytes:
    """Return an object as JSON of the served version."""
    if served.is_current:
        return codec.encode_bytes(message)
    return orjson.dumps(document(served, message))


_Key = tuple[str, str, str, bool]


class EncodedObjects:
    """The most recently used encodings of stored objects, found by uid, resource version and API version.

    Only for objects as they are stored: the answer to a dry run has the version of what it did not change.
    """

    def __init__(self) -> None:
        self._recent: Recent[_Key, bytes] = Recent(_CACHE_BYTES, _LARGEST_BYTES)

    def encode(self, served: ServedResource, message: Any, *, last: bool = False) -> bytes:
        """Return a stored object as JSON of the served version.

        `last` says that the object is the one that went, or that ceased to match a selector, at the version it has:
        what it was before that change, and so another than the object of that version.
        """
        meta = message.metadata
        key = (meta.uid, meta.resource_version, served.api_version, last)
        found = self._recent.find(key)
        if found is not None:
            return found
        encoded = encode(served, message)
        if meta.uid and meta.resource_version:
            self._recent.keep(key, encoded, len(encoded))
        return encoded
