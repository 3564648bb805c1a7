"""The rules of StatefulSets, DaemonSets and budgets: their spec is counted by a generation. Pure."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from google.protobuf.message import Message

from statefleet.store.strategy import Strategy

M = TypeVar("M", bound=Message)


class DeclaredStrategy(Strategy[M]):
    """What a user declares and a worker brings about: the worker's status names the generation that it has seen."""

    has_generation: ClassVar[bool] = True
