"""Decide which claims a replica lacks and who should own the ones there are. Pure: no I/O, clock or randomness.

The owners carry out the retention policy, by garbage collection: a claim owned by its set goes with the set, and one
owned by a pod that is scaled away goes with the pod.
"""

from __future__ import annotations

from statefleet.statefulset.actions import NewClaim, OwnClaim, TendClaims
from statefleet.statefulset.views import ClaimView, Observed, PodView, Reference, SetView


def missing_claims(observed: Observed, ordinal: int) -> tuple[NewClaim, ...]:
    """Return the claims of an ordinal that do not exist yet."""
    wanted = observed.set
    names = ((template, wanted.claim_name(template, ordinal)) for template in wanted.claim_templates)
    owners = _owners(wanted, None)
    return tuple(NewClaim(template, name, owners) for template, name in names if name not in observed.claims)


def claim_in_the_way(observed: Observed, ordinal: int) -> str | None:
    """Return a claim that a missing replica cannot use because it is going away, if there is one.

    That is one being deleted, or, under whenScaled Delete, one still owned by an earlier pod of the ordinal.
    """
    wanted = observed.set
    for template in wanted.claim_templates:
        claim = observed.claims.get(wanted.claim_name(template, ordinal))
        if claim is None:
            continue
        scaled_away = wanted.claims_die_with_scale and _names_pod(claim, wanted.pod_name(ordinal))
        if claim.terminating or scaled_away:
            return claim.name
    return None


def tend_claims(observed: Observed, pod: PodView) -> TendClaims | None:
    """Return what a pod's claims need: missing ones made while the pod waits for them, and the right owners."""
    if not observed.set.claim_templates:
        return None
    missing = missing_claims(observed, pod.ordinal) if pod.pending and not pod.terminating else ()
    owned = owned_claims(observed, pod)
    return TendClaims(pod, missing, owned) if missing or owned else None


def owned_claims(observed: Observed, pod: PodView) -> tuple[OwnClaim, ...]:
    """Return the claims of a pod whose owners have to change."""
    wanted = observed.set
    changes = []
    for template in wanted.claim_templates:
        claim = observed.claims.get(wanted.claim_name(template, pod.ordinal))
        if claim is not None:
            owners = _owners_after(wanted, pod, claim)
            if owners != claim.owners:
                changes.append(OwnClaim(claim.name, owners))
    return tuple(changes)


def _owners_after(wanted: SetView, pod: PodView, claim: ClaimView) -> tuple[Reference, ...]:
    if any(_is_stale(owner, wanted, pod) for owner in claim.owners):
        # An earlier set or pod of the name left it; what becomes of it is for the garbage collector to say.
        return claim.owners
    others = tuple(owner for owner in claim.owners if owner.uid not in (wanted.uid, pod.uid))
    if any(owner.controller for owner in others):
        return others
    owners = (*others, *_owners(wanted, pod))
    return claim.owners if set(owners) == set(claim.owners) else owners


def _owners(wanted: SetView, pod: PodView | None) -> tuple[Reference, ...]:
    scaled_away = pod is not None and not wanted.owns_ordinal(pod.ordinal)
    if pod is not None and scaled_away and wanted.claims_die_with_scale:
        return (Reference("Pod", pod.name, pod.uid),)
    if wanted.claims_die_with_set:
        return (Reference("StatefulSet", wanted.name, wanted.uid),)
    return ()


def _is_stale(owner: Reference, wanted: SetView, pod: PodView) -> bool:
    same_set = owner.kind == "StatefulSet" and owner.name == wanted.name
    same_pod = owner.kind == "Pod" and owner.name == pod.name
    return (same_set and owner.uid != wanted.uid) or (same_pod and owner.uid != pod.uid)


def _names_pod(claim: ClaimView, pod_name: str) -> bool:
    return any(owner.kind == "Pod" and owner.name == pod_name for owner in claim.owners)
