"""Record Kubernetes events in the background: repetitions are counted in one event, and nobody waits for any."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from statefleet.api.core.v1.event_pb2 import Event, EventSource
from statefleet.api.core.v1.reference_pb2 import ObjectReference
from statefleet.client.fleet import Fleet
from statefleet.errors import FleetError
from statefleet.objects.kinds import kind_of
from statefleet.objects.times import seconds, to_time
from statefleet.runtime.clock import Clock

AGGREGATION_SECONDS = 600.0
"""An event that repeats within this time of its last occurrence is counted instead of added."""
LONGEST_QUEUE = 1000
"""Events beyond so many that wait to be written are dropped: they explain, they do not decide."""
LARGEST_BATCH = 250
"""How many events are written in one call."""
GATHER_SECONDS = 0.1
"""How long the first of them waits for more: they explain what happened, and cost much less together."""
_REMEMBERED = 4096

NORMAL = "Normal"
WARNING = "Warning"

_log = structlog.get_logger(__name__)


class _Sameness(NamedTuple):
    component: str
    uid: str
    name: str
    type: str
    reason: str
    message: str


@dataclass(slots=True)
class _Occurrences:
    """How often something happened that is not written yet, and when, in seconds since the Unix epoch."""

    about: ObjectReference
    first: float
    last: float
    count: int = 0


class EventSink:
    """Writes the events of all recorders of a process, oldest first. `run` it beside them."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._known: OrderedDict[_Sameness, Event] = OrderedDict()
        self._waiting: dict[_Sameness, _Occurrences] = {}
        self._arrived = asyncio.Event()
        self._last_stamp = 0
        self.dropped = 0
        """How many events were dropped because too many waited."""

    def recorder(self, component: str) -> EventRecorder:
        """Return a recorder in the name of a component, such as statefulset-controller."""
        return EventRecorder(self, component)

    def record(self, component: str, about: Any, type_: str, reason: str, message: str) -> None:
        """Have an event written or counted; returns at once."""
        same = _Sameness(component, about.metadata.uid, about.metadata.name, type_, reason, message)
        now = self._clock.now()
        occurrences = self._waiting.get(same)
        if occurrences is None:
            if len(self._waiting) >= LONGEST_QUEUE:
                self.dropped += 1
                return
            occurrences = self._waiting[same] = _Occurrences(_reference(about), now, now)
            self._arrived.set()
        occurrences.count += 1
        occurrences.last = now

    async def run(self) -> None:
        """Write events until cancelled, what came about the same time in one call."""
        while True:
            await self._arrived.wait()
            await self._clock.sleep(GATHER_SECONDS)
            self._arrived.clear()
            while self._waiting:
                await self._put(list(itertools.islice(self._waiting, LARGEST_BATCH)))

    async def _put(self, batch: list[_Sameness]) -> None:
        """Write what waits of a batch, and remember it to count its repetitions. What is refused is forgotten."""
        events = [self._compose(same, self._waiting.pop(same)) for same in batch]
        try:
            refused = await self._fleet.record_events(events)
        except FleetError as error:
            refused = dict.fromkeys(range(len(events)), error.message)
        for index, (same, event) in enumerate(zip(batch, events, strict=True)):
            if index in refused:
                self._known.pop(same, None)
                _log.info("event not written", reason=event.reason, about=same.name, error=refused[index])
            else:
                self._remember(same, event)

    def _remember(self, same: _Sameness, event: Event) -> None:
        self._known[same] = event
        self._known.move_to_end(same)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _compose(self, same: _Sameness, occurrences: _Occurrences) -> Event:
        """Return the event to write: the one that was written for the same before, counted up, or a new one."""
        known = self._known.get(same)
        if known is None or occurrences.first - seconds(known.last_timestamp) > AGGREGATION_SECONDS:
            event = self._new(same, occurrences)
        else:
            event = Event()
            event.CopyFrom(known)
        event.count += occurrences.count
        event.last_timestamp.CopyFrom(to_time(occurrences.last))
        return event

    def _new(self, same: _Sameness, occurrences: _Occurrences) -> Event:
        event = Event(
            involved_object=occurrences.about,
            reason=same.reason,
            message=same.message,
            type=same.type,
            source=EventSource(component=same.component),
            reporting_component=same.component,
            first_timestamp=to_time(occurrences.first),
            count=0,
        )
        event.metadata.name = self._name(same.name)
        event.metadata.namespace = occurrences.about.namespace or "default"
        return event

    def _name(self, about: str) -> str:
        """Return a name as Kubernetes makes them: the object's and a growing number of nanoseconds."""
        self._last_stamp = max(self._last_stamp + 1, int(self._clock.now() * 1e9))
        return f"{about}.{self._last_stamp:x}"


def _reference(about: Any) -> ObjectReference:
    kind, meta = kind_of(about), about.metadata
    return ObjectReference(
        kind=kind.name,
        api_version=kind.api_version,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
    )


class EventRecorder:
    """Records events in the name of one component."""

    def __init__(self, sink: EventSink, component: str) -> None:
        self._sink = sink
        self._component = component

    def normal(self, about: Any, reason: str, message: str) -> None:
        """Record that something went as it should, about an object of any kind."""
        self.event(about, NORMAL, reason, message)

    def warning(self, about: Any, reason: str, message: str) -> None:
        """Record that something went wrong, about an object of any kind."""
        self.event(about, WARNING, reason, message)

    def event(self, about: Any, type_: str, reason: str, message: str) -> None:
        """Record an event of type Normal or Warning. Returns at once; under a flood the event may be dropped."""
        self._sink.record(self._component, about, type_, reason, message)
