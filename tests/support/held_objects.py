"""Objects in a list, for what reads the workers' cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from statefleet.objects.kinds import Kind, kind_of
from statefleet.objects.meta import controller_of


class HeldObjects:
    """As much of the cache as the exposition reads."""

    def __init__(self, messages: Iterable[Any]) -> None:
        self.messages = list(messages)

    def by_owner(self, kind: Kind[Any], uid: str) -> list[Any]:
        owned = ((message, controller_of(message.metadata)) for message in self.list(kind))
        return [message for message, owner in owned if owner is not None and owner.uid == uid]

    def list(self, kind: Kind[Any]) -> list[Any]:
        return [message for message in self.messages if kind_of(message) is kind]
