"""The OpenAPI documents: what `kubectl explain`, `kubectl apply` and client generators read of every field.

They follow from the protobuf descriptors and the comments in them. Few clients ask, so nothing is loaded, let alone
built, before somebody does; then a document is kept as the bytes that are sent.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
from functools import cache
from typing import Any

import orjson

from statefleet.gateway.discovery import group_versions


@cache
def v3_index() -> dict[str, Any]:
    """Return the index at /openapi/v3: the URL of each document, with a hash that changes when the document does."""
    paths = {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={content_hash()}"} for path in group_versions()}
    return {"paths": paths}


@cache
def v3(path: str) -> bytes | None:
    """Return the document of a path in the index, such as apis/apps/v1; None where there is none."""
    if path not in group_versions():
        return None
    from statefleet.gateway.openapi import documents  # noqa: PLC0415 (loaded only for those who ask)

    return documents.v3(*group_versions()[path])


@cache
def v2_json() -> bytes:
    """Return the one document at /openapi/v2, in JSON."""
    from statefleet.gateway.openapi import documents  # noqa: PLC0415 (loaded only for those who ask)

    return documents.v2()


@cache
def v2_protobuf() -> bytes:
    """Return what that document says of schemas, in protobuf."""
    from statefleet.gateway.openapi import binary  # noqa: PLC0415 (loaded only for those who ask)

    return binary.document(orjson.loads(v2_json()))


@cache
def descriptors() -> bytes:
    """Return the FileDescriptorSet that was generated with the code, comments included."""
    return importlib.resources.files("statefleet.api").joinpath("descriptors.binpb").read_bytes()


@cache
def content_hash() -> str:
    """Return a hash of all that the documents are made from: the schema and the version of this package."""
    version = importlib.metadata.version("statefleet").encode()
    return hashlib.sha256(version + b"\0" + descriptors()).hexdigest()[:32].upper()
