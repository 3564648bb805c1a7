"""What a data directory tells of an object, while the suite is at work on it and afterwards."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml

from statefleet.api.log.v1.log_pb2 import Author
from statefleet.app.backends import SqliteLogs
from statefleet.coordination.local import LocalCoordination
from statefleet.runtime.rand import SystemRand
from statefleet.store.keeper import SnapshotSettings
from statefleet.store.replica import Replica, ReplicaSettings
from statefleet.workloads.assembly import WORKLOADS_STORE
from support.manifests import IMAGE, service, stateful_set
from support.processes import statefleet
from support.stores import ManualClock, put, remove, transaction
from support.suite import INSTANT, running_suite

HOUR = 3600.0


def show(directory: Path, *arguments: object) -> str:
    process = statefleet("log", "show", *arguments, "--from", f"sqlite:{directory}")
    assert process.wait() == 0, process.output
    return process.output


def steps(directory: Path, *arguments: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(show(directory, *arguments, "--output=json"))
    return found


def test_who_changed_what_is_shown_while_the_suite_runs_and_after(tmp_path: Path) -> None:
    value = "b3BlbiBzZXNhbWU="
    with running_suite(tmp_path, *INSTANT) as suite:
        kubectl = suite.kubectl()
        kubectl.apply(service(), stateful_set(replicas=1))
        kubectl("rollout status sts/web --timeout=20s")
        kubectl(f"set image sts/web app={IMAGE}:2")
        kubectl("rollout status sts/web --timeout=20s")
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": value}}
        kubectl.apply(secret)
        kubectl("delete secret s")
        live = steps(tmp_path, "sts", "web")
    found = steps(tmp_path, "StatefulSet", "web")
    assert found[: len(live)] == live
    created, *later = found
    assert (created["what"], created["user"], created["fieldManager"]) == (
        "created",
        "admin",
        "kubectl-client-side-apply",
    )
    (update,) = [step for step in later if any("image" in change["path"] for change in step["changes"])]
    assert (update["user"], update["fieldManager"]) == ("admin", "kubectl-set")
    image = next(change for change in update["changes"] if change["path"].endswith("image"))
    assert image["path"] == "spec.template.spec.containers[name=app].image"
    assert json.loads(image["after"]) == f"{IMAGE}:2"
    statuses = [step for step in later if step["statusChanges"]]
    assert {step["user"] for step in statuses} == {"system:statefleet:worker"}
    assert not any(change["path"].startswith("status") for step in statuses for change in step["changes"])
    shown = steps(tmp_path, "sts", "web", "--status")
    assert any(change["path"].startswith("status") for step in shown for change in step["changes"])
    secrets = show(tmp_path, "secret", "s", "--output=yaml") + show(tmp_path, "secret", "s")
    assert "data" in secrets
    assert "deleted by admin" in secrets
    assert value not in secrets
    assert "open sesame" not in secrets
    refused = statefleet("log", "show", "sts", "absent", "--from", f"sqlite:{tmp_path}")
    assert refused.wait() == 1
    assert "the log knows nothing of statefulsets.apps default/absent" in refused.output


async def an_hour_in_the_life_of_a_pod(directory: Path) -> None:
    """Have alice make a pod an hour ago; bob, at an old version, fail to change it and remove it a minute ago."""
    clock = ManualClock(time.time() - HOUR)
    async with AsyncExitStack() as stack:
        logs = await SqliteLogs(stack, directory).open(WORKLOADS_STORE)
        settings = ReplicaSettings(snapshots=SnapshotSettings(seconds=2 * HOUR))
        doors = (*logs, LocalCoordination(), clock, SystemRand(1))
        replica = await stack.enter_async_context(Replica(WORKLOADS_STORE, *doors, settings=settings))
        await replica.leading()
        made = transaction(put("db-0"))
        made.author.CopyFrom(Author(user="alice"))
        await replica.propose(made)
        await clock.advance(HOUR - 60)
        for change in (put("db-0", 99), remove("db-0", 1)):
            attempt = transaction(change)
            attempt.author.CopyFrom(Author(user="bob"))
            await replica.decide(attempt)


def told(directory: Path, *options: str) -> list[tuple[str, str]]:
    return [(step["what"], step["user"]) for step in steps(directory, "pod", "db-0", *options)]


async def test_attempts_without_effect_and_what_is_long_ago_are_shown_as_asked(tmp_path: Path) -> None:
    await an_hour_in_the_life_of_a_pod(tmp_path)
    made, refused, removed = ("created", "alice"), ("refused", "bob"), ("deleted", "bob")
    assert told(tmp_path) == [made, removed]
    assert told(tmp_path, "--refused") == [made, refused, removed]
    assert told(tmp_path, "--since=1800") == [removed]
    assert told(tmp_path, "--since=1800", "--refused") == [refused, removed]
    (attempt,) = [step for step in steps(tmp_path, "pod", "db-0", "--refused") if step["what"] == "refused"]
    assert attempt["refusal"] == "Conflict"
    assert attempt["changes"] == []
    assert "refused: Conflict by bob" in show(tmp_path, "pod", "db-0", "--refused")
    in_yaml = yaml.safe_load(show(tmp_path, "pod", "db-0", "--refused", "--output=yaml"))
    assert in_yaml == steps(tmp_path, "pod", "db-0", "--refused")


async def test_an_object_that_nothing_was_done_to_lately_is_not_called_unknown(tmp_path: Path) -> None:
    await an_hour_in_the_life_of_a_pod(tmp_path)
    nothing = statefleet("log", "show", "pod", "db-0", "--since=0", "--from", f"sqlite:{tmp_path}")
    assert nothing.wait() == 1
    assert "nothing was done to pods default/db-0 in the last 0 seconds" in nothing.output
    absurd = statefleet("log", "show", "pod", "db-0", "--since=-1", "--from", f"sqlite:{tmp_path}")
    assert absurd.wait() == 2
    assert "-1.0 is not in the range x>=0" in absurd.output
