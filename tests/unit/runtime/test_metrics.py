from __future__ import annotations

import aiohttp
import pytest

from statefleet.runtime.metrics import Metrics, MetricsServer


def test_asking_again_returns_the_same_metric() -> None:
    metrics = Metrics()
    metrics.counter("calls", "Calls.", ("code",)).labels("OK").inc()
    metrics.counter("calls", "Calls.", ("code",)).labels("OK").inc(2)
    assert metrics.value("calls_total", code="OK") == 3
    assert metrics.value("calls_total", code="ABORTED") == 0


def test_a_metric_has_one_type() -> None:
    metrics = Metrics()
    metrics.gauge("depth", "Depth.").set(4)
    with pytest.raises(TypeError, match="depth is a Gauge"):
        metrics.histogram("depth", "Depth.")


def test_registries_are_apart() -> None:
    first, second = Metrics(), Metrics()
    first.counter("calls", "Calls.").inc()
    second.counter("calls", "Calls.")
    assert (first.value("calls_total"), second.value("calls_total")) == (1, 0)


def test_exposition() -> None:
    metrics = Metrics()
    metrics.histogram("commit_seconds", "Commits.", buckets=(0.1, 1.0)).observe(0.5)
    text = metrics.exposition().decode()
    assert "# HELP commit_seconds Commits." in text
    assert 'commit_seconds_bucket{le="1.0"} 1.0' in text


def test_an_exposition_includes_what_its_sources_say_then() -> None:
    metrics, said = Metrics(), [b"first 1\n"]
    metrics.gauge("depth", "Depth.")
    metrics.include(lambda: said[0])
    assert metrics.exposition().endswith(b"depth 0.0\nfirst 1\n")
    said[0] = b"second 2\n"
    assert metrics.exposition().endswith(b"depth 0.0\nsecond 2\n")


def test_no_series_tells_when_a_counter_was_made() -> None:
    metrics = Metrics()
    metrics.counter("calls", "Calls.").inc()
    assert b"calls_created" not in metrics.exposition()


def test_the_process_tells_of_itself_where_asked() -> None:
    assert b"process_resident_memory_bytes" in Metrics(process=True).exposition()
    assert b"process_resident_memory_bytes" not in Metrics().exposition()


async def test_over_http() -> None:
    metrics, healthy = Metrics(), True
    metrics.counter("calls", "Calls.").inc()
    server = MetricsServer(metrics, host="127.0.0.1", port=0, healthy=lambda: healthy)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            async with session.get("/metrics") as response:
                assert response.headers["Content-Type"].startswith("text/plain")
                assert "calls_total 1.0" in await response.text()
            async with session.get("/healthz") as response:
                assert response.status == 200
            healthy = False
            async with session.get("/healthz") as response:
                assert response.status == 503
    finally:
        await server.stop()
