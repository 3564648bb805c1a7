"""Which objects a list or a watch is about. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from statefleet.objects.field_selectors import FieldSelector
from statefleet.objects.kinds import Kind
from statefleet.objects.selectors import LabelSelector
from statefleet.store.entries import Entry


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects of one kind, by namespace, labels and fields; each may be left open."""

    kind: Kind[Any]
    namespace: str = ""
    labels: LabelSelector | None = None
    fields: FieldSelector | None = None

    @classmethod
    def parse(cls, kind: Kind[Any], namespace: str, labels: str, fields: str) -> Selection:
        """Return the selection that a request's texts mean. BadRequest where they mean none."""
        return cls(
            kind,
            namespace if kind.namespaced else "",
            LabelSelector.parse(labels) if labels else None,
            FieldSelector.parse(kind, fields) if fields else None,
        )

    @property
    def by_content(self) -> Callable[[Entry], bool] | None:
        """Tell by labels and fields whether an object is selected; None where neither is asked for."""
        return None if self.labels is None and self.fields is None else self.is_content_selected

    def is_content_selected(self, entry: Entry) -> bool:
        """Return whether labels and fields are as asked, whatever the namespace."""
        message = entry.message
        if self.labels is not None and not self.labels.matches(message.metadata.labels):
            return False
        return self.fields is None or self.fields.matches(message)

    def selects(self, entry: Entry) -> bool:
        """Return whether an object of the kind is selected."""
        if self.namespace and entry.key.namespace != self.namespace:
            return False
        return (self.labels is None and self.fields is None) or self.is_content_selected(entry)
