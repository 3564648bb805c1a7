"""The Rollouts API over the services, with every worker and a simulated agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from statefleet.agent.behaviour import Behaviour
from statefleet.agent.nodes import NodeSize
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.api.rollouts.v1.rollouts_pb2 import PodProgress, Progress, UndoRequest
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import RolloutsStub, add_RolloutsServicer_to_server
from statefleet.client.rollouts import Rollouts, Target, daemon_set, stateful_set
from statefleet.errors import BadRequest, Conflict, Invalid, NotFound
from statefleet.objects.authors import TEMPLATE, author_of
from statefleet.objects.kinds import DAEMON_SET, STATEFUL_SET
from statefleet.objects.meta import RESTARTED_AT_ANNOTATION
from statefleet.rollouts.servicer import Rollouts as RolloutsServer
from statefleet.rpc.identity import Identity
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.rand import SystemRand
from support.objects import a_daemon_set, a_stateful_set
from support.working_fleet import WorkingFleet, working_fleet

WEB = stateful_set("web")
AGENT = daemon_set("agent")
BAD = "nginx:bad"
INSTANT = Behaviour(start_delay=0.0, ready_delay=0.0, stop_delay=0.0)


class Bench:
    """A fleet at work, and its rollouts."""

    def __init__(self, working: WorkingFleet, channel: Any) -> None:
        self.working = working
        self.fleet = working.fleet
        self.rollouts = Rollouts(channel)
        self.stub: Any = RolloutsStub(channel)

    async def up(self, **spec: Any) -> None:
        """Create the set web and wait until it is up."""
        await self.fleet.create(a_stateful_set(**spec), field_manager="creator")
        assert (await self.wait()).state == Progress.STATE_DONE

    async def wait(self, target: Target = WEB, **options: Any) -> Progress:
        return await self.rollouts.wait(target, **{"timeout": 20.0, "patience": 0.0, **options})

    async def set_image(self, image: str, *, partition: int = 0) -> None:
        def change(message: StatefulSet) -> None:
            message.spec.template.spec.containers[0].image = image
            message.spec.update_strategy.rolling_update.partition = partition

        while True:
            try:
                await self.working.change(STATEFUL_SET, "web", change)
            except Conflict:
                continue
            return

    async def get(self) -> StatefulSet:
        return await self.fleet.get(STATEFUL_SET, "web", "default")

    async def image(self) -> str:
        return (await self.get()).spec.template.spec.containers[0].image

    async def author(self) -> str:
        entry = author_of((await self.get()).metadata, TEMPLATE)
        assert entry is not None
        return entry.manager


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with working_fleet() as working:
        await working.with_nodes("node-1", "node-2", behaviour=INSTANT, size=NodeSize(cpu="16"))
        server: Any = InProcessServer([CallInterceptor(clock=working.clock, rand=SystemRand(3))])
        add_RolloutsServicer_to_server(RolloutsServer(working.fleet, working.clock), server)
        await server.start()
        try:
            yield Bench(working, server.channel(Identity("alice")))
        finally:
            await server.stop(None)


async def collect(steps: AsyncGenerator[Progress, None], until: Callable[[Progress], bool]) -> list[Progress]:
    found = []
    async with asyncio.timeout(20), aclosing(steps):
        async for progress in steps:
            found.append(progress)
            if until(progress):
                break
    return found


def is_done(progress: Progress) -> bool:
    return progress.state == Progress.STATE_DONE


async def test_the_status_of_a_set_that_is_up(bench: Bench) -> None:
    await bench.up()
    progress = await bench.rollouts.status(WEB)
    assert (progress.state, progress.reason) == (Progress.STATE_DONE, "Complete")
    assert (progress.target, progress.generation) == (WEB, 1)
    assert [each.pod for each in progress.pods] == ["web-0", "web-1", "web-2"]
    assert {each.phase for each in progress.pods} == {PodProgress.PHASE_AVAILABLE}
    assert {each.revision.number for each in progress.pods} == {1}
    assert {each.node for each in progress.pods} <= {"node-1", "node-2"}
    assert (await bench.rollouts.status(Target(kind="StatefulSet", name="web"))).uid == progress.uid


async def test_an_update_is_watched_pod_by_pod(bench: Bench) -> None:
    await bench.up()
    watching = asyncio.ensure_future(
        collect(bench.rollouts.watch(WEB), lambda step: is_done(step) and step.generation == 2)
    )
    await bench.set_image("nginx:2")
    steps = await watching
    assert is_done(steps[-1])
    assert {each.revision.number for each in steps[-1].pods} == {2}
    assert all(before != after for before, after in pairwise(steps))
    # The highest ordinal goes first, and no more than one pod is missing at a time.
    updated = [[each.pod for each in step.pods if each.revision.number == 2] for step in steps]
    order = [names for index, names in enumerate(updated) if names and (index == 0 or names != updated[index - 1])]
    assert order == [["web-2"], ["web-1", "web-2"], ["web-0", "web-1", "web-2"]]
    assert min(step.totals.available for step in steps) == 2


async def test_a_bad_image_fails_the_wait_and_an_undo_heals(bench: Bench) -> None:
    await bench.up()
    await bench.set_image(BAD)
    failed = await bench.wait()
    assert failed.state == Progress.STATE_FAILED
    assert failed.pod == "web-2"
    assert failed.reason in {"ErrImagePull", "ImagePullBackOff"}
    answer = await bench.rollouts.undo(WEB)
    assert (answer.changed, answer.revision.number) == (True, 1)
    healed = await bench.wait()
    assert healed.state == Progress.STATE_DONE
    assert (healed.update_revision.name, healed.update_revision.number) == (answer.revision.name, 3)
    assert await bench.image() == "nginx:1"
    assert await bench.author() == "alice"


async def test_an_undo_at_once_goes_back_before_the_newest_template(bench: Bench) -> None:
    await bench.up()
    for image in ("nginx:2", "nginx:3"):
        await bench.set_image(image)
        assert (await bench.rollouts.undo(WEB)).changed
        assert await bench.image() == "nginx:1"
        await bench.wait()


async def test_an_undo_to_what_the_set_is_changes_nothing(bench: Bench) -> None:
    await bench.up()
    before = await bench.get()
    answer = await bench.rollouts.undo(WEB, to_revision=1)
    assert (answer.changed, answer.revision.number, answer.generation) == (False, 1, 1)
    assert (await bench.get()).metadata.resource_version == before.metadata.resource_version


async def test_a_dry_run_changes_nothing(bench: Bench) -> None:
    await bench.up()
    await bench.set_image("nginx:2")
    await bench.wait()
    before = await bench.get()
    assert (await bench.rollouts.undo(WEB, dry_run=True)).changed
    assert (await bench.rollouts.restart(WEB, dry_run=True)).restarted_at
    await bench.rollouts.set_partition(WEB, 2, dry_run=True)
    assert await bench.get() == before


async def test_a_repeated_undo_takes_effect_once(bench: Bench) -> None:
    await bench.up()
    await bench.set_image("nginx:2")
    await bench.wait()
    request = UndoRequest(target=WEB, options=WriteOptions(request_id="once", field_manager="me"))
    first = await bench.stub.Undo(request)
    await bench.wait()
    second = await bench.stub.Undo(request)
    assert await bench.image() == "nginx:1"
    assert await bench.author() == "me"
    assert (second.revision.name, second.generation) == (first.revision.name, first.generation)


async def test_a_restart_replaces_every_pod(bench: Bench) -> None:
    await bench.up()
    before = {each.pod: each.uid for each in (await bench.rollouts.status(WEB)).pods}
    answer = await bench.rollouts.restart(WEB, field_manager="restarter")
    after = await bench.wait()
    assert {each.pod for each in after.pods} == set(before)
    assert not {each.uid for each in after.pods} & set(before.values())
    template = (await bench.get()).spec.template
    assert template.metadata.annotations[RESTARTED_AT_ANNOTATION] == answer.restarted_at
    assert await bench.author() == "restarter"
    (*_, newest) = await bench.fleet.history(STATEFUL_SET, "web", "default")
    assert newest.changed_by == "restarter"


async def test_a_canary_goes_as_far_as_its_partition(bench: Bench) -> None:
    await bench.up()
    assert (await bench.rollouts.set_partition(WEB, 2)).previous_partition == 0
    await bench.set_image("nginx:2", partition=2)
    canary = await bench.wait()
    assert (canary.reason, canary.totals.updated) == ("PartitionReached", 1)
    assert [each.revision.number for each in canary.pods] == [1, 1, 2]
    assert (await bench.rollouts.set_partition(WEB, 0)).previous_partition == 2
    assert (await bench.wait()).totals.updated == 3


async def test_a_wait_that_takes_too_long_names_the_pod(bench: Bench) -> None:
    await bench.up(replicas=2)
    await bench.set_image(BAD)
    failed = await bench.wait(timeout=1.0, patience=60.0)
    assert failed.state == Progress.STATE_FAILED
    assert failed.pod == "web-1"
    hold = await bench.rollouts.set_partition(WEB, 0)
    assert hold.generation == 2


async def test_a_wait_for_what_only_a_person_does_ends_at_its_deadline(bench: Bench) -> None:
    await bench.up(replicas=1)

    def by_hand(message: StatefulSet) -> None:
        message.spec.update_strategy.type = "OnDelete"
        message.spec.update_strategy.ClearField("rolling_update")
        message.spec.template.spec.containers[0].image = "nginx:2"

    await bench.working.change(STATEFUL_SET, "web", by_hand)
    late = await bench.wait(timeout=0.5)
    assert (late.state, late.reason, late.pod) == (Progress.STATE_FAILED, "DeadlineExceeded", "web-0")
    with pytest.raises(BadRequest, match="needs RollingUpdate"):
        await bench.rollouts.set_partition(WEB, 1)


async def test_pods_become_available_by_the_passing_of_time(bench: Bench) -> None:
    message = a_stateful_set(replicas=1)
    message.spec.min_ready_seconds = 3600
    await bench.fleet.create(message)

    def is_ready(step: Progress) -> bool:
        return step.totals.ready == 1

    steps = await collect(bench.rollouts.watch(WEB), is_ready)
    assert steps[-1].pods[0].phase == PodProgress.PHASE_READY
    waiting = asyncio.ensure_future(bench.wait())
    await bench.working.calm()
    bench.working.clock.leap(3600)
    assert is_done(await waiting)


async def test_a_daemon_set_has_rollouts_too(bench: Bench) -> None:
    await bench.fleet.create(a_daemon_set())
    first = await bench.wait(AGENT)
    assert first.state == Progress.STATE_DONE
    assert [each.node for each in first.pods] == ["node-1", "node-2"]
    await bench.rollouts.restart(AGENT)
    second = await bench.wait(AGENT)
    assert {each.revision.number for each in second.pods} == {2}
    assert not {each.uid for each in first.pods} & {each.uid for each in second.pods}
    answer = await bench.rollouts.undo(AGENT)
    assert answer.revision.number == 1
    assert (await bench.wait(AGENT)).update_revision.number == 3
    with pytest.raises(BadRequest, match="only a StatefulSet's update has a partition"):
        await bench.rollouts.set_partition(AGENT, 1)


async def test_a_daemon_sets_bad_image_names_pod_and_node(bench: Bench) -> None:
    await bench.fleet.create(a_daemon_set())
    await bench.wait(AGENT)

    def spoil(message: Any) -> None:
        message.spec.template.spec.containers[0].image = BAD

    await bench.working.change(DAEMON_SET, "agent", spoil)
    failed = await bench.wait(AGENT)
    assert failed.state == Progress.STATE_FAILED
    (blamed,) = [each for each in failed.pods if each.pod == failed.pod]
    assert blamed.phase == PodProgress.PHASE_BROKEN
    assert blamed.node in {"node-1", "node-2"}


async def test_a_watch_ends_when_the_set_goes(bench: Bench) -> None:
    await bench.up(replicas=1)
    watching = asyncio.ensure_future(collect(bench.rollouts.watch(WEB), lambda _: False))
    await bench.working.calm()
    await bench.fleet.delete(STATEFUL_SET, "web", "default", options=DeleteOptions(grace_period_seconds=0))
    with pytest.raises(NotFound, match=r'statefulsets\.apps "web" not found'):
        await watching


@pytest.mark.parametrize(
    ("target", "error", "text"),
    [
        (Target(kind="Deployment", name="web"), BadRequest, "supported values: StatefulSet, DaemonSet"),
        (Target(kind="StatefulSet"), BadRequest, "target.name: Required value"),
        (stateful_set("none"), NotFound, r'statefulsets\.apps "none" not found'),
        (daemon_set("none"), NotFound, r'daemonsets\.apps "none" not found'),
    ],
)
async def test_targets_that_are_none_are_refused(bench: Bench, target: Target, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        await bench.rollouts.status(target)
    with pytest.raises(error, match=text):
        await anext(bench.rollouts.watch(target))
    with pytest.raises(error, match=text):
        await bench.rollouts.wait(target, timeout=5.0)
    with pytest.raises(error, match=text):
        await bench.rollouts.undo(target)
    with pytest.raises(error, match=text):
        await bench.rollouts.restart(target)


async def test_bad_numbers_are_refused(bench: Bench) -> None:
    await bench.up(replicas=1)
    with pytest.raises(NotFound, match="unable to find specified revision 9 in history"):
        await bench.rollouts.undo(WEB, to_revision=9)
    with pytest.raises(NotFound, match="no last revision to roll back to"):
        await bench.rollouts.undo(WEB)
    with pytest.raises(BadRequest, match="to_revision: Invalid value: -1"):
        await bench.rollouts.undo(WEB, to_revision=-1)
    with pytest.raises(Invalid, match=r"spec\.updateStrategy\.rollingUpdate\.partition"):
        await bench.rollouts.set_partition(WEB, -1)
