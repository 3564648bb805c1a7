"""What a replica tells about itself. The class here tells nobody; `prometheus` has the one that does."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


class StoreMetrics:
    """Does nothing with what it is told."""

    def appending(self) -> AbstractContextManager[object]:
        """Return a context that lasts as long as one append."""
        return nullcontext()

    def applied(self, records: int, version: int, epoch: int, lag_seconds: float) -> None:
        """Take note that records were applied, the newest of them proposed `lag_seconds` ago."""

    def leads(self, leads: bool) -> None:
        """Take note of whether this replica leads."""

    def watchers(self, count: int) -> None:
        """Take note of how many watch."""

    def snapshot(self, seconds: float) -> None:
        """Take note that a snapshot was written."""

    def newest_snapshot(self, at: float) -> None:
        """Take note of the time of the last record in the newest snapshot, in seconds since the Unix epoch."""
