"""Decode the objects that requests carry, in the version that they are written in.

Pure: no I/O, clock or randomness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from statefleet.errors import BadRequest
from statefleet.gateway import documents, media, versions
from statefleet.gateway.queries import IGNORE, STRICT, WARN
from statefleet.gateway.versions import ServedResource
from statefleet.objects import codec

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object and what is wrong with its form: unknown and repeated fields."""

    message: Any
    complaints: tuple[str, ...] = ()

    def warnings(self, validation: str) -> tuple[str, ...]:
        """Return the complaints that the caller should be warned of."""
        return self.complaints if validation == WARN else ()


def decode_body(served: ServedResource, body: bytes, content_type: str, validation: str) -> Decoded:
    """Return the object in a request's body. BadRequest or UnsupportedMediaType where it is none of this resource.

    `validation` is Strict, Warn or Ignore: Strict refuses what the others let pass.
    """
    media_type = documents.content_type(content_type)
    if media_type == media.PROTOBUF:
        return _decode_envelope(served, documents.read_envelope(body))
    document = documents.read_object(body, media_type, served.kind.name)
    check_type(served.kind.name, served.api_version, document)
    try:
        decoded = decode_document(served, document)
    except BadRequest as error:
        raise unhandled(served.kind.name, served.api_version, error.message) from None
    if validation != IGNORE and media_type == media.JSON:
        decoded = Decoded(decoded.message, (*documents.duplicates(body), *decoded.complaints))
    if validation == STRICT and decoded.complaints:
        raise unhandled(served.kind.name, served.api_version, strict_text(decoded.complaints))
    return decoded


def decode_document(served: ServedResource, document: dict[str, Any]) -> Decoded:
    """Return the object that a JSON document of the served version stands for. BadRequest where it is malformed."""
    current = versions.to_current(served.kind, served.api_version, document)
    message, complaints = codec.decode(served.kind.message, current)
    return Decoded(message, tuple(complaints))


def decode_plain(message_type: type[M], names: tuple[str, ...], body: bytes, content_type: str) -> M:
    """Return a message that is no stored kind, such as an Eviction.

    `names` are the apiVersions that it may come in, none for any. An empty body stands for an empty message.
    """
    name = message_type.DESCRIPTOR.name
    media_type = documents.content_type(content_type)
    if not body:
        return message_type()
    if media_type == media.PROTOBUF:
        return parse(message_type, documents.read_envelope(body).raw)
    document = documents.read_object(body, media_type, name)
    if document.get("kind", name) != name:
        raise _wrong_kind(name, names[0] if names else "v1", document)
    if names and document.get("apiVersion", names[0]) not in names:
        raise _wrong_version(document["apiVersion"], names[0])
    message, _ = codec.decode(message_type, without_type(document))
    return message


def check_type(kind: str, api_version: str, document: dict[str, Any]) -> None:
    """Refuse a document that names another kind or version than the path; naming none is fine."""
    named_kind, named_version = document.get("kind") or kind, document.get("apiVersion") or api_version
    if not isinstance(named_kind, str) or not isinstance(named_version, str):
        raise unhandled(kind, api_version, "apiVersion and kind must be strings")
    if named_version != api_version:
        raise _wrong_version(named_version, api_version)
    if named_kind != kind:
        raise _wrong_kind(kind, api_version, document)


def parse(message_type: type[M], raw: bytes) -> M:
    """Return a message from Kubernetes' protobuf form of it.

    Go writes every scalar and every struct that is not a pointer, be it empty. JSON leaves those out, and so do we:
    by way of JSON the message becomes what the same object in JSON would have become.
    """
    try:
        message = message_type.FromString(raw)
    except DecodeError:
        raise BadRequest(f"the protobuf message is no {message_type.DESCRIPTOR.name}") from None
    plain, _ = codec.decode(message_type, codec.encode(message))
    return plain


def strict_text(complaints: tuple[str, ...]) -> str:
    """Return Kubernetes' text for fields that strict decoding refuses."""
    return "strict decoding error: " + ", ".join(complaints)


def unhandled(kind: str, api_version: str, text: str) -> BadRequest:
    """Return the error for a body that names the right kind and is still none."""
    version = api_version.rpartition("/")[2]
    return BadRequest(f'{kind} in version "{version}" cannot be handled as a {kind}: {text}')


def _decode_envelope(served: ServedResource, envelope: documents.Envelope) -> Decoded:
    document = {"kind": envelope.kind, "apiVersion": envelope.api_version}
    check_type(served.kind.name, served.api_version, document)
    if not served.is_current:
        raise documents.unsupported(media.JSON, media.YAML)
    return Decoded(parse(served.kind.message, envelope.raw))


def without_type(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without apiVersion and kind, which messages that are no stored kind do not have as fields."""
    return {key: value for key, value in document.items() if key not in {"kind", "apiVersion"}}


def _wrong_kind(kind: str, api_version: str, document: dict[str, Any]) -> BadRequest:
    version, named = api_version.rpartition("/")[2], document["kind"]
    return BadRequest(
        f'{named} in version "{version}" cannot be handled as a {kind}: '
        f'no kind "{named}" is registered for version "{api_version}" at this path'
    )


def _wrong_version(named: str, expected: str) -> BadRequest:
    return BadRequest(f"the API version in the data ({named}) does not match the expected API version ({expected})")
