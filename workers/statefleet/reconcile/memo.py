"""Derive something from each cached object once for each of its versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from google.protobuf.message import Message

from statefleet.objects.kinds import Kind
from statefleet.reconcile.cache import Cache

M = TypeVar("M", bound=Message)
V = TypeVar("V")
P = ParamSpec("P")


class Memo(Generic[M, V]):
    """A function of cached objects whose answers are kept for as long as the cache holds the object unchanged."""

    def __init__(self, cache: Cache, kind: Kind[M], derive: Callable[[M], V]) -> None:
        self._derive = derive
        self._answers: dict[int, tuple[M, V]] = {}
        cache.subscribe(kind, self._forget)

    def __call__(self, message: M) -> V:
        """Return the function's answer for an object that the cache holds."""
        found = self._answers.get(id(message))
        if found is not None:
            return found[1]
        answer = self._derive(message)
        # The object is kept with the answer: while it lives no other can have its id.
        self._answers[id(message)] = (message, answer)
        return answer

    def _forget(self, before: M | None, _after: Any) -> None:
        if before is not None:
            self._answers.pop(id(before), None)
