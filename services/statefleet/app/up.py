"""`statefleet up`: the whole suite, until it is told to stop."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from statefleet.app.embedded import Embedded, EmbeddedSettings, run_embedded
from statefleet.app.release import VERSION
from statefleet.app.running import until_stopped
from statefleet.runtime.clock import SystemClock


async def run_up(settings: EmbeddedSettings) -> None:
    """Run the suite and say where it is; return after Ctrl-C or SIGTERM, everything kept."""
    clock = SystemClock()
    console = Console(highlight=False, soft_wrap=True)
    begun = clock.monotonic()
    async with run_embedded(settings) as suite:
        _describe(console, settings, suite)
        console.print(f"ready in {clock.monotonic() - begun:.1f} s", style="green")
        sys.stdout.flush()
        await until_stopped(suite.failed)
        console.print("stopping; the data directory keeps everything")


def _describe(console: Console, settings: EmbeddedSettings, suite: Embedded) -> None:
    size = settings.size
    facts = Table.grid(padding=(0, 2))
    facts.add_row("Kubernetes API", suite.url)
    if suite.grpc_port and settings.grpc_listen is not None:
        facts.add_row("gRPC", f"{settings.grpc_listen.host}:{suite.grpc_port}, mutual TLS")
    if suite.metrics_url:
        facts.add_row("metrics", suite.metrics_url)
    facts.add_row("nodes", f"{settings.nodes} simulated, {size.cpu} CPU and {size.memory} each: no container runs")
    facts.add_row("data", str(settings.data_dir))
    console.print(f"Statefleet {VERSION}", style="bold")
    console.print(facts)
    console.print(f"  export KUBECONFIG={suite.kubeconfig}", style="cyan")
