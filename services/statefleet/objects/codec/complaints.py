"""Tell what is wrong with a JSON value, and where. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor

from statefleet.objects import schema
from statefleet.objects.codec.values import MismatchError
from statefleet.objects.schema import Shape


class MalformedError(Exception):
    """A value that its field cannot take, and the path to it, the outermost step last."""

    def __init__(self, cause: ValueError, owner: Descriptor) -> None:
        super().__init__()
        self._cause = cause
        self._owner = owner.name
        self.steps: list[str] = []

    def text(self, path: str) -> str:
        """Return the text as Kubernetes would write it, below a path."""
        if isinstance(self._cause, MismatchError):
            names = [step for step in (*self.steps, path) if step and not step.startswith("[")]
            where = ".".join((self._owner, *reversed(names)))
            found, wanted = self._cause.found, self._cause.wanted
            return f"json: cannot unmarshal {found} into Go struct field {where} of type {wanted}"
        for step in reversed(self.steps):
            path = _join(path, step)
        return f"{path}: {self._cause}"


def _join(path: str, step: str) -> str:
    return f"{path}.{step}" if path and not step.startswith("[") else f"{path}{step}"


def unknown_fields(descriptor: Descriptor, value: dict[str, Any], path: str) -> Iterator[str]:
    """Return the paths of fields that no message has, in the order of the document."""
    known, type_meta = schema.json_fields(descriptor), schema.type_meta(descriptor)
    for name, item in value.items():
        where = _join(path, name)
        field = known.get(name)
        if field is None:
            if name not in type_meta:
                yield where
        elif field.is_object and item is not None:
            elements = enumerate(item) if field.shape is Shape.LIST else ((None, item),)
            for index, element in elements:
                if element is not None:
                    inner = where if index is None else f"{where}[{index}]"
                    yield from unknown_fields(field.nested, element, inner)
