"""A store whose process is killed again and again under load."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from statefleet.api.log.v1.log_pb2 import Record
from statefleet.store.log import Log
from statefleet.store.replica import Replica
from statefleet.store.snapshot import Snapshots
from statefleet.store.state import FEATURE_LEVEL, State
from support import crash_child
from support.stores import image_bytes, pod_key

KILLS = 6


@dataclass
class Acknowledged:
    """What the killed processes had been told."""

    epochs: int = 0
    created: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    """Names whose deletion was asked for and not answered."""
    requests: dict[str, int] = field(default_factory=dict)

    def take(self, line: str) -> None:
        match line.split():
            case ["leads"]:
                self.epochs += 1
            case ["created", request, name, version]:
                self.created[name] = self.requests[request] = int(version)
            case ["deleting", name]:
                self.doubtful.add(name)
            case ["deleted", request, name, version]:
                self.doubtful.discard(name)
                self.deleted.add(name)
                self.requests[request] = int(version)
            case other:
                raise AssertionError(other)


def run_until_killed(directory: Path, prefix: str, mode: str, lines: int, heard: Acknowledged) -> None:
    """Run the writer, kill it after so many lines, and take all that it managed to say."""
    environment = os.environ | {"PYTHONPATH": str(Path(crash_child.__file__).parent.parent)}
    command = [sys.executable, crash_child.__file__, str(directory), prefix, mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        for number, line in enumerate(child.stdout):
            if line.endswith("\n"):
                heard.take(line)
            if number == lines:
                child.kill()
    assert heard.epochs > 0
    assert child.returncode == -9


@pytest.fixture(params=[11, 12])
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def killed_again_and_again(directory: Path, mode: str, seed: int) -> Acknowledged:
    points = random.Random(seed)
    heard = Acknowledged()
    for number in range(KILLS):
        run_until_killed(directory, f"run{number}", mode, points.choice([1, 5, 150, 700, 1500]), heard)
    assert heard.epochs == KILLS
    return heard


def assert_nothing_acknowledged_is_lost(replica: Replica, heard: Acknowledged) -> None:
    for name, version in heard.created.items():
        entry = replica.state.get(pod_key(name))
        if name in heard.deleted:
            assert entry is None
        elif name not in heard.doubtful:
            assert entry is not None
            assert entry.version == version
    for request, version in heard.requests.items():
        outcome = replica.state.remembered(request)
        assert outcome is not None
        assert (outcome.version, outcome.refusal) == (version, "")
    assert len(set(heard.requests.values())) == len(heard.requests), "no version was given twice"
    assert replica.state.version >= max(heard.requests.values())
    assert replica.state.epoch >= heard.epochs


async def replayed(log: Log, state: State, start: int) -> list[bytes]:
    """Apply what the log holds from an offset on and return the whole state."""
    end = await log.end()
    async with aclosing(log.read(start)) as batches:
        while start < end:
            batch = await anext(batches)
            for _, payload in batch:
                state.apply(Record.FromString(payload))
            start = batch[-1].offset + 1
    return list(image_bytes(state.image()))


async def test_nothing_acknowledged_is_lost_and_snapshots_equal_a_replay(tmp_path: Path, seed: int) -> None:
    heard = killed_again_and_again(tmp_path, "keep", seed)
    async with crash_child.opened(tmp_path, trim=False) as (replica, log, snapshot_log):
        await replica.leading()
        await replica.raise_feature_level(FEATURE_LEVEL)  # which it does by itself some seconds later
        assert_nothing_acknowledged_is_lost(replica, heard)
        whole = await replayed(log, State(), 0)
        assert list(image_bytes(replica.state.image())) == whole
        snapshots = Snapshots(snapshot_log)
        found = await snapshots.complete()
        assert len(found) > 3
        for snapshot in found:
            state = State()
            state.load(await snapshots.load(snapshot))
            assert await replayed(log, state, snapshot.next_offset) == whole


async def test_nothing_acknowledged_is_lost_while_the_log_is_trimmed(tmp_path: Path, seed: int) -> None:
    heard = killed_again_and_again(tmp_path, "trim", seed)
    async with crash_child.opened(tmp_path, trim=True) as (replica, log, _):
        await replica.leading()
        assert await log.start() > 0
        assert_nothing_acknowledged_is_lost(replica, heard)
