"""Apply strategic merge patches. Pure: no I/O, clock or randomness.

Kubernetes' form of patch: lists of objects are merged by a key that the schema names, and directives in the patch
delete, replace and order (`$patch`, `$retainKeys`, `$deleteFromPrimitiveList/...`, `$setElementOrder/...`).
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from statefleet.errors import BadRequest, Internal
from statefleet.objects import schema
from statefleet.objects.nesting import TOO_DEEP, is_too_deep
from statefleet.objects.patch.ordering import Identify, ordered
from statefleet.objects.patch.refusals import go_text
from statefleet.objects.schema import Field

JsonObject = dict[str, Any]

_DIRECTIVE: Final = "$patch"
_RETAIN_KEYS: Final = "$retainKeys"
_DELETE_FROM: Final = "$deleteFromPrimitiveList"
_SET_ORDER: Final = "$setElementOrder"
_NO_ORDER: Final = "invalid patch format of setElementOrder list"
_NO_PRIMITIVES: Final = "invalid patch format of primitive list"
_NO_RETAINED_KEYS: Final = "invalid patch format of retainKeys"


def strategic_merge_patch(message_type: type[Message], document: JsonObject, patch: Any) -> JsonObject:
    """Return the document of a message type as the patch changes it.

    BadRequest where a directive is malformed or the patch nested too deep. Internal, as Kubernetes has it, where an
    item lacks its merge key, an order contradicts its list or a `$patch` directive is unknown.
    """
    if patch is None:
        return document
    if not isinstance(patch, dict):
        raise BadRequest("invalid JSON document")
    if is_too_deep(patch):
        raise BadRequest(TOO_DEEP)
    descriptor: Any = message_type.DESCRIPTOR
    return _merge_object(document, patch, descriptor)


def _merge_object(original: JsonObject, patch: JsonObject, descriptor: Descriptor | None) -> JsonObject:
    """Return an object as a patch changes it. Without a descriptor it is a map or raw JSON."""
    if _DIRECTIVE in patch:
        return _directed(patch)
    merged = _retained(original, patch)
    known = schema.json_fields(descriptor) if descriptor is not None else {}
    for key, value in patch.items():
        if key == _RETAIN_KEYS or key.startswith(_SET_ORDER):
            continue
        if key.startswith(_DELETE_FROM):
            name = _directive_target(key, _DELETE_FROM, _NO_PRIMITIVES)
            if isinstance(merged.get(name), list):
                merged[name] = _without(merged[name], value)
        elif value is None:
            merged.pop(key, None)
        else:
            _merge_value(merged, key, value, known.get(key))
    for key, order in patch.items():
        if key.startswith(_SET_ORDER):
            name = _directive_target(key, _SET_ORDER, _NO_ORDER)
            _set_order(merged, original.get(name), patch.get(name), name, order, known.get(name))
    return merged


def _directed(patch: JsonObject) -> JsonObject:
    """Return what an object becomes by its `$patch` directive."""
    if patch[_DIRECTIVE] == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if patch[_DIRECTIVE] == "delete":
        return {}
    raise _unknown_directive(patch)


def _unknown_directive(patch: JsonObject) -> Internal:
    return Internal(f"unknown patch type: {go_text(patch[_DIRECTIVE])} in map: {go_text(patch)}")


def _retained(original: JsonObject, patch: JsonObject) -> JsonObject:
    """Return a copy of the object with only the keys that the patch retains, if it says which."""
    if _RETAIN_KEYS not in patch:
        return dict(original)
    retained = patch[_RETAIN_KEYS]
    if not isinstance(retained, list):
        raise BadRequest(_NO_RETAINED_KEYS)
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and key not in retained:
            raise BadRequest(_NO_RETAINED_KEYS)
    return {key: value for key, value in original.items() if key in retained}


def _directive_target(key: str, prefix: str, problem: str) -> str:
    """Return the field that a directive such as $setElementOrder/containers is about."""
    found, slash, name = key.partition("/")
    if found != prefix or not slash:
        raise BadRequest(problem)
    return name


def _without(items: list[Any], deleted: Any) -> list[Any]:
    if not isinstance(deleted, list):
        raise BadRequest(_NO_PRIMITIVES)
    return [item for item in items if item not in deleted]


def _merge_value(merged: JsonObject, key: str, value: Any, field: Field | None) -> None:
    """Merge one value of a patch into the object."""
    current = merged.get(key)
    if isinstance(value, dict):
        if _replaces(field) and current is not None:
            merged[key] = value
        elif isinstance(current, dict) or value.get(_DIRECTIVE) != "delete":
            nested = field.message if field is not None and field.is_object else None
            merged[key] = _merge_object(current if isinstance(current, dict) else {}, value, nested)
    elif isinstance(value, list) and field is not None and "merge" in field.strategies:
        merged[key] = _merge_list(current if isinstance(current, list) else [], value, field)
    else:
        merged[key] = value


def _replaces(field: Field | None) -> bool:
    return field is not None and "replace" in field.strategies


def _merge_list(original: list[Any], patch: list[Any], field: Field) -> list[Any]:
    """Return a list whose items are merged with the patch's."""
    if not field.is_object:
        merged = list(dict.fromkeys((*original, *_scalars(patch))))
        return ordered(merged, patch, original, _comparable)
    identify = _identify_by(field)
    kept, changes = _special_items(original, _objects(patch, field), field)
    merged = list(kept)
    for change in changes:
        identity = identify(change)
        position = next((at for at, item in enumerate(merged) if identify(item) == identity), None)
        if position is None:
            merged.append(_merge_object({}, change, field.message))
        else:
            merged[position] = _merge_object(merged[position], change, field.message)
    return ordered(merged, changes, kept, identify)


def _special_items(original: list[Any], patch: list[JsonObject], field: Field) -> tuple[list[Any], list[JsonObject]]:
    """Return the items left by the directives among the patch's items, and the patch's other items."""
    identify = _identify_by(field)
    replaces, kept = False, original
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if directive == "delete":
            identity = identify(item)
            kept = [other for other in kept if identify(other) != identity]
        elif directive == "replace":
            replaces = True
        elif directive == "merge":
            raise Internal("merging lists cannot yet be specified in the patch")
        elif _DIRECTIVE in item:
            raise _unknown_directive(item)
    changes = [item for item in patch if _DIRECTIVE not in item]
    return ([], changes) if replaces else (kept, changes)


def _identify_by(field: Field) -> Identify:
    def identify(item: JsonObject) -> Any:
        if field.merge_key not in item:
            raise Internal(f"map: {go_text(item)} does not contain declared merge key: {field.merge_key}")
        return _comparable(item[field.merge_key])

    return identify


def _comparable(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise Internal(f"{go_text(value)} cannot name an item of a list")
    return value


def _objects(items: list[Any], field: Field) -> list[JsonObject]:
    for item in items:
        if not isinstance(item, dict):
            raise Internal(f"list element types are not identical: {field.json_name} has {go_text(item)}")
    return items


def _scalars(items: list[Any]) -> list[Any]:
    return [_comparable(item) for item in items]


def _set_order(merged: JsonObject, before: Any, patch: Any, name: str, order: Any, field: Field | None) -> None:
    """Order a merged list as the patch's `$setElementOrder` asks."""
    if not isinstance(order, list):
        raise BadRequest(_NO_ORDER)
    items = merged.get(name)
    if not isinstance(items, list):
        return
    identify: Identify = _identify_by(field) if field is not None and field.merge_key else _comparable
    changed = [item for item in patch or [] if not isinstance(item, dict) or _DIRECTIVE not in item]
    _check_order(changed, order, identify)
    merged[name] = ordered(items, order, before or [], identify)


def _check_order(changed: list[Any], order: list[Any], identify: Identify) -> None:
    """Raise Internal unless the items of the patch occur in the order, as they follow one another."""
    wanted = iter([identify(item) for item in order])
    for item in changed:
        if not any(identify(item) == other for other in wanted):
            raise Internal(
                f"The order in patch list:\n{go_text(changed)}\n doesn't match {_SET_ORDER} list:\n{go_text(order)}\n"
            )
