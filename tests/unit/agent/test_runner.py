"""What a pod's runner reports, and how rarely."""

import asyncio

import pytest

from statefleet.agent.behaviour import PREFIX, Behaviour
from statefleet.agent.containers import Event, Signal
from statefleet.agent.runner import PodRunner
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.api.core.v1.pod_pb2 import Pod, PodStatus
from statefleet.errors import Invalid
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.tasks import Tasks
from support.objects import set_condition
from support.stores import settle


class Recorder:
    """Keeps what is reported, at versions 10, 20 and so on; a report waits until the gate is open."""

    heard = True

    def __init__(self) -> None:
        self.statuses: list[PodStatus] = []
        self.warnings: list[str] = []
        self.removed = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.changed = asyncio.Condition()

    def warn(self, pod: Pod, reason: str, message: str) -> None:
        self.warnings.append(f"{reason}: {message}")

    async def update_status(self, pod: Pod) -> int:
        await self.gate.wait()
        async with self.changed:
            self.statuses.append(pod.status)
            self.changed.notify_all()
        return 10 * len(self.statuses)

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
    async with asyncio.timeout(5):
        while not runner.machine.containers["c"].ready:
            await asyncio.sleep(0.001)
    recorder.gate.set()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    assert [status.phase for status in recorder.statuses] == ["Pending", "Running"]


async def test_an_image_that_cannot_be_pulled_is_reported(tasks):
    recorder = Recorder()
    runner_of(make_pod("web:bad"), recorder, tasks).begin()
    await recorder.until(lambda status: status.container_statuses[0].state.waiting.reason == "ErrImagePull")
    assert recorder.statuses[-1].phase == "Pending"
    assert '"web:bad"' in recorder.statuses[-1].container_statuses[0].state.waiting.message
    (warning,) = recorder.warnings
    assert warning.startswith('Failed: Failed to pull image "web:bad": ')


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
    runner.observe(marked_for_deletion(pod))
    async with asyncio.timeout(5):
        await recorder.removed.wait()
    assert len(recorder.statuses) == 1


@pytest.mark.parametrize(
    ("image", "behaviour", "phase"),
    [
        ("web:1", Behaviour(), "Succeeded"),
        ("web:1", Behaviour(stop_delay=60), "Failed"),
        ("web:1", Behaviour(crash_after=0), "Failed"),
        ("web:bad", Behaviour(), "Failed"),
    ],
)
async def test_a_deleted_pod_that_others_hold_is_reported_to_have_ended(tasks, image, behaviour, phase):
    recorder = Recorder()
    pod = make_pod(image)
    pod.metadata.finalizers.append("example.com/hold")
    runner = runner_of(pod, recorder, tasks, behaviour)
    runner.begin()
    await recorder.until(lambda status: status.container_statuses)
    runner.observe(marked_for_deletion(pod, grace=0))
    async with asyncio.timeout(5):
        await recorder.removed.wait()
    last = recorder.statuses[-1]
    assert (last.phase, conditions(last)["Ready"]) == (phase, "False")
    assert not last.container_statuses[0].state.HasField("running")


async def test_a_pod_that_has_ended_and_is_held_stays_so_under_the_next_agent(tasks):
    recorder = Recorder()
    pod = marked_for_deletion(make_pod(), grace=0)
    pod.metadata.finalizers.append("example.com/hold")
    pod.status.phase = "Succeeded"
    pod.status.container_statuses.add(name="c").state.terminated.reason = "Completed"
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    runner.observe(pod)
    async with asyncio.timeout(5):
        await recorder.removed.wait()
    assert recorder.statuses == []


def marked_for_deletion(pod: Pod, grace: int = 30) -> Pod:
    marked = Pod()
    marked.CopyFrom(pod)
    marked.metadata.deletion_timestamp.seconds = 9
    marked.metadata.deletion_grace_period_seconds = grace
    return marked


async def test_a_forgotten_pod_reports_nothing_more(tasks):
    recorder = Recorder()
    runner = runner_of(make_pod(), recorder, tasks, Behaviour(start_delay=60))
    runner.begin()
    await recorder.until(lambda status: status.phase == "Pending")
    runner.forget()
    runner.hear(Event(Signal.STARTED, "c", 1))
    await settle()
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


async def test_a_container_gets_the_image_that_was_declared_while_no_agent_was_there(tasks):
    recorder = Recorder()
    first = runner_of(make_pod(), recorder, tasks)
    first.begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    again = make_pod("web:2")
    again.status.CopyFrom(recorder.statuses[-1])
    later = Recorder()
    runner_of(again, later, tasks).begin()
    await later.until(
        lambda status: conditions(status)["Ready"] == "True" and status.container_statuses[0].restart_count
    )
    (container,) = later.statuses[-1].container_statuses
    assert (container.image, container.restart_count, container.last_state.terminated.exit_code) == ("web:2", 1, 0)


async def test_containers_of_a_pod_that_is_pending_are_taken_up_too(tasks):
    pod = make_pod()
    pod.spec.containers.add(name="stuck", image="web:bad")
    recorder = Recorder()
    runner_of(pod, recorder, tasks).begin()
    await recorder.until(lambda status: status.container_statuses[1].state.waiting.reason == "ErrImagePull")
    again = shown(pod, recorder.statuses[-1], 12)
    assert (again.status.phase, again.status.container_statuses[0].ready) == ("Pending", True)
    again.status.container_statuses[0].restart_count = 4
    again.status.container_statuses[0].container_id = "statefleet://u1/c/4"
    later = Recorder()
    runner = runner_of(again, later, tasks)
    runner.begin()
    await settle()
    assert later.statuses == []
    assert runner.machine.containers["c"].restarts == 4
    assert runner.machine.containers["stuck"].failures == 1


def shown(pod: Pod, status: PodStatus, version: int, *, ready: str | None = None) -> Pod:
    """The pod as a watch shows it at a version, with a status and perhaps another readiness."""
    seen = Pod()
    seen.CopyFrom(pod)
    seen.metadata.resource_version = str(version)
    seen.status.CopyFrom(status)
    if ready is not None:
        set_condition(seen, "Ready", ready)
    return seen


async def test_a_status_that_another_has_changed_is_reported_again(tasks):
    recorder, pod = Recorder(), make_pod()
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    runner.observe(shown(pod, recorder.statuses[-1], 10))
    runner.observe(shown(pod, recorder.statuses[-1], 11))
    await settle()
    assert len(recorder.statuses) == 1
    runner.observe(shown(pod, recorder.statuses[-1], 12, ready="False"))
    await settle()
    assert [conditions(status)["Ready"] for status in recorder.statuses] == ["True", "True"]


async def test_what_was_written_before_the_last_report_is_no_reason_to_report_again(tasks):
    recorder, pod = Recorder(), make_pod()
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    runner.observe(shown(pod, recorder.statuses[-1], 9, ready="False"))
    await settle()
    assert len(recorder.statuses) == 1


async def test_while_the_node_is_not_heard_others_have_their_way(tasks):
    recorder, pod = Recorder(), make_pod()
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    recorder.heard = False
    runner.observe(shown(pod, recorder.statuses[-1], 12, ready="False"))
    await settle()
    assert len(recorder.statuses) == 1
    recorder.heard = True
    runner.reassert()
    await settle()
    assert [conditions(status)["Ready"] for status in recorder.statuses] == ["True", "True"]


async def test_a_pod_with_a_readiness_gate_is_ready_when_the_gate_s_condition_says_so(tasks):
    recorder, pod = Recorder(), make_pod()
    pod.spec.readiness_gates.add(condition_type="example.com/open")
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    await recorder.until(lambda status: conditions(status)["ContainersReady"] == "True")
    assert conditions(recorder.statuses[-1])["Ready"] == "False"
    opened = shown(pod, recorder.statuses[-1], 12)
    opened.status.conditions.add(type="example.com/open", status="True")
    runner.observe(opened)
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")


async def test_a_pod_taken_up_as_it_was_is_not_reported(tasks):
    recorder, pod = Recorder(), make_pod()
    runner_of(pod, recorder, tasks).begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    later = Recorder()
    runner = runner_of(shown(pod, recorder.statuses[-1], 5), later, tasks)
    runner.begin()
    await settle()
    assert later.statuses == []
    assert runner.machine.containers["c"].ready


async def test_a_shorter_grace_period_ends_a_pod_sooner(tasks):
    recorder, pod = Recorder(), make_pod()
    runner = runner_of(pod, recorder, tasks, Behaviour(stop_delay=600))
    runner.begin()
    await recorder.until(lambda status: status.phase == "Running")
    for grace in (300, 0):
        pod.metadata.deletion_timestamp.seconds = 9
        pod.metadata.deletion_grace_period_seconds = grace
        runner.observe(shown(pod, recorder.statuses[-1], 12))
        await settle()
        assert recorder.removed.is_set() is (grace == 0)


async def test_annotations_spoilt_while_a_pod_runs_do_not_keep_it_from_ending(tasks):
    recorder, pod = Recorder(), make_pod()
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    await recorder.until(lambda status: status.phase == "Running")
    pod.metadata.annotations[PREFIX + "stop-delay"] = "whenever"
    pod.metadata.deletion_timestamp.seconds = 9
    pod.metadata.deletion_grace_period_seconds = 30
    runner.observe(pod)
    async with asyncio.timeout(5):
        await recorder.removed.wait()


async def test_a_status_that_is_refused_is_not_sent_again_and_again(tasks):
    class Refusing(Recorder):
        async def update_status(self, pod: Pod) -> int:
            self.statuses.append(pod.status)
            raise Invalid("no")

    recorder = Refusing()
    runner_of(make_pod(), recorder, tasks).begin()
    await settle()
    assert len(recorder.statuses) == 1


async def test_a_new_declaration_is_acted_on_and_reported_with_its_generation(tasks):
    recorder = Recorder()
    pod = make_pod()
    pod.metadata.generation = 1
    runner = runner_of(pod, recorder, tasks)
    runner.begin()
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    assert recorder.statuses[-1].observed_generation == 1
    newer = Pod()
    newer.CopyFrom(pod)
    newer.metadata.generation = 2
    newer.spec.containers[0].image = "web:2"
    runner.observe(newer)
    await recorder.until(
        lambda status: status.container_statuses[0].image == "web:2" and status.observed_generation == 2
    )
    await recorder.until(lambda status: conditions(status)["Ready"] == "True")
    status = recorder.statuses[-1]
    (container,) = status.container_statuses
    assert status.observed_generation == 2
    assert (container.restart_count, container.last_state.terminated.exit_code) == (1, 0)
    assert {each.observed_generation for each in status.conditions if each.type == "Ready"} == {2}
