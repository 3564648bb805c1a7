"""Derive something from each cached object once for each of its versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from google.protobuf.message import Message

from statefleet.objects.kinds import Kind
from statefleet.reconcile.cache import Cache

M = TypeVar("M", bound=Message)
V = TypeVar("V")
P = ParamSpec("P")


class Memo(Generic[M, P, V]):
    """A function of cached objects whose answers are kept for as long as the cache holds the object unchanged.

    Further arguments reach the function when it is first called for a version of an object, and count only then: they
    must be what they will always be for that object.
    """

    def __init__(self, cache: Cache, kind: Kind[M], derive: Callable[Concatenate[M, P], V]) -> None:
        self._derive = derive
        self._answers: dict[int, tuple[M, V]] = {}
        cache.subscribe(kind, self._forget)

    def __call__(self, message: M, *args: P.args, **kwargs: P.kwargs) -> V:
        """Return the function's answer for an object that the cache holds."""
        found = self._answers.get(id(message))
        if found is not None:
            return found[1]
        answer = self._derive(message, *args, **kwargs)
        # The object is kept with the answer: while it lives no other can have its id.
        self._answers[id(message)] = (message, answer)
        return answer

    def of_each(self, messages: Iterable[M], *args: P.args, **kwargs: P.kwargs) -> list[V]:
        """Return the function's answers for objects that the cache holds: for many, faster than one by one."""
        known = self._answers
        return [
            found[1] if (found := known.get(id(message))) is not None else self(message, *args, **kwargs)
            for message in messages
        ]

    def _forget(self, before: M | None, _after: Any) -> None:
        if before is not None:
            self._answers.pop(id(before), None)
