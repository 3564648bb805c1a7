"""One attempt at a write: the state it is decided from, and what is to be proposed. No I/O."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from statefleet.api.log.v1.log_pb2 import Author, Change, MarkCheck, Transaction
from statefleet.api.object.v1.verbs_pb2 import Fence, Slot
from statefleet.objects.kinds import Kind
from statefleet.runtime.rand import Rand
from statefleet.store.entries import Entry, Key
from statefleet.store.rejections import OBJECT_LIMIT_BYTES, too_large
from statefleet.store.state import State


class Draft:
    """Collects the changes, checks and marks of one transaction, decided from `state` at its version now.

    A strategy may add to it: warnings for the caller, further changes, marks that say what was decided and checks
    that nothing contrary was decided since.
    """

    __slots__ = ("_changes", "_checks", "_marks", "manager", "now", "rand", "state", "warnings")

    def __init__(self, state: State, now: float, rand: Rand, manager: str = "") -> None:
        self.state = state
        self.now = now
        """Seconds since the Unix epoch."""
        self.rand = rand
        self.manager = manager
        """The field manager that writes, empty where it does not say."""
        self.warnings: list[str] = []
        self._changes: dict[Key, Change] = {}
        self._checks: dict[str, int] = {}
        self._marks: dict[str, None] = {}

    def __bool__(self) -> bool:
        """Return whether there is anything to propose."""
        return bool(self._changes)

    def create(self, kind: Kind[Any], message: Message, slot: Slot | None = None) -> None:
        """Add an object. Refused at apply where one of its name exists or the slot is full."""
        self._put(kind, message, 0, slot)

    def replace(self, kind: Kind[Any], message: Message, stored: Entry) -> None:
        """Put an object in the place of `stored`. Refused at apply where that has changed."""
        self._put(kind, message, stored.version, None)

    def remove(self, stored: Entry) -> None:
        """Delete an object. Refused at apply where it has changed."""
        key = stored.key
        self._changes[key] = Change(key=key.to_message(), expected_version=stored.version)

    def mark(self, name: str) -> None:
        """Set a mark, so that decisions that rest on an older state can be refused."""
        self._marks[name] = None

    def check(self, mark: str, not_after: int | None = None) -> None:
        """Refuse at apply where the mark was set after a version, by default the state's."""
        self._checks[mark] = self.state.version if not_after is None else not_after

    def transaction(self, fence: Fence | None, author: Author | None = None) -> Transaction:
        """Return what is to be proposed, asked for by `author`; None: by the service itself."""
        return Transaction(
            changes=self._changes.values(),
            fence=fence,
            checks=[MarkCheck(mark=mark, not_after=version) for mark, version in self._checks.items()],
            marks=self._marks,
            author=author,
        )

    def _put(self, kind: Kind[Any], message: Any, expected: int, slot: Slot | None) -> None:
        # The replica stamps the version: it is not known before the record is applied.
        version = message.metadata.resource_version
        message.metadata.ClearField("resource_version")
        data = kind.wrap(message).SerializeToString()
        if version:
            message.metadata.resource_version = version
        if len(data) > OBJECT_LIMIT_BYTES:
            raise too_large(len(data))
        meta = message.metadata
        key = Key(kind.name, meta.namespace, meta.name)
        self._changes[key] = Change(key=key.to_message(), expected_version=expected, object=data, slot=slot)
