"""A pod's life on its node, event by event."""

import pytest

from statefleet.agent.containers import (
    Command,
    ContainerLife,
    Event,
    Pull,
    Release,
    Running,
    Signal,
    Start,
    Stop,
    Terminated,
    Waiting,
    Wake,
)
from statefleet.agent.lifecycle import BACK_OFF_LIMIT, PodMachine
from statefleet.api.core.v1.pod_pb2 import Pod


def machine(*names: str, inits: tuple[str, ...] = (), restart_policy: str = "Always") -> PodMachine:
    pod = Pod()
    pod.metadata.name = "web-0"
    pod.spec.restart_policy = restart_policy
    for name in inits:
        pod.spec.init_containers.add(name=name, image="init:1")
    for name in names:
        pod.spec.containers.add(name=name, image="web:1")
    return PodMachine.of(pod)


def hear(pod: PodMachine, signal: Signal, name: str = "c", now: float = 0.0, **fields):
    return pod.handle(Event(signal, name, **fields), now)


def waiting_reason(life: ContainerLife) -> str:
    assert isinstance(life.state, Waiting)
    return life.state.reason


def run(pod: PodMachine, name: str = "c", now: float = 0.0) -> None:
    hear(pod, Signal.PULLED, name, now)
    hear(pod, Signal.STARTED, name, now, attempt=pod.containers[name].restarts + 1)


def test_a_container_is_pulled_then_started_then_ready():
    pod = machine("c")
    assert pod.begin() == [Pull("c")]
    assert hear(pod, Signal.PULLED) == [Start("c", 1)]
    assert pod.phase == "Pending"
    assert hear(pod, Signal.STARTED, now=5.0, attempt=1) == []
    assert pod.containers["c"].state == Running(5.0)
    assert (pod.phase, pod.containers["c"].ready) == ("Running", False)
    hear(pod, Signal.READY, attempt=1)
    assert pod.containers["c"].ready


def test_init_containers_run_one_after_the_other_before_the_others():
    pod = machine("c", inits=("a", "b"))
    assert pod.containers["c"].state == Waiting("PodInitializing")
    assert pod.begin() == [Pull("a")]
    run(pod, "a")
    assert hear(pod, Signal.EXITED, "a", attempt=1) == [Pull("b")]
    run(pod, "b")
    assert not pod.initialized
    assert hear(pod, Signal.EXITED, "b", attempt=1) == [Pull("c")]
    assert pod.initialized
    assert pod.containers["c"].state == Waiting("ContainerCreating")


def test_a_failed_init_container_is_tried_again_or_fails_the_pod():
    pod = machine("c", inits=("a",))
    pod.begin()
    run(pod, "a")
    assert hear(pod, Signal.EXITED, "a", attempt=1, exit_code=3) == [Start("a", 2)]
    never = machine("c", inits=("a",), restart_policy="Never")
    never.begin()
    run(never, "a")
    assert hear(never, Signal.EXITED, "a", attempt=1, exit_code=3) == []
    assert never.phase == "Failed"


def test_a_sidecar_lets_the_others_begin_once_it_runs():
    pod = machine("c", inits=("side",))
    pod.containers["side"].restarts_always = True
    pod.begin()
    hear(pod, Signal.PULLED, "side")
    assert hear(pod, Signal.STARTED, "side", attempt=1) == [Pull("c")]


def test_a_failed_pull_shows_as_an_error_then_as_back_off_and_is_tried_again():
    pod = machine("c")
    pod.begin()
    commands = hear(pod, Signal.PULL_FAILED, message="not found")
    assert pod.containers["c"].state == Waiting("ErrImagePull", "not found")
    show, retry = commands
    assert isinstance(show, Wake)
    assert isinstance(retry, Wake)
    assert show.seconds < retry.seconds == 10.0
    pod.handle(show.event, 2.0)
    assert pod.containers["c"].state == Waiting("ImagePullBackOff", 'Back-off pulling image "web:1"')
    assert pod.handle(retry.event, 10.0) == [Pull("c")]
    assert pod.phase == "Pending"


def test_pull_back_off_doubles_up_to_its_limit():
    pod = machine("c")
    pod.begin()
    waits = [hear(pod, Signal.PULL_FAILED)[-1].seconds for _ in range(7)]
    assert waits == [10, 20, 40, 80, 160, BACK_OFF_LIMIT, BACK_OFF_LIMIT]


def test_a_crash_restarts_at_once_then_backs_off():
    pod = machine("c")
    pod.begin()
    run(pod)
    assert hear(pod, Signal.EXITED, now=1.0, attempt=1, exit_code=1) == [Start("c", 2)]
    hear(pod, Signal.STARTED, now=1.0, attempt=2)
    (wake,) = hear(pod, Signal.EXITED, now=2.0, attempt=2, exit_code=1)
    life = pod.containers["c"]
    assert (wake.seconds, waiting_reason(life), life.restarts) == (10.0, "CrashLoopBackOff", 2)
    assert life.last == Terminated(1, "Error", 1.0, 2.0)
    assert pod.phase == "Running"
    assert pod.handle(wake.event, 12.0) == [Start("c", 3)]


def test_a_back_off_is_told_in_the_kubelet_s_words():
    pod = machine("c")
    pod.pod.metadata.namespace, pod.pod.metadata.uid = "default", "u1"
    pod.begin()
    run(pod)
    hear(pod, Signal.EXITED, now=1.0, attempt=1, exit_code=1)
    told = []
    for attempt in range(2, 8):
        hear(pod, Signal.STARTED, now=1.0, attempt=attempt)
        hear(pod, Signal.EXITED, now=2.0, attempt=attempt, exit_code=1)
        state = pod.containers["c"].state
        assert isinstance(state, Waiting)
        told.append(state.message)
    delays = ("10s", "20s", "40s", "1m20s", "2m40s", "5m0s")
    name = pod.pod.metadata.name
    assert told == [f"back-off {delay} restarting failed container=c pod={name}_default(u1)" for delay in delays]


def test_a_long_run_forgives_earlier_crashes():
    pod = machine("c")
    pod.begin()
    run(pod)
    hear(pod, Signal.EXITED, now=1.0, attempt=1, exit_code=1)
    hear(pod, Signal.STARTED, now=1.0, attempt=2)
    assert hear(pod, Signal.EXITED, now=2000.0, attempt=2, exit_code=1) == [Start("c", 3)]


@pytest.mark.parametrize(
    ("policy", "code", "phase"), [("Never", 0, "Succeeded"), ("Never", 2, "Failed"), ("OnFailure", 0, "Succeeded")]
)
def test_a_pod_that_need_not_restart_ends(policy, code, phase):
    pod = machine("c", restart_policy=policy)
    pod.begin()
    run(pod)
    assert hear(pod, Signal.EXITED, attempt=1, exit_code=code) == []
    assert pod.phase == phase


def test_termination_stops_what_runs_and_releases_the_pod_when_all_has_stopped():
    pod = machine("c", "d")
    pod.begin()
    run(pod, "c")
    run(pod, "d")
    assert pod.terminate(30) == [Stop("c", 30), Stop("d", 30)]
    assert hear(pod, Signal.STOPPED, "c") == []
    assert hear(pod, Signal.STOPPED, "d") == [Release()]
    assert pod.released


def test_termination_of_a_pod_that_never_ran_releases_it_at_once():
    pod = machine("c")
    pod.begin()
    assert pod.terminate(30) == [Release()]
    assert hear(pod, Signal.PULLED) == []


def test_a_container_that_starts_during_termination_is_stopped():
    pod = machine("c", "d")
    pod.begin()
    run(pod, "c")
    hear(pod, Signal.PULLED, "d")
    pod.terminate(30)
    assert hear(pod, Signal.STARTED, "d", attempt=1) == [Stop("d", 0)]


def test_news_of_an_earlier_attempt_is_ignored():
    pod = machine("c")
    pod.begin()
    run(pod)
    hear(pod, Signal.EXITED, attempt=1, exit_code=1)
    assert hear(pod, Signal.EXITED, attempt=1, exit_code=1) == []
    assert pod.containers["c"].restarts == 1


def test_containers_begin_once_though_others_start_meanwhile():
    pod = machine("c", "d")
    assert pod.begin() == [Pull("c"), Pull("d")]
    assert hear(pod, Signal.PULLED, "c") == [Start("c", 1)]
    assert hear(pod, Signal.STARTED, "c", attempt=1) == []
    assert hear(pod, Signal.PULLED, "d") == [Start("d", 1)]
    assert hear(pod, Signal.READY, "c", attempt=1) == []


def test_a_pod_is_pending_until_each_container_has_run():
    pod = machine("c", "d")
    pod.begin()
    run(pod, "c")
    hear(pod, Signal.EXITED, "c", attempt=1, exit_code=1)
    assert pod.phase == "Pending"
    run(pod, "d")
    assert pod.phase == "Running"


def test_a_container_taken_over_while_it_waits_to_restart_starts_again():
    pod = machine("c")
    life = pod.containers["c"]
    life.last, life.restarts = Terminated(1, "Error", 0.0, 1.0), 7
    assert pod.begin() == [Pull("c")]
    assert hear(pod, Signal.PULLED) == [Start("c", 8)]


def test_a_container_taken_over_after_its_exit_is_restarted():
    pod = machine("c")
    life = pod.containers["c"]
    life.state, life.pulled = Terminated(1, "Error", 0.0, 1.0), True
    assert pod.begin() == [Start("c", 2)]
    assert (life.restarts, life.last) == (1, Terminated(1, "Error", 0.0, 1.0))
    never = machine("c", restart_policy="Never")
    never.containers["c"].state = Terminated(1, "Error", 0.0, 1.0)
    assert never.begin() == []
    assert never.phase == "Failed"


def test_termination_asked_for_again_stops_with_the_shorter_grace():
    pod = machine("c")
    pod.begin()
    run(pod)
    assert pod.terminate(30) == [Stop("c", 30)]
    assert pod.terminate(1) == [Stop("c", 1)]
    assert hear(pod, Signal.STOPPED) == [Release()]
    assert pod.terminate(0) == []


def declare(pod: PodMachine, image: str, grace: int = 30) -> list[Command]:
    newer = Pod()
    newer.CopyFrom(pod.pod)
    newer.spec.containers[0].image = image
    newer.spec.termination_grace_period_seconds = grace
    pod.pod = newer
    return pod.redefine()


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_a_container_that_runs_is_started_anew_with_a_new_image_whatever_the_policy(policy):
    pod = machine("c", restart_policy=policy)
    pod.begin()
    run(pod)
    life = pod.containers["c"]
    assert declare(pod, "web:2") == [Stop("c", 30.0)]
    assert (life.spec.image, declare(pod, "web:2")) == ("web:1", [])
    assert hear(pod, Signal.STOPPED, now=4.0) == [Pull("c")]
    assert (life.spec.image, life.restarts, pod.phase) == ("web:2", 1, "Running")
    assert hear(pod, Signal.PULLED) == [Start("c", 2)]
    hear(pod, Signal.STARTED, attempt=2)
    assert declare(pod, "web:2") == []


def test_an_image_that_cannot_be_pulled_can_be_put_right():
    pod = machine("c")
    pod.begin()
    shown, again = hear(pod, Signal.PULL_FAILED)
    life = pod.containers["c"]
    assert declare(pod, "web:2") == [Pull("c")]
    assert pod.handle(shown.event, shown.seconds) == pod.handle(again.event, again.seconds) == []
    assert (life.spec.image, waiting_reason(life)) == ("web:2", "ContainerCreating")
    assert hear(pod, Signal.PULL_FAILED)[-1].seconds == again.seconds


def test_a_crash_loop_can_be_put_right():
    pod = machine("c")
    pod.begin()
    run(pod)
    for attempt in (1, 2):
        hear(pod, Signal.STARTED, attempt=attempt)
        (again,) = hear(pod, Signal.EXITED, now=1.0, attempt=attempt, exit_code=1)
    assert waiting_reason(pod.containers["c"]) == "CrashLoopBackOff"
    assert declare(pod, "web:2") == [Pull("c")]
    assert pod.handle(again.event, again.seconds) == []


def test_a_pod_that_is_ended_while_a_container_changes_its_image_ends():
    pod = machine("c")
    pod.begin()
    run(pod)
    declare(pod, "web:2")
    pod.terminate(5.0)
    assert hear(pod, Signal.STOPPED, now=4.0) == [Release()]
