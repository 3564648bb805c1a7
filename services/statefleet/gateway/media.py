"""Choose the form of an answer from the Accept header. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from statefleet.errors import NotAcceptable

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"


class Form(Enum):
    """What stands for an object in an answer."""

    OBJECT = auto()
    TABLE = auto()
    METADATA = auto()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The chosen form and encoding."""

    form: Form = Form.OBJECT
    yaml: bool = False


_FORMS = {
    "Table": Form.TABLE,
    "PartialObjectMetadata": Form.METADATA,
    "PartialObjectMetadataList": Form.METADATA,
}


@lru_cache(maxsize=256)
def negotiate(accept: str) -> Accepted:
    """Return the first served form that an Accept header names. NotAcceptable where it names none.

    Clauses are tried in the order in which they stand, as Kubernetes' clients write them: weights are not looked at.
    """
    if not accept.strip():
        return Accepted()
    for media_type, parameters in _clauses(accept):
        chosen = _serve(media_type, parameters)
        if chosen is not None:
            return chosen
    raise NotAcceptable(f"only the following media types are accepted: {JSON}, {YAML}")


def _serve(media_type: str, parameters: dict[str, str]) -> Accepted | None:
    if media_type in {JSON, "*/*", "application/*"}:
        yaml = False
    elif media_type == YAML:
        yaml = True
    else:
        return None
    wanted = parameters.get("as")
    if wanted is None:
        return Accepted(yaml=yaml)
    form = _FORMS.get(wanted)
    if form is None or parameters.get("g") != "meta.k8s.io" or parameters.get("v") != "v1":
        return None
    return Accepted(form, yaml)


def parse(header: str) -> tuple[str, dict[str, str]]:
    """Split one media type from its parameters, both in lower-case names."""
    media_type, *rest = header.split(";")
    pairs = (item.partition("=") for item in rest)
    return media_type.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _clauses(accept: str) -> Iterator[tuple[str, dict[str, str]]]:
    return (parse(clause) for clause in accept.split(",") if clause.strip())
