"""Sketch a DaemonSet's nodes in a line of text, and a plan in another: a rule of the planner is then one row.

A sketch has a word for each node, from n1 on: `-` for a node without a pod, else for each pod, joined by `&`, a
revision's letter and a sign.

    A+  Ready                      A~  was Ready and is not now      A!  stuck, never Ready: a bad image, say
    A.  starting, never Ready      A%  was Ready, keeps crashing     A:  not bound yet
    Ax  Failed                     A0  Succeeded                     A/  Ready and terminating

A number after the sign says for how many seconds the pod has been Ready. Of pods on one node the first is the oldest.
A node in (…) keeps new pods off, one in […] refuses all, and one in {…} is no more. A plan is sketched as its
actions, B being the update revision:

    +2  create a pod on n2      -2A broken  delete n2's pod of revision A, and why      cut A  delete a revision
"""

from __future__ import annotations

from typing import Any

from statefleet.daemonset.actions import Action, CreatePod, DeletePod
from statefleet.daemonset.plan import Observed, Plan
from statefleet.daemonset.roster import Roster
from statefleet.daemonset.views import Fit, PodView, SetView
from statefleet.reconcile.history import DeleteRevision

NOW = 1_000_000.0
_LONG = 100_000.0

_SIGNS: dict[str, dict[str, Any]] = {
    "+": {"ready": True, "was_ready": True},
    ".": {},
    "~": {"was_ready": True},
    "%": {"was_ready": True, "stuck": True},
    "!": {"stuck": True},
    "x": {"stuck": True, "failed": True},
    "0": {"succeeded": True},
    "/": {"ready": True, "was_ready": True, "terminating": True},
    ":": {"bound": False},
}
_FITS = {"(": Fit.TOLERATED, "[": Fit.REFUSED, "{": Fit.GONE}


def pod(node: str, sketch: str, age: int = 0) -> PodView:
    """Return the pod that a part of a word sketches."""
    revision, sign, ready_for = sketch[0], sketch[1], sketch[2:]
    since = NOW - (float(ready_for) if ready_for else _LONG)
    name = f"{node}-{revision}{age}"
    return PodView(name, f"uid-{name}", node, revision, created=NOW - _LONG - age, ready_since=since, **_SIGNS[sign])


def roster(sketch: str) -> Roster:
    """Return the roster that a line sketches, yet to be settled."""
    found = Roster()
    for number, word in enumerate(sketch.split(), 1):
        node, bare = f"n{number}", word.strip("()[]{}")
        found.set_fit(node, _FITS.get(word[0], Fit.WANTED))
        parts = [] if bare == "-" else bare.split("&")
        for place, part in enumerate(parts):
            found.put_pod(pod(node, part, len(parts) - place))
    return found


def observed(sketch: str, update: str = "B", **spec: Any) -> Observed:
    """Return the view of a set whose nodes a line sketches."""
    wanted, found = SetView(**{"name": "agent", "uid": "uid-agent", **spec}), roster(sketch)
    found.settle(wanted, update, NOW)
    return Observed(wanted, found, update, NOW)


def sketch_plan(plan: Plan) -> str:
    """Return the actions of a plan in a line, in the order of the nodes."""
    return ", ".join(sorted(map(_sketch_action, plan.actions), key=lambda text: text[1:]))


def _sketch_action(action: Action) -> str:
    match action:
        case CreatePod():
            return f"+{action.node.removeprefix('n')}"
        case DeletePod():
            return f"-{action.pod.node.removeprefix('n')}{action.pod.revision} {action.reason}"
        case DeleteRevision():
            return f"cut {action.revision.name}"
