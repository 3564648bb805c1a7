"""Watch a rollout until it is done or stuck, pod by pod.

    statefleet up --grpc-listen 127.0.0.1:7443 &
    python watch_rollout.py 127.0.0.1:7443 ~/.statefleet/certificates web

Exits with 0 when the rollout is done, with 1 when it is stuck on a pod, and says on which and why.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing

from statefleet.client import connect, stateful_set
from statefleet.client.rollouts import PodProgress, Progress


def describe(progress: Progress) -> str:
    """Return a line with every pod: its name, its revision's number and its phase."""
    pods = []
    for each in progress.pods:
        phase = PodProgress.Phase.Name(each.phase).removeprefix("PHASE_").lower()
        pods.append(f"{each.pod}:{each.revision.number or '-'}:{phase}")
    return f"{progress.totals.updated}/{progress.totals.to_update} updated  {'  '.join(pods)}"


async def watch(address: str, certificates: str, name: str, namespace: str) -> int:
    """Print every step of a set's rollout, and return the exit code."""
    async with connect(address, certificates) as connection:
        async with aclosing(connection.rollouts.watch(stateful_set(name, namespace))) as steps:
            async for progress in steps:
                print(describe(progress))
                if progress.state == Progress.STATE_DONE:
                    print(f"done: {progress.message}")
                    return 0
                if progress.state == Progress.STATE_FAILED:
                    print(f"failed: {progress.reason}: {progress.message}")
                    return 1
    return 1


def main() -> int:
    """Read the command line and watch."""
    parser = argparse.ArgumentParser(description="Watch the rollout of a StatefulSet until it is done or stuck.")
    parser.add_argument("address", help="where gRPC is, such as 127.0.0.1:7443")
    parser.add_argument("certificates", help="the directory of certificates, such as ~/.statefleet/certificates")
    parser.add_argument("name", help="the StatefulSet's name")
    parser.add_argument("--namespace", default="default")
    given = parser.parse_args()
    return asyncio.run(watch(given.address, given.certificates, given.name, given.namespace))


if __name__ == "__main__":
    raise SystemExit(main())
