"""Count what the queues do, under the names that dashboards for Kubernetes' controllers read.

The counts are plain numbers; the exposition library is loaded, and reads them, when someone scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from statefleet.runtime.clock import Clock

BUCKETS = tuple(10.0**exponent for exponent in range(-8, 4))
"""Upper bounds in seconds of the duration histograms."""


class Histogram:
    """Durations in seconds, counted by bucket."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound, how many were at most that long) pairs, the last bound being +Inf."""
        bounds = [*(repr(bound) for bound in BUCKETS), "+Inf"]
        running, answer = 0, []
        for bound, count in zip(bounds, self.counts, strict=True):
            running += count
            answer.append((bound, float(running)))
        return answer


class QueueStatistics:
    """What one queue did so far."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.depth = 0
        self.adds = 0
        self.retries = 0
        self.queued = Histogram()
        self.worked = Histogram()
        self._clock = clock
        self._started: dict[Hashable, float] = {}

    def added(self, depth: int) -> None:
        """Count a key that came in; `depth` keys wait now."""
        self.adds += 1
        self.depth = depth

    def retried(self) -> None:
        """Count a key that comes again after a failure."""
        self.retries += 1

    def started(self, key: Hashable, since: float, depth: int) -> None:
        """Count a key that waited since a monotonic time and whose work begins; `depth` keys still wait."""
        now = self._clock.monotonic()
        self.depth = depth
        self.queued.observe(now - since)
        self._started[key] = now

    def finished(self, key: Hashable) -> None:
        """Count a key whose work is over."""
        self.worked.observe(self._clock.monotonic() - self._started.pop(key))

    def running(self) -> list[float]:
        """Return for how many seconds each piece of work under way has run."""
        now = self._clock.monotonic()
        return [now - since for since in self._started.values()]


class QueueCollector:
    """Exposes queues to a prometheus_client registry: `registry.register(QueueCollector(...))`."""

    def __init__(self, queues: Iterable[QueueStatistics]) -> None:
        self._queues = list(queues)

    def describe(self) -> list[Any]:
        """Return nothing: the families are made when they are collected."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield the workqueue_* families."""
        from prometheus_client.core import (  # noqa: PLC0415 - not loaded where nobody scrapes
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        label = ["name"]
        depth = GaugeMetricFamily("workqueue_depth", "Keys that wait", labels=label)
        adds = CounterMetricFamily("workqueue_adds", "Keys that came in", labels=label)
        retries = CounterMetricFamily("workqueue_retries", "Keys that came again after a failure", labels=label)
        queued = HistogramMetricFamily("workqueue_queue_duration_seconds", "How long keys wait", labels=label)
        worked = HistogramMetricFamily("workqueue_work_duration_seconds", "How long a key's work takes", labels=label)
        unfinished = GaugeMetricFamily("workqueue_unfinished_work_seconds", "Age of all work under way", labels=label)
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds", "Age of the oldest work under way", labels=label
        )
        for queue in self._queues:
            name, running = [queue.name], queue.running()
            depth.add_metric(name, queue.depth)
            adds.add_metric(name, queue.adds)
            retries.add_metric(name, queue.retries)
            queued.add_metric(name, queue.queued.cumulative(), queue.queued.total)
            worked.add_metric(name, queue.worked.cumulative(), queue.worked.total)
            unfinished.add_metric(name, sum(running))
            longest.add_metric(name, max(running, default=0.0))
        yield from (depth, adds, retries, queued, worked, unfinished, longest)
