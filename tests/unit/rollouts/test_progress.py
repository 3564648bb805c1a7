"""How far a rollout is: of each pod, in numbers, and the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod, PodCondition
from statefleet.api.rollouts.v1.rollouts_pb2 import PodProgress, Progress
from statefleet.objects.meta import REVISION_LABEL
from statefleet.rollouts.pods import NEVER, read_pod
from statefleet.rollouts.progress import Reckoned, reckon
from statefleet.rollouts.revisions import Revisions
from support.fleet_objects import make_ready, make_stuck, pod, stateful_set

NOW = 2000.0
OLD, NEW = "web-old", "web-new"


def a_pod(ordinal: int, revision: str = NEW, *, ready: bool = True, since: float = 1000.0, node: str = "n1") -> Pod:
    message = pod(f"web-{ordinal}", node=node, **{REVISION_LABEL: revision})
    message.metadata.uid = f"uid-{ordinal}"
    if ready:
        make_ready(message, since)
    return message


def a_set(
    replicas: int = 3, *, current: str = OLD, update: str = NEW, partition: int = 0, **spec: Any
) -> StatefulSet:
    message = stateful_set(replicas=replicas, **spec)
    message.metadata.uid = "uid"
    message.spec.update_strategy.rolling_update.partition = partition
    message.status.observed_generation = 1
    message.status.current_revision, message.status.update_revision = current, update
    return message


def revision(name: str, number: int, label: str = "") -> ControllerRevision:
    found = ControllerRevision(revision=number)
    found.metadata.name = name
    if label:
        found.metadata.labels[REVISION_LABEL] = label
    return found


REVISIONS = Revisions([revision(NEW, 2), revision(OLD, 1)])


def judged(
    owner: StatefulSet | DaemonSet, *pods: Pod, revisions: Revisions = REVISIONS, now: float = NOW
) -> Reckoned:
    facts = [read_pod(message, owner.spec.min_ready_seconds) for message in pods]
    return reckon(owner, facts, revisions, now)


def progress_of(owner: StatefulSet | DaemonSet, *pods: Pod, revisions: Revisions = REVISIONS) -> Progress:
    return judged(owner, *pods, revisions=revisions).progress


def phases(progress: Progress) -> dict[str, str]:
    return {each.pod: PodProgress.Phase.Name(each.phase).removeprefix("PHASE_") for each in progress.pods}


def verdict(progress: Progress) -> tuple[str, str, str]:
    return Progress.State.Name(progress.state).removeprefix("STATE_"), progress.reason, progress.pod


def test_a_finished_update_is_done() -> None:
    progress = progress_of(a_set(current=NEW), a_pod(0), a_pod(1), a_pod(2))
    assert verdict(progress) == ("DONE", "Complete", "")
    totals = progress.totals
    assert (totals.desired, totals.to_update, totals.existing, totals.updated) == (3, 3, 3, 3)
    assert (totals.ready, totals.available) == (3, 3)
    assert (progress.update_revision.name, progress.update_revision.number) == (NEW, 2)
    assert [each.ordinal for each in progress.pods] == [0, 1, 2]


def test_the_status_has_to_say_so_too() -> None:
    assert verdict(progress_of(a_set(), a_pod(0), a_pod(1), a_pod(2))) == ("PROGRESSING", "Completing", "")


def test_an_update_tells_of_each_pod_what_it_is_and_should_be() -> None:
    terminating = a_pod(2, OLD)
    terminating.metadata.deletion_timestamp.seconds = 1
    progress = progress_of(a_set(), a_pod(0, OLD), a_pod(1, NEW, ready=False), terminating)
    assert phases(progress) == {"web-0": "AVAILABLE", "web-1": "STARTING", "web-2": "TERMINATING"}
    first = progress.pods[0]
    assert (first.revision.number, first.target_revision.number) == (1, 2)
    assert (first.uid, first.node) == ("uid-0", "n1")
    assert progress.totals.updated == 1
    assert verdict(progress) == ("PROGRESSING", "Starting", "web-1")


def test_a_change_that_was_not_taken_up_is_waited_for() -> None:
    owner = a_set(current=NEW)
    owner.metadata.generation = 2
    progress = progress_of(owner, a_pod(0), a_pod(1), a_pod(2))
    assert verdict(progress) == ("PROGRESSING", "NotObserved", "")
    assert not progress.HasField("update_revision")
    assert not progress.pods[0].HasField("target_revision")


def test_a_broken_pod_of_the_update_fails_it() -> None:
    bad = a_pod(2, ready=False)
    make_stuck(bad)
    progress = progress_of(a_set(), a_pod(0, OLD), a_pod(1, OLD), bad)
    assert verdict(progress) == ("FAILED", "ImagePullBackOff", "web-2")
    assert "web-2" in progress.message
    assert phases(progress)["web-2"] == "BROKEN"


def test_a_broken_pod_that_will_be_replaced_is_waited_for() -> None:
    bad = a_pod(2, "web-bad", ready=False)
    make_stuck(bad)
    assert verdict(progress_of(a_set(), a_pod(0, OLD), a_pod(1, OLD), bad)) == ("PROGRESSING", "Broken", "web-2")


def test_a_broken_pod_under_on_delete_is_not_replaced() -> None:
    bad = a_pod(2, "web-bad", ready=False)
    make_stuck(bad)
    owner = a_set()
    owner.spec.update_strategy.type = "OnDelete"
    owner.spec.update_strategy.ClearField("rolling_update")
    assert verdict(progress_of(owner, a_pod(0), a_pod(1), bad)) == ("FAILED", "ImagePullBackOff", "web-2")


def test_a_pod_that_was_ready_before_is_not_broken() -> None:
    crashed = a_pod(1)
    del crashed.status.conditions[:]
    crashed.status.container_statuses.add(name="c").state.waiting.reason = "CrashLoopBackOff"
    progress = progress_of(a_set(), a_pod(0), crashed, a_pod(2))
    assert verdict(progress) == ("PROGRESSING", "Starting", "web-1")
    assert progress.pods[1].reason == "CrashLoopBackOff"


def test_a_pod_that_finds_no_node_is_to_blame() -> None:
    homeless = a_pod(2, ready=False, node="")
    homeless.status.conditions.append(
        PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message="0/3 nodes are available")
    )
    progress = progress_of(a_set(), a_pod(0), a_pod(1), homeless)
    assert verdict(progress) == ("FAILED", "Unschedulable", "web-2")
    assert "0/3 nodes" in progress.message


@pytest.mark.parametrize(("partition", "updated"), [(2, [2]), (1, [1, 2]), (3, [])])
def test_a_partition_ends_the_update_early(partition: int, updated: list[int]) -> None:
    pods = [a_pod(ordinal, NEW if ordinal in updated else OLD) for ordinal in range(3)]
    progress = progress_of(a_set(partition=partition), *pods)
    assert verdict(progress) == ("DONE", "PartitionReached", "")
    assert (progress.partition, progress.totals.to_update) == (partition, len(updated))
    assert [each.target_revision.name for each in progress.pods] == [
        NEW if ordinal in updated else OLD for ordinal in range(3)
    ]


def test_the_partition_counts_from_the_first_ordinal() -> None:
    owner = a_set(2, partition=1)
    owner.spec.ordinals.start = 5
    progress = progress_of(owner, a_pod(5, OLD), a_pod(6, NEW))
    assert verdict(progress) == ("DONE", "PartitionReached", "")


def test_the_next_to_be_updated_is_the_highest() -> None:
    progress = progress_of(a_set(), a_pod(0, OLD), a_pod(1, OLD), a_pod(2, NEW))
    assert verdict(progress) == ("PROGRESSING", "Outdated", "web-1")


def test_under_on_delete_somebody_has_to_delete_pods() -> None:
    owner = a_set()
    owner.spec.update_strategy.type = "OnDelete"
    assert verdict(progress_of(owner, a_pod(0), a_pod(1, OLD), a_pod(2))) == ("PROGRESSING", "OnDelete", "web-1")


def test_what_is_missing_and_what_is_too_much_is_waited_for() -> None:
    missing = progress_of(a_set(current=NEW), a_pod(0))
    assert phases(missing) == {"web-0": "AVAILABLE", "web-1": "WAITING", "web-2": "WAITING"}
    assert verdict(missing) == ("PROGRESSING", "Waiting", "web-1")
    surplus = progress_of(a_set(1, current=NEW), a_pod(0), a_pod(1))
    assert verdict(surplus) == ("PROGRESSING", "ScalingDown", "web-1")
    assert not surplus.pods[1].HasField("target_revision")


def test_a_set_of_none_is_done() -> None:
    assert verdict(progress_of(a_set(0, current=NEW))) == ("DONE", "Complete", "")


def test_a_set_that_is_being_deleted_has_failed() -> None:
    owner = a_set(current=NEW)
    owner.metadata.deletion_timestamp.seconds = 1
    assert verdict(progress_of(owner, a_pod(0), a_pod(1), a_pod(2))) == ("FAILED", "Deleted", "")


def test_a_pod_is_available_after_a_time() -> None:
    owner = a_set(1, current=NEW, min_ready_seconds=10)
    early = judged(owner, a_pod(0, since=1000.0), now=1009.0)
    assert phases(early.progress) == {"web-0": "READY"}
    assert verdict(early.progress) == ("PROGRESSING", "NotYetAvailable", "web-0")
    assert early.changes_at == 1010.0
    late = judged(owner, a_pod(0, since=1000.0), now=1010.0)
    assert verdict(late.progress) == ("DONE", "Complete", "")
    assert late.changes_at == NEVER


def test_a_revision_that_history_forgot_has_no_number() -> None:
    progress = progress_of(a_set(), a_pod(0, "web-ancient"), a_pod(1), a_pod(2))
    assert (progress.pods[0].revision.name, progress.pods[0].revision.number) == ("web-ancient", 0)


# DaemonSets.

DAEMON_REVISIONS = Revisions([revision("agent-1111", 1, "1111"), revision("agent-2222", 2, "2222")])


def a_daemon_set(desired: int = 2, updated: int = 2, available: int = 2) -> DaemonSet:
    message = DaemonSet()
    message.metadata.name, message.metadata.namespace, message.metadata.generation = "agent", "default", 1
    message.status.observed_generation = 1
    message.status.desired_number_scheduled = desired
    message.status.updated_number_scheduled = updated
    message.status.number_available = available
    return message


def a_daemon(node: str, label: str = "2222", *, ready: bool = True, bound: bool = True) -> Pod:
    message = pod(f"agent-{node}", node=node if bound else "", **{REVISION_LABEL: label})
    if not bound:
        required = message.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        required.node_selector_terms.add().match_fields.add(key="metadata.name", operator="In", values=[node])
    if ready:
        make_ready(message)
    return message


def daemons(owner: DaemonSet, *pods: Pod) -> Progress:
    return progress_of(owner, *pods, revisions=DAEMON_REVISIONS)


def test_a_daemon_set_is_done_when_every_node_is() -> None:
    progress = daemons(a_daemon_set(), a_daemon("b"), a_daemon("a"))
    assert verdict(progress) == ("DONE", "Complete", "")
    assert [(each.node, each.revision.name, each.revision.number) for each in progress.pods] == [
        ("a", "agent-2222", 2),
        ("b", "agent-2222", 2),
    ]
    assert not progress.pods[0].HasField("ordinal")
    assert progress.update_revision.number == 2


def test_a_daemon_sets_outdated_pod_is_waited_for() -> None:
    owner = a_daemon_set(updated=1)
    assert verdict(daemons(owner, a_daemon("a"), a_daemon("b", "1111"))) == ("PROGRESSING", "Outdated", "agent-b")


def test_an_outdated_pod_on_a_node_that_is_no_longer_meant_is_left_alone() -> None:
    owner = a_daemon_set(desired=1, updated=1, available=1)
    assert verdict(daemons(owner, a_daemon("a"), a_daemon("b", "1111"))) == ("DONE", "Complete", "")


def test_a_daemon_sets_broken_pod_fails_its_update() -> None:
    bad = a_daemon("b", ready=False)
    make_stuck(bad, "InvalidImageName")
    owner = a_daemon_set(available=1)
    assert verdict(daemons(owner, a_daemon("a"), bad)) == ("FAILED", "InvalidImageName", "agent-b")


def test_a_daemon_sets_pod_is_waited_for_on_its_node() -> None:
    progress = daemons(a_daemon_set(available=1), a_daemon("a"), a_daemon("b", ready=False, bound=False))
    assert verdict(progress) == ("PROGRESSING", "Waiting", "agent-b")
    assert [each.node for each in progress.pods] == ["a", "b"]


def test_a_node_without_a_pod_is_waited_for() -> None:
    progress = daemons(a_daemon_set(updated=1, available=1), a_daemon("a"))
    assert verdict(progress) == ("PROGRESSING", "Missing", "")
    assert "1 of 2 nodes" in progress.message
