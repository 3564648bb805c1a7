"""Roll out an image by way of a canary, without an event loop: the highest pod first, then all, or back.

    statefleet up --grpc-listen 127.0.0.1:7443 &
    python canary_sync.py 127.0.0.1:7443 ~/.statefleet/certificates web nginx:2

Exits with 0 when every pod has the image, with 1 when the canary or the rest got stuck and all was undone.
"""

from __future__ import annotations

import argparse

from statefleet.client import BlockingConnection, connect_blocking, stateful_set
from statefleet.client.rollouts import Progress
from statefleet.objects.kinds import STATEFUL_SET


def roll_out(connection: BlockingConnection, name: str, namespace: str, image: str) -> int:
    """Update the first container's image: one pod, then the others. Return the exit code."""
    fleet, rollouts, target = connection.fleet, connection.rollouts, stateful_set(name, namespace)

    found = fleet.get(STATEFUL_SET, name, namespace)
    found.spec.template.spec.containers[0].image = image
    found.spec.update_strategy.rolling_update.partition = max(0, found.spec.replicas - 1)
    fleet.update(found)  # Refused with Conflict where somebody else has changed the set since.

    canary = rollouts.wait(target, timeout=300, patience=5)
    print(f"canary: {canary.message}")
    if canary.state == Progress.STATE_DONE:
        for change in fleet.diff_revisions(STATEFUL_SET, name, namespace).changes:
            print(f"  {change.path}: {change.before} -> {change.after}")
        rollouts.set_partition(target, 0)
        rest = rollouts.wait(target, timeout=300, patience=5)
        print(f"all: {rest.message}")
        if rest.state == Progress.STATE_DONE:
            return 0

    undone = rollouts.undo(target)
    rollouts.set_partition(target, 0)
    healed = rollouts.wait(target, timeout=300, patience=5)
    print(f"back at revision {undone.revision.name}: {healed.message}")
    return 1


def main() -> int:
    """Read the command line and roll out."""
    parser = argparse.ArgumentParser(description="Roll out an image of a StatefulSet by way of a canary.")
    parser.add_argument("address", help="where gRPC is, such as 127.0.0.1:7443")
    parser.add_argument("certificates", help="the directory of certificates, such as ~/.statefleet/certificates")
    parser.add_argument("name", help="the StatefulSet's name")
    parser.add_argument("image", help="the image for its first container")
    parser.add_argument("--namespace", default="default")
    given = parser.parse_args()
    with connect_blocking(given.address, given.certificates, field_manager="canary") as connection:
        return roll_out(connection, given.name, given.namespace, given.image)


if __name__ == "__main__":
    raise SystemExit(main())
