"""The typed client: a fleet's objects, revisions and rollouts for programs, on an event loop or without one."""

from __future__ import annotations

from statefleet.client.blocking import BlockingConnection, BlockingFleet, BlockingRollouts, connect_blocking
from statefleet.client.connecting import Connection, connect
from statefleet.client.fleet import Fleet
from statefleet.client.rollouts import Rollouts, daemon_set, stateful_set

__all__ = [
    "BlockingConnection",
    "BlockingFleet",
    "BlockingRollouts",
    "Connection",
    "Fleet",
    "Rollouts",
    "connect",
    "connect_blocking",
    "daemon_set",
    "stateful_set",
]
