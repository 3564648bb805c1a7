"""How bodies are read."""

import pytest

from statefleet.errors import BadRequest, UnsupportedMediaType
from statefleet.gateway import documents


def test_json_is_the_default() -> None:
    assert documents.content_type("") == "application/json"
    assert documents.content_type("Application/JSON; charset=utf-8") == "application/json"


@pytest.mark.parametrize("body", [b"", b'{"apiVersion":', b"[]", b"null", b"3", b'"x"'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"the object provided is unrecognized \(must be of type Pod\)"):
        documents.read_object(body, "application/json", "Pod")


def test_yaml_keeps_dates_as_text() -> None:
    body = b"metadata:\n  annotations: {at: 2030-01-02, on: yes}\n"
    document = documents.read_object(body, "application/yaml", "Pod")
    assert document["metadata"]["annotations"]["at"] == "2030-01-02"


def test_malformed_yaml_is_refused() -> None:
    with pytest.raises(BadRequest, match="yaml parse error"):
        documents.read_object(b"a: [", "application/yaml", "Pod")


def test_other_types_are_unsupported() -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        documents.read(b"{}", "text/plain")


def test_repeated_keys_are_found_with_their_paths() -> None:
    body = b'{"a":1,"a":2,"spec":{"list":[{"x":1},{"y":1,"y":[]}]},"b":[["k","v"],["k","v"]]}'
    assert documents.duplicates(body) == ['duplicate field "a"', 'duplicate field "spec.list[1].y"']


def test_a_tidy_body_repeats_nothing() -> None:
    assert documents.duplicates(b'{"a":{"b":1},"c":{"b":1}}') == []


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


def test_the_envelope_tells_type_and_content() -> None:
    body = (
        documents.MAGIC
        + _field(1, _field(1, b"apps/v1") + _field(2, b"StatefulSet"))
        + _field(2, b"raw")
        + _field(3, b"")
    )
    assert documents.read_envelope(body) == documents.Envelope("apps/v1", "StatefulSet", b"raw")


@pytest.mark.parametrize(
    "body", [b"{}", documents.MAGIC + b"\x0a\x7f", documents.MAGIC + b"\x08\x01", documents.MAGIC + b"\x0a"]
)
def test_a_damaged_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        documents.read_envelope(body)
