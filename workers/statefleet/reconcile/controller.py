"""What a controller is: which kinds it watches, which keys a change of theirs touches, and one look at one key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.kinds import WORKLOADS, Kind
from statefleet.objects.meta import controller_of, is_deleting
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of

KeysOf = Callable[[Any, Any], Iterable[Key]]
"""From an object before and after a change (None: was not, is no more) to the keys that need a look."""

STATUS_ONLY_SECONDS = 0.05
"""How long a look may wait that can but bring a new status: what else happens meanwhile needs the look anyway."""


def at_once(_before: Any, _after: Any) -> float | None:
    """Let no look wait."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind that a controller watches, and how its changes become keys."""

    kind: Kind[Any]
    keys: KeysOf
    delay: Callable[[Any, Any], float | None] = at_once
    """From an object before and after a change to the seconds that the look may wait; None: it needs none."""


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


def itself(kind: Kind[Any], delay: Callable[[Any, Any], float | None] = at_once) -> Watched:
    """Watch a kind whose objects are the keys."""
    return Watched(kind, lambda before, after: (key_of(after if after is not None else before),), delay)


def owned(kind: Kind[Any], owner: Kind[Any], delay: Callable[[Any, Any], float | None] = at_once) -> Watched:
    """Watch a kind whose objects' controllers, of the kind `owner`, are the keys: the old one and the new one."""

    def keys(before: Any, after: Any) -> Iterable[Key]:
        found = (_owner_key(message, owner.name) for message in (before, after))
        return dict.fromkeys(key for key in found if key is not None)

    return Watched(kind, keys, delay)


def delay_of_set(before: Any, after: Any) -> float | None:
    """Wait where a set's declaration is the same: what has changed is most often the status that a look brought."""
    if before is None or after is None or is_deleting(before.metadata) != is_deleting(after.metadata):
        return 0.0
    return STATUS_ONLY_SECONDS if before.metadata.generation == after.metadata.generation else 0.0


def delay_of_pod(before: Pod | None, after: Pod | None) -> float | None:
    """Wait where a set's pod begins or is told to end: its next step is another's. That it is bound is no cause."""
    if after is None:
        return 0.0
    if before is None or (is_deleting(after.metadata) and not is_deleting(before.metadata)):
        return STATUS_ONLY_SECONDS
    return None if _is_binding(before, after) else 0.0


def _is_binding(before: Pod, after: Pod) -> bool:
    """Return whether a pod was bound, for the first time that it was tried, and nothing else of it has changed."""
    if before.spec.node_name == after.spec.node_name:
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
