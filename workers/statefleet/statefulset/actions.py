"""What a plan asks for. Each action is harmless when it is done twice. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass

from statefleet.reconcile.history import DeleteRevision
from statefleet.statefulset.views import PodView, Reference


@dataclass(frozen=True, slots=True)
class NewClaim:
    """Make the claim of one template for one ordinal."""

    template: str
    name: str
    owners: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnClaim:
    """Give a claim these owners instead of the ones it has."""

    name: str
    owners: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Make the pod of an ordinal from a revision, its missing claims before it."""

    ordinal: int
    revision: str
    claims: tuple[NewClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete a pod, after its claims have got their owners."""

    pod: PodView
    reason: str
    """failed, broken, scaled down, unready or outdated."""
    claims: tuple[OwnClaim, ...] = ()

    @property
    def only_unchanged(self) -> bool:
        """Whether the pod must be as it was seen: one that has become Ready since is not broken."""
        return self.reason in ("broken", "unready")


@dataclass(frozen=True, slots=True)
class FixPod:
    """Give a pod the name label and the volumes that its place in the set asks for."""

    pod: PodView
    claims: tuple[NewClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class TendClaims:
    """Make a pod's claims that are missing, and give others the owners that the retention policy asks for."""

    pod: PodView
    missing: tuple[NewClaim, ...] = ()
    owned: tuple[OwnClaim, ...] = ()


Action = CreatePod | DeletePod | FixPod | TendClaims | DeleteRevision
