"""The rules of pods beyond the generic ones. Pure."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

from typing import ClassVar

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import Toleration
from statefleet.api.object.v1.verbs_pb2 import Binding
from statefleet.errors import BadRequest
from statefleet.objects.meta import FIRST_READY_ANNOTATION, to_time
from statefleet.objects.pods import condition, is_ready, is_terminal, qos_class
from statefleet.objects.times import format_seconds
from statefleet.store.draft import Draft
from statefleet.store.reading import parse_version
from statefleet.store.strategy import Strategy

NODES_MARK = "nodes"
"""The mark that every binding sets."""

_LOST_NODE_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_LOST_NODE_SECONDS = 300


def node_mark(node: str) -> str:
    """Return the mark that a binding to a node sets."""
    return f"node/{node}"


def still_holds(draft: Draft, mark: str, observed: int) -> bool:
    """Return whether a mark was not set after a version; if so, have the log check it once more at apply."""
    if draft.state.mark(mark) > observed:
        return False
    draft.check(mark, observed)
    return True


def note_bound(draft: Draft, pod: Pod) -> None:
    """Note that a pod has come to its node: in its status, and for the choices that rest on who was there."""
    scheduled = condition(pod, "PodScheduled") or pod.status.conditions.add()
    scheduled.Clear()
    scheduled.type, scheduled.status = "PodScheduled", "True"
    scheduled.last_transition_time.CopyFrom(to_time(draft.now))
    draft.mark(node_mark(pod.spec.node_name))
    draft.mark(NODES_MARK)


class PodStrategy(Strategy[Pod]):
    """Pods start Pending, end after their grace period, and remember when they first were Ready."""

    has_generation: ClassVar[bool] = True

    def bind(self, message: Pod, binding: Binding, draft: Draft) -> None:
        """Give a new pod the node that was chosen for it, unless a pod came to that node after the choice."""
        if not binding.node:
            raise BadRequest("binding.node: Required value")
        observed = parse_version(binding.observed_version, "binding.observedVersion")
        if not message.spec.node_name and still_holds(draft, node_mark(binding.node), observed):
            message.spec.node_name = binding.node

    def prepare_create(self, message: Pod, draft: Draft) -> None:
        """Begin in phase Pending, scheduled where it has its node; tolerate a lost node for five minutes."""
        message.status.phase = "Pending"
        tolerate_lost_nodes(message)
        if message.spec.node_name:
            note_bound(draft, message)

    def prepare_update(self, new: Pod, old: Pod, draft: Draft) -> None:
        """Tolerate a lost node as a new pod does, so that leaving the tolerations out changes nothing."""
        tolerate_lost_nodes(new)

    def allocate(self, new: Pod, old: Pod | None, draft: Draft) -> None:
        """Derive the quality of service, which rests on defaulted requests."""
        if old is None:
            new.status.qos_class = qos_class(new)

    def prepare_status(self, new: Pod, old: Pod, draft: Draft) -> None:
        """Keep the quality of service, and stamp the first readiness."""
        if old.status.qos_class:
            new.status.qos_class = old.status.qos_class
        if FIRST_READY_ANNOTATION not in new.metadata.annotations and is_ready(new):
            new.metadata.annotations[FIRST_READY_ANNOTATION] = format_seconds(int(draft.now))

    def grace_seconds(self, stored: Pod, asked: int | None) -> int:
        """Return the seconds asked for or the pod's own; 0 where nothing runs, 1 for a negative wish."""
        if not stored.spec.node_name or is_terminal(stored):
            return 0
        seconds = stored.spec.termination_grace_period_seconds if asked is None else asked
        return seconds if seconds >= 0 else 1


def tolerate_lost_nodes(pod: Pod) -> None:
    """Let a pod stay for five minutes on a node that is not ready or unreachable, unless it says itself how long."""
    for taint in _LOST_NODE_TAINTS:
        if not any(_concerns(toleration, taint) for toleration in pod.spec.tolerations):
            pod.spec.tolerations.add(
                key=taint, operator="Exists", effect="NoExecute", toleration_seconds=_LOST_NODE_SECONDS
            )


def _concerns(toleration: Toleration, taint: str) -> bool:
    return toleration.key in ("", taint) and toleration.effect in ("", "NoExecute")
