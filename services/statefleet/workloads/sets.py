"""The rules of StatefulSets, DaemonSets and budgets: their spec is counted by a generation. Pure."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from google.protobuf.message import Message

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.objects.meta import TEMPLATE_GENERATION_ANNOTATION
from statefleet.store.draft import Draft
from statefleet.store.strategy import Strategy

M = TypeVar("M", bound=Message)

_LONGEST_COUNT = 18
"""In digits: what surely fits an integer of 64 bits."""


class DeclaredStrategy(Strategy[M]):
    """What a user declares and a worker brings about: the worker's status names the generation that it has seen."""

    has_generation: ClassVar[bool] = True


class DaemonSetStrategy(DeclaredStrategy[DaemonSet]):
    """A DaemonSet counts the changes of its template for clients of old versions; nothing here reads the count."""

    def allocate(self, new: DaemonSet, old: DaemonSet | None, draft: Draft) -> None:  # noqa: ARG002
        """Keep the count in the annotation that apps/v1 has for it. A caller sets it at most to begin with."""
        annotations = new.metadata.annotations
        count = _template_generation(new if old is None else old)
        if old is not None and new.spec.template != old.spec.template:
            count += 1
        annotations[TEMPLATE_GENERATION_ANNOTATION] = str(count)


def _template_generation(daemon_set: DaemonSet) -> int:
    text = daemon_set.metadata.annotations.get(TEMPLATE_GENERATION_ANNOTATION, "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT else 1
