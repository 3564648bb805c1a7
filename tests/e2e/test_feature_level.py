"""--feature-level, by which an operator keeps the way back to an older release open."""

from __future__ import annotations

from pathlib import Path

from statefleet.api.log.v1.log_pb2 import Record
from statefleet.app.places import Directory, readable_store
from statefleet.nodes.assembly import NODES_STORE
from statefleet.store.replay import extent_of, records_of
from statefleet.store.state import FEATURE_LEVEL, State
from support.processes import Process, ended, statefleet


def served(directory: Path, *options: str) -> Process:
    """Start a node registry that keeps its log in a directory."""
    where = ("--listen=127.0.0.1:0", "--data-dir", directory, "--certificates", directory / "certificates")
    process = statefleet("serve", "node-registry", *where, "--log-level=info", *options)
    process.until("^ready: ")
    return process


async def level_of(directory: Path) -> int:
    """Return the level of rules that a log follows."""
    state = State()
    async with readable_store(Directory(directory), NODES_STORE, None) as logs:
        extent = await extent_of(logs)
        async for batch in records_of(logs.records, extent.first, extent.end):
            for one in batch:
                state.apply(Record.FromString(one.payload))
    return state.feature_level


async def test_a_log_is_raised_no_further_than_an_operator_lets_it(tmp_path: Path) -> None:
    held, free = tmp_path / "held", tmp_path / "free"
    earlier = served(held, "--feature-level=0")
    with ended(earlier):
        later = served(free)
        with ended(later):
            later.until("raising the feature level")
            assert later.stop() == 0
        assert earlier.stop() == 0
    assert await level_of(free) == FEATURE_LEVEL
    assert await level_of(held) == 0


def test_a_level_that_this_release_does_not_know_is_refused(tmp_path: Path) -> None:
    process = statefleet(
        "serve", "node-registry", "--data-dir", tmp_path, "--certificates", tmp_path, "--feature-level=99"
    )
    assert process.wait() == 2
    assert f"99 is not in the range 0<=x<={FEATURE_LEVEL}" in process.output
