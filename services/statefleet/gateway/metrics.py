"""Count requests under the names that dashboards for Kubernetes' API servers expect."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from statefleet.gateway.routes import Target
from statefleet.runtime.metrics import Metrics

_BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)

_RESOURCE = ("verb", "group", "version", "resource", "subresource", "scope")

_Labels = tuple[str, str, str, str, str, str]


class RequestMetrics:
    """The gateway's own metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._total = metrics.counter(
            "apiserver_request",
            "Requests by what they asked for and the HTTP code of the answer.",
            (*_RESOURCE, "code"),
        )
        self._seconds = metrics.histogram(
            "apiserver_request_sli_duration_seconds",
            "Time from a request's arrival to its answer, watches left out.",
            _RESOURCE,
            _BUCKETS,
        )
        self._watches = metrics.gauge("apiserver_longrunning_requests", "Watches that are open.", _RESOURCE)
        self._counters: dict[tuple[_Labels, int], Counter] = {}
        self._histograms: dict[_Labels, Histogram] = {}

    def answered(self, verb: str, target: Target | None, code: int, seconds: float) -> None:
        """Count one request that has been answered. `target` is None for pages that are not about objects."""
        labels = _labels(verb, target)
        counter = self._counters.get((labels, code))
        if counter is None:
            counter = self._counters[labels, code] = self._total.labels(*labels, str(code))
        counter.inc()
        if verb == "WATCH":
            return
        histogram = self._histograms.get(labels)
        if histogram is None:
            histogram = self._histograms[labels] = self._seconds.labels(*labels)
        histogram.observe(seconds)

    def watching(self, target: Target) -> Gauge:
        """Return the gauge of open watches on a target."""
        return self._watches.labels(*_labels("WATCH", target))

    def page(self) -> bytes:
        """Return every metric of the process in Prometheus' text format."""
        return self._metrics.exposition()


def _labels(verb: str, target: Target | None) -> _Labels:
    if target is None:
        return (verb, "", "", "", "", "")
    served = target.served
    return (verb, served.group, served.version, served.kind.plural, target.subresource, target.scope)
