"""Gather what the parts of a process tell about themselves, and let Prometheus scrape it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import click

from statefleet.agent.agent import Agent
from statefleet.app.addresses import Address
from statefleet.app.backends import STORES
from statefleet.runtime.metrics import Metrics, MetricsServer
from statefleet.store.metrics import StoreMetrics
from statefleet.store.prometheus import PrometheusStoreMetrics, StoreFamilies


@asynccontextmanager
async def exposed(metrics: Metrics, listen: Address | None) -> AsyncIterator[str]:
    """Serve metrics over plain HTTP as long as the context lasts; yields their URL, empty where nobody listens."""
    if listen is None:
        yield ""
        return
    server = MetricsServer(metrics, host=listen.host, port=listen.port)
    await server.start()
    try:
        yield f"http://{Address(listen.host, server.port)}/metrics"
    finally:
        await server.stop()


@asynccontextmanager
async def announced(metrics: Metrics, listen: Address | None) -> AsyncIterator[None]:
    """Serve metrics as `exposed` does, and say where."""
    async with exposed(metrics, listen) as url:
        if url:
            click.echo(f"metrics: {url}")
        yield


def store_metrics(metrics: Metrics, services: Iterable[str]) -> dict[str, StoreMetrics]:
    """Return what the stores of these services tell about themselves to, by the store's name."""
    families = StoreFamilies(metrics.registry)
    return {store: PrometheusStoreMetrics(families, store) for service in services for store in STORES[service]}


def tell_of_agent(metrics: Metrics, agent: Agent) -> None:
    """Have an agent's nodes and pods counted at each scrape."""
    metrics.gauge("statefleet_agent_nodes", "Nodes that the agent stands for.").set_function(lambda: agent.nodes)
    metrics.gauge("statefleet_agent_pods", "Pods that the agent looks after.").set_function(lambda: agent.pods)
    metrics.gauge(
        "statefleet_agent_heard", "Whether the node registry has taken the agent's last heartbeat: 1 or 0."
    ).set_function(lambda: agent.heard)
