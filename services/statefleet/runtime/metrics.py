"""A process's metrics: one registry, and its exposition for Prometheus over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from statefleet.errors import cannot_listen

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: from an in-process call to a call's usual deadline."""

C = TypeVar("C", Counter, Gauge, Histogram)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter and histogram, read by no one


class Metrics:
    """A registry. Asking for a metric that exists returns it: parts that share a process share their metrics."""

    def __init__(self, *, process: bool = False) -> None:
        """Make a registry, with the process's own CPU, memory and garbage collection where `process`."""
        self.registry = CollectorRegistry()
        self._made: dict[str, Any] = {}
        self._sources: list[Callable[[], bytes]] = []
        if process:
            _register_process(self.registry)

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter of this name; it is exposed with the suffix _total."""
        return self._get(name, Counter, lambda: Counter(name, text, labels, registry=self.registry))

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge of this name."""
        return self._get(name, Gauge, lambda: Gauge(name, text, labels, registry=self.registry))

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS
    ) -> Histogram:
        """Return the histogram of this name."""
        return self._get(
            name, Histogram, lambda: Histogram(name, text, labels, buckets=buckets, registry=self.registry)
        )

    def include(self, source: Callable[[], bytes]) -> None:
        """Have every exposition end with what a source returns then: families in Prometheus' text format."""
        self._sources.append(source)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format; its content type is CONTENT_TYPE_LATEST."""
        return b"".join((generate_latest(self.registry), *(source() for source in self._sources)))

    def value(self, name: str, **labels: str) -> float:
        """Return a sample's value, 0 where there is none."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def _get(self, name: str, kind: type[C], make: Callable[[], C]) -> C:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = make()
        if not isinstance(made, kind):
            raise TypeError(f"the metric {name} is a {type(made).__name__}, not a {kind.__name__}")
        return made


class MetricsServer:
    """An HTTP server with /metrics and /healthz, for a process that has no other."""

    def __init__(self, metrics: Metrics, *, host: str, port: int, healthy: Callable[[], bool] = lambda: True) -> None:
        self._metrics = metrics
        self._host = host
        self._port = port
        self._healthy = healthy
        self._runner: Any = None

    @property
    def port(self) -> int:
        """The port listened on: the one asked for, or the one found where that was 0."""
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self) -> None:
        """Listen. Unavailable where the address cannot be had."""
        from aiohttp import web  # noqa: PLC0415 -- heavy

        async def expose(_: web.Request) -> web.Response:
            return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

        async def health(_: web.Request) -> web.Response:
            return web.Response(text="ok") if self._healthy() else web.Response(status=503, text="not ready")

        application = web.Application()
        application.router.add_get("/metrics", expose)
        application.router.add_get("/healthz", health)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            raise cannot_listen(f"{self._host}:{self._port}") from error

    async def stop(self) -> None:
        """Close the listening socket and the connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


def _register_process(registry: CollectorRegistry) -> None:
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
