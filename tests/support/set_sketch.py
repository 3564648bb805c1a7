"""Sketch a StatefulSet's pods in a line of text, and a plan in another: a rule of the planner is then one row.

A sketch has a word for each ordinal, from the set's start on: a revision's letter and a sign.

    A+  Running and Ready          A~  was Ready and is not now      A!  stuck, never Ready: a bad image, say
    A.  starting, never Ready      Ax  Failed                        A0  Succeeded
    A/  Ready and terminating      A:  Pending                       -   no pod

A number after the sign says for how many seconds the pod has been Ready. A plan is sketched as its actions:

    +2A  create ordinal 2 at revision A      -2 broken  delete ordinal 2, and why      fix 2      cut A
"""

from __future__ import annotations

from typing import Any

from statefleet.reconcile.history import DeleteRevision
from statefleet.statefulset.actions import Action, CreatePod, DeletePod, FixPod, TendClaims
from statefleet.statefulset.plan import Plan
from statefleet.statefulset.views import Observed, PodView, SetView

NOW = 1_000_000.0
_LONG = 100_000.0

_SIGNS: dict[str, dict[str, Any]] = {
    "+": {"ready": True, "was_ready": True},
    ".": {},
    "~": {"was_ready": True},
    "!": {"stuck": True},
    "x": {"stuck": True, "finished": True},
    "0": {"finished": True},
    "/": {"ready": True, "was_ready": True, "terminating": True},
    ":": {"pending": True},
}


def pod(ordinal: int, sketch: str, **more: Any) -> PodView:
    """Return the pod that a word sketches."""
    revision, sign, ready_for = sketch[0], sketch[1], sketch[2:]
    facts = {**_SIGNS[sign], **more}
    since = NOW - (float(ready_for) if ready_for else _LONG)
    name = f"web-{ordinal}"
    volumes = frozenset({("data", f"data-web-{ordinal}")})
    return PodView(
        name=name, uid=f"uid-{name}", ordinal=ordinal, revision=revision, ready_since=since, volumes=volumes, **facts
    )


def pods(sketch: str, start: int = 0) -> tuple[PodView, ...]:
    """Return the pods that a line sketches."""
    return tuple(pod(ordinal, word) for ordinal, word in enumerate(sketch.split(), start) if word != "-")


def observed(sketch: str, revisions: str = "AA", **spec: Any) -> Observed:
    """Return the view of a set with as many replicas as the line has words; `revisions` are current and update."""
    wanted = SetView(**{"name": "web", "uid": "uid-web", "replicas": len(sketch.split()), **spec})
    return Observed(set=wanted, pods=pods(sketch, wanted.start), current=revisions[0], update=revisions[1], now=NOW)


def sketch_plan(plan: Plan) -> str:
    """Return the actions of a plan in a line."""
    return ", ".join(_sketch_action(action) for action in plan.actions)


def _sketch_action(action: Action) -> str:
    match action:
        case CreatePod():
            return f"+{action.ordinal}{action.revision}"
        case DeletePod():
            return f"-{action.pod.ordinal} {action.reason}"
        case FixPod():
            return f"fix {action.pod.ordinal}"
        case TendClaims():
            return f"claims {action.pod.ordinal}"
        case DeleteRevision():
            return f"cut {action.revision.name}"
