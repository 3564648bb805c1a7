"""How the form of an answer is chosen."""

from typing import Any

import pytest

from statefleet.errors import NotAcceptable
from statefleet.gateway.media import Accepted, Form, negotiate

METADATA = (
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Accepted()),
        ("*/*", Accepted()),
        ("application/json", Accepted()),
        ("application/json;q=0.9", Accepted()),
        ("application/vnd.kubernetes.protobuf,application/json", Accepted()),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Accepted(Form.TABLE)),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Accepted()),
        (METADATA, Accepted(Form.METADATA)),
        ("application/yaml", Accepted(yaml=True)),
    ],
)
def test_the_first_served_form_is_taken(accept: str, expected: Any) -> None:
    assert negotiate(accept) == expected


@pytest.mark.parametrize(
    "accept", ["application/vnd.kubernetes.protobuf", "text/html", "application/json;as=Chart;v=v1"]
)
def test_nothing_served_is_an_error(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(accept)
