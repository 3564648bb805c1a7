"""An object in nobody's store, which managers apply to and update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statefleet.objects.codec import decode, encode
from statefleet.objects.kinds import Kind
from statefleet.objects.managed import (
    UPDATE,
    Application,
    Author,
    Entries,
    apply,
    changed,
    created,
    updated,
)

SECOND = 10**9


class Owned:
    """An object and who owns what of it. Each write takes a second."""

    def __init__(self, kind: Kind[Any]) -> None:
        self.kind = kind
        self.message: Any = None
        self.entries: Entries = {}
        self.now = 0

    @property
    def document(self) -> dict[str, Any]:
        return encode(self.message)

    def apply(
        self, manager: str, configuration: Mapping[str, Any], *, force: bool = False, subresource: str = ""
    ) -> None:
        document = {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.name,
            **configuration,
            "metadata": {**configuration.get("metadata", {}), "name": "a"},
        }
        application = Application(manager, self.kind.api_version, document, subresource, force, self._later())
        live = self.kind.message() if self.message is None else self.message
        self.message, self.entries = apply(live, self.entries, application, is_new=self.message is None)

    def update(self, manager: str, document: Mapping[str, Any]) -> None:
        """Replace the object by what a document says; create it where there is none."""
        message, _ = decode(
            self.kind.message, {**document, "metadata": {**document.get("metadata", {}), "name": "a"}}
        )
        author = Author(manager, UPDATE, self.kind.api_version)
        if self.message is None:
            self.entries = created(message, author, self._later(), {})
        else:
            self.entries = updated(self.entries, author, changed(self.message, message), self._later())
        self.message = message

    def owners(self) -> dict[str, Any]:
        """Return the fields of each manager."""
        return {author.manager: owned.fields for author, owned in self.entries.items()}

    def times(self) -> dict[str, int | None]:
        return {author.manager: owned.time_ns for author, owned in self.entries.items()}

    def _later(self) -> int:
        self.now += SECOND
        return self.now
