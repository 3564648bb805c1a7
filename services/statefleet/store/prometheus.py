"""A replica's metrics in the form that Prometheus scrapes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from statefleet.store.metrics import StoreMetrics

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class StoreFamilies:
    """The metric families of all stores of one process; make one for each registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def histogram(name: str, text: str) -> Histogram:
            return Histogram(name, text, ("store",), buckets=_SECONDS, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, ("store",), registry=registry)

        self.append_seconds = histogram("statefleet_log_append_seconds", "Time until an appended record was durable.")
        self.watch_lag_seconds = histogram(
            "statefleet_watch_lag_seconds", "Time from a record's proposal until its changes were handed to watchers."
        )
        self.snapshot_seconds = histogram("statefleet_snapshot_seconds", "Time that writing a snapshot took.")
        self.records = Counter("statefleet_applied_records", "Records applied.", ("store",), registry=registry)
        self.snapshot_time = gauge(
            "statefleet_snapshot_timestamp_seconds",
            "The time of the last record in the newest snapshot that is known of.",
        )
        self.elections = Counter(
            "statefleet_elections_won", "How often this replica began to lead.", ("store",), registry=registry
        )
        self.version = gauge("statefleet_applied_version", "The resource version that this replica has reached.")
        self.epoch = gauge("statefleet_epoch", "The newest epoch that this replica has applied.")
        self.leader = gauge("statefleet_leader", "Whether this replica leads: 1 or 0.")
        self.watchers = gauge("statefleet_watchers", "Watches that are open.")


class PrometheusStoreMetrics(StoreMetrics):
    """The metrics of one store, labelled with its name."""

    def __init__(self, families: StoreFamilies, store: str) -> None:
        self._newest_snapshot = partial(families.snapshot_time.labels, store)
        self._elections = families.elections.labels(store)
        self._append_seconds = families.append_seconds.labels(store)
        self._watch_lag_seconds = families.watch_lag_seconds.labels(store)
        self._snapshot_seconds = families.snapshot_seconds.labels(store)
        self._records = families.records.labels(store)
        self._version = families.version.labels(store)
        self._epoch = families.epoch.labels(store)
        self._leader = families.leader.labels(store)
        self._watchers = families.watchers.labels(store)

    def appending(self) -> AbstractContextManager[object]:
        """Return a context that times one append."""
        return self._append_seconds.time()

    def applied(self, records: int, version: int, epoch: int, lag_seconds: float) -> None:
        """Count records and show how far the state is."""
        self._records.inc(records)
        self._version.set(version)
        self._epoch.set(epoch)
        self._watch_lag_seconds.observe(max(0.0, lag_seconds))

    def leads(self, leads: bool) -> None:
        """Show whether this replica leads, and count that it began to."""
        self._leader.set(leads)
        if leads:
            self._elections.inc()

    def watchers(self, count: int) -> None:
        """Show how many watch."""
        self._watchers.set(count)

    def snapshot(self, seconds: float) -> None:
        """Time one snapshot."""
        self._snapshot_seconds.observe(seconds)

    def newest_snapshot(self, at: float) -> None:
        """Show how far the newest snapshot tells; before there is any, there is no such series."""
        self._newest_snapshot().set(at)
