"""What a controller is: which kinds it watches, which keys a change of theirs touches, and one look at one key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.kinds import WORKLOADS, Kind
from statefleet.objects.meta import controller_of
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of

KeysOf = Callable[[Any, Any], Iterable[Key]]
"""From an object before and after a change (None: was not, is no more) to the keys that need a look."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind that a controller watches, and how its changes become keys."""

    kind: Kind[Any]
    keys: KeysOf


@dataclass(frozen=True, slots=True)
class Result:
    """How a look at a key ended."""

    requeue_after: float | None = None
    """Seconds after which to look again though nothing changed; None: not before something changes."""
    problem: str = ""
    """Why to look again soon, with growing delays; empty: nothing went wrong."""
    fields: dict[str, Any] = field(default_factory=dict)
    """More about the problem, for the log."""


class Controller(ABC):
    """Brings what one key stands for to what was declared, one look at a time.

    A look reads the cache, decides and writes through the executor that it is given. The loop calls it when a watched
    object of the key changed, never twice at once for one key, and not before the cache shows what the look before
    wrote.
    """

    name: ClassVar[str]
    """The queue's name in metrics and the first part of the shards' names, such as statefulset."""
    shards: ClassVar[int] = 1
    """Over how many shards the keys are spread. Part of what is stored: never change it for a controller in use."""
    services: ClassVar[tuple[int, ...]] = (WORKLOADS,)
    """The services that it writes to, in each of which its shards are claimed."""

    @abstractmethod
    def watches(self) -> Sequence[Watched]:
        """Return what the controller watches."""

    @abstractmethod
    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Take one look at a key. A FleetError or a Result with a problem has it looked at again, later each time."""


def itself(kind: Kind[Any]) -> Watched:
    """Watch a kind whose objects are the keys."""
    return Watched(kind, lambda before, after: (key_of(after if after is not None else before),))


def owned(kind: Kind[Any], owner: Kind[Any]) -> Watched:
    """Watch a kind whose objects' controllers, of the kind `owner`, are the keys: the old one and the new one."""

    def keys(before: Any, after: Any) -> Iterable[Key]:
        found = (_owner_key(message, owner.name) for message in (before, after))
        return dict.fromkeys(key for key in found if key is not None)

    return Watched(kind, keys)


def unless_bound(watched: Watched) -> Watched:
    """Watch pods but for this: that a pod gets its node gives who made it no cause to look."""
    return Watched(
        watched.kind, lambda before, after: () if _is_binding(before, after) else watched.keys(before, after)
    )


def _is_binding(before: Pod | None, after: Pod | None) -> bool:
    """Return whether a pod was bound, for the first time that it was tried, and nothing else of it has changed."""
    if before is None or after is None or before.spec.node_name == after.spec.node_name:
        return False
    bound = Pod()
    bound.CopyFrom(before)
    bound.spec.node_name = after.spec.node_name
    bound.metadata.resource_version = after.metadata.resource_version
    bound.status.conditions.extend(each for each in after.status.conditions if each.type == "PodScheduled")
    return bound == after


def _owner_key(message: Any, owner: str) -> Key | None:
    if message is None:
        return None
    reference = controller_of(message.metadata)
    if reference is None or reference.kind != owner:
        return None
    return Key(message.metadata.namespace, reference.name)
