"""Claims: made before their pods, and owned as the retention policy says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from statefleet.statefulset.actions import Action, CreatePod, DeletePod, TendClaims
from statefleet.statefulset.plan import plan
from statefleet.statefulset.views import ClaimView, Observed, Reference
from support.set_sketch import observed, sketch_plan

SET = Reference("StatefulSet", "web", "uid-web")
POD = Reference("Pod", "web-0", "uid-web-0")
OTHER = Reference("Backup", "nightly", "uid-nightly", controller=False)
OTHER_CONTROLLER = Reference("Operator", "boss", "uid-boss")
OLD_SET = Reference("StatefulSet", "web", "uid-of-an-earlier-set")
OLD_POD = Reference("Pod", "web-0", "uid-of-an-earlier-pod")


def with_claims(sketch: str, *owners_of_claims: tuple[Reference, ...], **spec: Any) -> Observed:
    """Return a set with one claim template; claims exist for the first ordinals, with the owners given."""
    claims = {
        f"data-web-{ordinal}": ClaimView(f"data-web-{ordinal}", owners)
        for ordinal, owners in enumerate(owners_of_claims)
    }
    return replace(observed(sketch, claim_templates=("data",), **spec), claims=claims)


def only(seen: Observed) -> Action:
    (action,) = plan(seen).actions
    return action


@pytest.mark.surface("S5.names")
def test_missing_claims_come_with_the_pod() -> None:
    action = only(with_claims("-", claims_die_with_set=True))
    assert isinstance(action, CreatePod)
    assert [(claim.name, claim.template, claim.owners) for claim in action.claims] == [("data-web-0", "data", (SET,))]


def test_claims_that_exist_are_used() -> None:
    action = only(with_claims("-", ()))
    assert isinstance(action, CreatePod)
    assert action.claims == ()


def test_a_claim_that_went_under_a_pending_pod_is_made_again() -> None:
    action = only(with_claims("A:"))
    assert isinstance(action, TendClaims)
    assert [claim.name for claim in action.missing] == ["data-web-0"]


def test_a_claim_that_went_under_a_running_pod_is_not() -> None:
    assert plan(with_claims("A+")).actions == ()


@pytest.mark.parametrize("parallel", [False, True])
def test_a_claim_being_deleted_is_waited_for(parallel: bool) -> None:
    seen = replace(
        with_claims("-", parallel=parallel), claims={"data-web-0": ClaimView("data-web-0", terminating=True)}
    )
    step = plan(seen)
    assert step.actions == ()
    assert [wait.reason for wait in step.waiting_for] == ["lose its old claim data-web-0"]


def test_a_claim_that_goes_with_an_earlier_pod_is_waited_for() -> None:
    assert plan(with_claims("-", (OLD_POD,), claims_die_with_scale=True)).actions == ()
    assert sketch_plan(plan(with_claims("-", (OLD_POD,)))) == "+0A"


# Whether it should be there, whenDeleted Delete, whenScaled Delete, owners before and after.
OWNERS: list[tuple[str, bool, bool, bool, tuple[Reference, ...], tuple[Reference, ...]]] = [
    ("retained always: none", True, False, False, (), ()),
    ("retained always: ours go", True, False, False, (SET, OTHER), (OTHER,)),
    ("deleted with the set: the set", True, True, False, (), (SET,)),
    ("deleted with the set, scaled away: still the set", False, True, False, (SET,), (SET,)),
    ("deleted when scaled: none while it should be there", True, False, True, (), ()),
    ("deleted when scaled: the pod when not", False, False, True, (), (POD,)),
    ("deleted when scaled: none again when scaled back", True, False, True, (POD,), ()),
    ("deleted with both: the set while it should be there", True, True, True, (), (SET,)),
    ("deleted with both: the pod when not", False, True, True, (SET,), (POD,)),
    ("deleted with both: the set again when scaled back", True, True, True, (POD,), (SET,)),
    ("others' references stay", True, True, False, (OTHER,), (OTHER, SET)),
    ("another controller keeps ours away", True, True, False, (OTHER_CONTROLLER,), (OTHER_CONTROLLER,)),
    ("and has ours removed", True, True, False, (OTHER_CONTROLLER, SET), (OTHER_CONTROLLER,)),
    (
        "a reference of ours that does not control is made to",
        True,
        True,
        False,
        (replace(SET, controller=False),),
        (SET,),
    ),
    ("what an earlier set of the name left is not touched", True, False, False, (OLD_SET,), (OLD_SET,)),
    ("nor what an earlier pod left", True, True, False, (OLD_POD,), (OLD_POD,)),
]


@pytest.mark.surface("S5.retention")
@pytest.mark.parametrize(
    ("stays", "with_set", "with_scale", "before", "after"),
    [row[1:] for row in OWNERS],
    ids=[row[0] for row in OWNERS],
)
def test_owners(
    stays: bool, with_set: bool, with_scale: bool, before: tuple[Reference, ...], after: tuple[Reference, ...]
) -> None:
    seen = with_claims(
        "A+", before, claims_die_with_set=with_set, claims_die_with_scale=with_scale, replicas=1 if stays else 0
    )
    changed = [action.owned[0].owners for action in plan(seen).actions if isinstance(action, TendClaims)]
    assert changed == ([] if before == after else [after])


@pytest.mark.surface("S5.retention")
def test_a_pod_is_scaled_away_only_after_its_claims_are_its_own() -> None:
    actions = plan(with_claims("A+", (), claims_die_with_scale=True, replicas=0, parallel=True)).actions
    (delete,) = (action for action in actions if isinstance(action, DeletePod))
    assert [(claim.name, claim.owners) for claim in delete.claims] == [("data-web-0", (POD,))]


def test_the_order_of_owners_does_not_matter() -> None:
    assert plan(with_claims("A+", (SET, OTHER), claims_die_with_set=True)).actions == ()
    assert plan(with_claims("A+", (OTHER, SET), claims_die_with_set=True)).actions == ()


@pytest.mark.parametrize("parallel", [False, True])
def test_a_pod_without_its_name_label_or_volumes_is_mended(parallel: bool) -> None:
    seen = with_claims("A+ A+ A+", (), (), (), parallel=parallel)
    first, second, third = seen.pods
    crooked = (replace(first, named=False), replace(second, volumes=frozenset()), third)
    assert sketch_plan(plan(replace(seen, pods=crooked))) == "fix 0, fix 1"
