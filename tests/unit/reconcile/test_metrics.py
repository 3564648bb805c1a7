"""The queues' metrics bear the names that dashboards read."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from statefleet.reconcile.keys import Key
from statefleet.reconcile.metrics import QueueCollector, QueueStatistics
from support.stores import ManualClock


@pytest.mark.surface("metrics.workqueue")
async def test_exposition() -> None:
    clock = ManualClock()
    queue = QueueStatistics("statefulset", clock)
    key = Key("default", "web")
    queue.added(1)
    queue.started(key, clock.monotonic(), 0)
    await clock.advance(0.5)
    queue.finished(key)
    queue.retried()
    queue.started(key, clock.monotonic(), 4)
    await clock.advance(2)
    registry = CollectorRegistry()
    registry.register(QueueCollector([queue]))
    text = generate_latest(registry).decode()
    for line in (
        'workqueue_depth{name="statefulset"} 4.0',
        'workqueue_adds_total{name="statefulset"} 1.0',
        'workqueue_retries_total{name="statefulset"} 1.0',
        'workqueue_work_duration_seconds_bucket{le="0.1",name="statefulset"} 0.0',
        'workqueue_work_duration_seconds_bucket{le="1.0",name="statefulset"} 1.0',
        'workqueue_work_duration_seconds_sum{name="statefulset"} 0.5',
        'workqueue_queue_duration_seconds_count{name="statefulset"} 2.0',
        'workqueue_unfinished_work_seconds{name="statefulset"} 2.0',
        'workqueue_longest_running_processor_seconds{name="statefulset"} 2.0',
    ):
        assert line in text
