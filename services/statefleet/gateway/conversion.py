"""Turn JSON documents of an old API version into the current one and back, each with its own version's defaults.

Pure: no I/O, clock or randomness. Documents are dictionaries that nobody has checked yet: where one is malformed it
passes unchanged, for decoding to complain about it. Inputs are never changed; an output may share parts with its
input, so treat it as read-only too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from statefleet.objects.meta import TEMPLATE_GENERATION_ANNOTATION

Document = dict[str, Any]
Step = Callable[[Document], Document]

_HISTORY_LIMIT: Final = 10
_EMPTY_SELECTOR_LABEL: Final = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"
_NOTHING: Final = {"matchExpressions": [{"key": _EMPTY_SELECTOR_LABEL, "operator": "Exists"}]}
"""What policy/v1 makes of policy/v1beta1's empty selector. No pod has the label."""
_EVERYTHING: Final = {"matchExpressions": [{"key": _EMPTY_SELECTOR_LABEL, "operator": "DoesNotExist"}]}
"""What policy/v1beta1 makes of policy/v1's empty selector."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """The ways between an old version and the current one, apart from apiVersion itself."""

    to_current: Step = lambda document: document
    from_current: Step = lambda document: document


def _part(document: Document, *path: str) -> Document:
    """Return a nested object; an empty one where it is absent, null or no object."""
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _is_absent(document: Document, name: str) -> bool:
    return document.get(name) is None


def _is_malformed(document: Document, *names: str) -> bool:
    return any(not isinstance(document.get(name, {}), dict | None) for name in names)


def _on_delete_set(document: Document) -> Document:
    """Apply what apps/v1beta1 and extensions/v1beta1 default and apps/v1 does not, or does otherwise.

    The selector and the set's own labels come from the template, and pods are replaced only when somebody deletes
    them.
    """
    if _is_malformed(document, "metadata", "spec"):
        return document
    spec = dict(_part(document, "spec"))
    metadata = _part(document, "metadata")
    labels = _part(spec, "template", "metadata", "labels")
    if labels and _is_absent(spec, "selector"):
        spec["selector"] = {"matchLabels": dict(labels)}
    if labels and not metadata.get("labels"):
        metadata = {**metadata, "labels": dict(labels)}
    if not _is_malformed(spec, "updateStrategy") and not _part(spec, "updateStrategy").get("type"):
        spec["updateStrategy"] = {**_part(spec, "updateStrategy"), "type": "OnDelete"}
    if _is_absent(spec, "revisionHistoryLimit"):
        spec["revisionHistoryLimit"] = _HISTORY_LIMIT
    return {**document, "metadata": metadata, "spec": spec}


def _generation_to_annotation(document: Document) -> Document:
    """Move spec.templateGeneration of extensions/v1beta1 to the annotation that apps/v1 keeps it in."""
    spec = _part(document, "spec")
    if "templateGeneration" not in spec or _is_malformed(document, "metadata"):
        return document
    generation = spec["templateGeneration"]
    rest = {name: value for name, value in spec.items() if name != "templateGeneration"}
    if generation is None:
        return {**document, "spec": rest}
    if type(generation) is not int:
        return document
    metadata = _part(document, "metadata")
    annotations = {**_part(metadata, "annotations"), TEMPLATE_GENERATION_ANNOTATION: str(generation)}
    return {**document, "metadata": {**metadata, "annotations": annotations}, "spec": rest}


def _annotation_to_generation(document: Document) -> Document:
    metadata = _part(document, "metadata")
    annotations = dict(_part(metadata, "annotations"))
    text = annotations.pop(TEMPLATE_GENERATION_ANNOTATION, None)
    if not isinstance(text, str) or not text.isdecimal():
        return document
    rest = {name: value for name, value in metadata.items() if name != "annotations"}
    if annotations:
        rest["annotations"] = annotations
    return {**document, "metadata": rest, "spec": {**_part(document, "spec"), "templateGeneration": int(text)}}


def _selector_replaced(document: Document, old: Document, new: Document) -> Document:
    """Swap one selector for another where the budget has exactly that one."""
    spec = _part(document, "spec")
    selector = spec.get("selector")
    if not isinstance(selector, dict) or {name: part for name, part in selector.items() if part} != old:
        return document
    return {**document, "spec": {**spec, "selector": new}}


_SAME: Final = Conversion()
_ON_DELETE_STATEFUL_SET: Final = Conversion(to_current=_on_delete_set)
_EXTENSIONS_DAEMON_SET: Final = Conversion(
    to_current=lambda document: _on_delete_set(_generation_to_annotation(document)),
    from_current=_annotation_to_generation,
)
_BETA_BUDGET: Final = Conversion(
    to_current=lambda document: _selector_replaced(_selector_replaced(document, {}, _NOTHING), _EVERYTHING, {}),
    from_current=lambda document: _selector_replaced(_selector_replaced(document, {}, _EVERYTHING), _NOTHING, {}),
)

CONVERSIONS: Final[dict[tuple[str, str], Conversion]] = {
    ("StatefulSet", "apps/v1beta1"): _ON_DELETE_STATEFUL_SET,
    ("StatefulSet", "apps/v1beta2"): _SAME,
    ("DaemonSet", "apps/v1beta2"): _SAME,
    ("DaemonSet", "extensions/v1beta1"): _EXTENSIONS_DAEMON_SET,
    ("ControllerRevision", "apps/v1beta1"): _SAME,
    ("ControllerRevision", "apps/v1beta2"): _SAME,
    ("PodDisruptionBudget", "policy/v1beta1"): _BETA_BUDGET,
    ("Eviction", "policy/v1beta1"): _SAME,
}
"""Every old version that is served, by kind and apiVersion."""
