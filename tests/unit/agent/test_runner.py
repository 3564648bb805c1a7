"""What a pod's runner reports, and how rarely."""

import asyncio

import pytest

from statefleet.agent.behaviour import PREFIX, Behaviour
from statefleet.agent.runner import PodRunner
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.api.core.v1.pod_pb2 import Pod, PodStatus
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.tasks import Tasks


class Recorder:
    """Keeps what is reported, at versions 1, 2 and so on; a report waits until the gate is open."""

    heard = True

    def __init__(self) -> None:
        self.statuses: list[PodStatus] = []
        self.removed = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.changed = asyncio.Condition()

    async def update_status(self, pod: Pod) -> int:
        await self.gate.wait()
        async with self.changed:
            self.statuses.append(pod.status)
            self.changed.notify_all()
        return len(self.statuses)

    async def remove(self, pod: Pod) -> None:
        self.removed.set()

    async def until(self, wanted) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: self.statuses and wanted(self.statuses[-1]))


def make_pod(image: str = "web:1", **annotations: str) -> Pod:
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace, pod.metadata.uid = "web-0", "default", "u1"
    pod.metadata.annotations.update({PREFIX + k.replace("_", "-"): v for k, v in annotations.items()})
    pod.spec.containers.add(name="c", image=image)
    condition = pod.status.conditions.add(type="PodScheduled", status="True")
    condition.last_transition_time.seconds = 7
    return pod


@pytest.fixture
async def tasks():
    async with Tasks("test") as owner:
        yield owner


def runner_of(pod: Pod, recorder: Recorder, tasks: Tasks, behaviour: Behaviour | None = None) -> PodRunner:
    runtime = SimulatedRuntime(behaviour or Behaviour())
    return PodRunner(pod, runtime, recorder, SystemClock(), tasks, host_ip="172.16.0.1", pod_ip="10.64.0.1")


def conditions(status) -> dict[str, str]:
    return {condition.type: condition.status for condition in status.conditions}


async def test_without_delays_running_and_ready_is_one_report(tasks):
    recorder = Recorder()
    runner_of(make_pod(), recorder, tasks).begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    (status,) = recorder.statuses
    assert (status.phase, status.pod_ip, status.host_ip) == ("Running", "10.64.0.1", "172.16.0.1")
    assert status.container_statuses[0].state.HasField("running")
    assert conditions(status)["PodScheduled"] == "True"


async def test_with_delays_each_step_is_reported(tasks):
    recorder = Recorder()
    runner_of(make_pod(), recorder, tasks, Behaviour(start_delay=0.02, ready_delay=0.02)).begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    seen = [(status.phase, status.container_statuses[0].ready) for status in recorder.statuses]
    assert seen == [("Pending", False), ("Running", False), ("Running", True)]
    assert recorder.statuses[0].container_statuses[0].state.waiting.reason == "ContainerCreating"


async def test_statuses_that_pile_up_behind_a_slow_report_are_merged(tasks):
    recorder = Recorder()
    recorder.gate.clear()
    runner = runner_of(make_pod(), recorder, tasks, Behaviour(start_delay=0.01, ready_delay=0.01))
    runner.begin()
    await asyncio.sleep(0.05)
    recorder.gate.set()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    assert [status.phase for status in recorder.statuses] == ["Pending", "Running"]


async def test_an_image_that_cannot_be_pulled_is_reported(tasks):
    recorder = Recorder()
    runner_of(make_pod("web:bad"), recorder, tasks).begin()
    await recorder.until(lambda status: status.container_statuses[0].state.waiting.reason == "ErrImagePull")
    assert recorder.statuses[-1].phase == "Pending"
    assert '"web:bad"' in recorder.statuses[-1].container_statuses[0].state.waiting.message


async def test_a_bad_annotation_is_reported_on_the_container(tasks):
    recorder = Recorder()
    runner_of(make_pod(start_delay="soon"), recorder, tasks).begin()
    await recorder.until(
        lambda status: status.container_statuses[0].state.waiting.reason == "CreateContainerConfigError"
    )
    assert "start-delay" in recorder.statuses[-1].container_statuses[0].state.waiting.message


async def test_a_deleted_pod_is_removed_once_it_has_stopped(tasks):
    recorder = Recorder()
    pod = make_pod()
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    await recorder.until(lambda status: status.phase == "Running")
    deleted = Pod()
    deleted.CopyFrom(pod)
    deleted.metadata.deletion_timestamp.seconds = 9
    deleted.metadata.deletion_grace_period_seconds = 30
    runner.observe(deleted)
    async with asyncio.timeout(5):
        await recorder.removed.wait()
    assert len(recorder.statuses) == 1


async def test_a_forgotten_pod_reports_nothing_more(tasks):
    recorder = Recorder()
    runner = runner_of(make_pod(), recorder, tasks, Behaviour(start_delay=0.01))
    runner.begin()
    await recorder.until(lambda status: status.phase == "Pending")
    runner.forget()
    await asyncio.sleep(0.05)
    assert len(recorder.statuses) == 1


async def test_a_running_pod_is_taken_up_where_an_earlier_agent_left_it(tasks):
    recorder = Recorder()
    first = runner_of(make_pod(), recorder, tasks)
    first.begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    again = make_pod()
    again.status.CopyFrom(recorder.statuses[-1])
    again.status.container_statuses[0].restart_count = 4
    later = Recorder()
    second = runner_of(again, later, tasks)
    second.begin()
    life = second.machine.containers["c"]
    assert (life.restarts, life.ready, second.machine.phase) == (4, True, "Running")
    assert second.machine.terminate(5)
