"""Apply JSON patches (RFC 6902). Pure: no I/O, clock or randomness.

As in the library that Kubernetes uses, an index may be negative, counting from the end, and an absent value is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from statefleet.errors import BadRequest, TooLarge
from statefleet.objects.nesting import TOO_DEEP, is_too_deep
from statefleet.objects.patch.refusals import unprocessable

_MAX_OPERATIONS: Final = 10_000
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,9}")
_JSON_TYPES: Final = ((bool, "bool"), (dict, "object"), (list, "array"), (str, "string"), (int | float, "number"))

Operation = dict[str, Any]


def json_patch(document: Any, operations: Any) -> Any:
    """Return the document as the operations change it, all or none.

    BadRequest where the patch is no list of objects or nests too deep, TooLarge beyond 10,000 operations, Invalid
    where one does not apply.
    """
    changed = _duplicate(document)
    for operation in _checked(operations):
        apply = _OPERATIONS.get(str(operation.get("op")))
        if apply is None:
            raise unprocessable()
        changed = apply(changed, operation)
    if is_too_deep(changed):
        raise BadRequest(TOO_DEEP)
    return changed


def _duplicate(value: Any) -> Any:
    """Return a deep copy of a JSON value; by way of its text that is many times faster than copy.deepcopy."""
    try:
        return orjson.loads(orjson.dumps(value))
    except orjson.JSONEncodeError:
        raise BadRequest(TOO_DEEP) from None


def _checked(operations: Any) -> list[Operation]:
    if operations is None:
        return []
    if not isinstance(operations, list):
        raise _not_a("jsonpatch.Patch", operations)
    for operation in operations:
        if not isinstance(operation, dict):
            raise _not_a("jsonpatch.Operation", operation)
    if len(operations) > _MAX_OPERATIONS:
        raise TooLarge(f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(operations)}")
    return operations


def _not_a(wanted: str, value: Any) -> BadRequest:
    found = next((name for types, name in _JSON_TYPES if isinstance(value, types)), "null")
    return BadRequest(f"json: cannot unmarshal {found} into Go value of type {wanted}")


def _steps(operation: Operation, name: str) -> list[str]:
    """Return the steps of a JSON pointer, none for the whole document."""
    pointer = operation.get(name)
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise unprocessable()
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _index(step: str, size: int) -> int:
    """Return the position that a step names among `size` ones."""
    if not _INDEX.fullmatch(step) or not -size <= int(step) < size:
        raise unprocessable()
    return int(step) % size


def _child(container: Any, step: str) -> Any:
    if isinstance(container, dict) and step in container:
        return container[step]
    if isinstance(container, list):
        return container[_index(step, len(container))]
    raise unprocessable()


def _value_at(document: Any, steps: list[str]) -> Any:
    for step in steps:
        document = _child(document, step)
    return document


def _put(document: Any, steps: list[str], value: Any) -> Any:
    """Add a value where the steps lead, before what is there in a list. Return the document."""
    if not steps:
        return value
    container, last = _value_at(document, steps[:-1]), steps[-1]
    if isinstance(container, dict):
        container[last] = value
    elif isinstance(container, list):
        at_end = last == "-"
        container.insert(len(container) if at_end else _index(last, len(container) + 1), value)
    else:
        raise unprocessable()
    return document


def _take(document: Any, steps: list[str]) -> Any:
    """Remove the value that the steps lead to, and return it."""
    if not steps:
        raise unprocessable()
    container, last = _value_at(document, steps[:-1]), steps[-1]
    value = _child(container, last)
    if isinstance(container, list):
        del container[_index(last, len(container))]
    else:
        del container[last]
    return value


def _add(document: Any, operation: Operation) -> Any:
    return _put(document, _steps(operation, "path"), _duplicate(operation.get("value")))


def _remove(document: Any, operation: Operation) -> Any:
    _take(document, _steps(operation, "path"))
    return document


def _replace(document: Any, operation: Operation) -> Any:
    steps = _steps(operation, "path")
    if steps:
        _take(document, steps)
    return _put(document, steps, _duplicate(operation.get("value")))


def _move(document: Any, operation: Operation) -> Any:
    origin, target = _steps(operation, "from"), _steps(operation, "path")
    if target[: len(origin)] == origin and len(target) > len(origin):
        raise unprocessable()
    return _put(document, target, _take(document, origin))


def _copy(document: Any, operation: Operation) -> Any:
    origin, target = _steps(operation, "from"), _steps(operation, "path")
    return _put(document, target, _duplicate(_value_at(document, origin)))


def _test(document: Any, operation: Operation) -> Any:
    if not _equal(_found(document, _steps(operation, "path")), operation.get("value")):
        raise unprocessable()
    return document


def _found(document: Any, steps: list[str]) -> Any:
    """Return the value that the steps lead to; a key that an object has not is null to a test."""
    container = _value_at(document, steps[:-1])
    if steps and isinstance(container, dict):
        return container.get(steps[-1])
    return _value_at(document, steps)


def _equal(left: Any, right: Any) -> bool:
    """Return whether JSON values are equal; true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


_OPERATIONS: Final[dict[str, Callable[[Any, Operation], Any]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
