"""Tell a caller why a record was refused. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from statefleet.errors import AlreadyExists, Conflict, Fenced, FleetError, Internal, NotFound, NotLeader
from statefleet.objects.kinds import KINDS
from statefleet.store.entries import Outcome, Refusal


def error_of(outcome: Outcome) -> FleetError:
    """Return the error that a refusal stands for, in Kubernetes' words where it has any, without a subject."""
    subject = outcome.subject
    match outcome.refusal:
        case Refusal.CONFLICT:
            return Conflict(
                f"Operation cannot be fulfilled on {_named(subject)}: the object has been modified; "
                "please apply your changes to the latest version and try again"
            )
        case Refusal.NOT_FOUND:
            return NotFound(f"{_named(subject)} not found")
        case Refusal.ALREADY_EXISTS:
            return AlreadyExists(f"{_named(subject)} already exists")
        case Refusal.FENCED:
            return Fenced(f"the claim to shard {subject} is not the newest")
        case Refusal.STALE_EPOCH:
            return NotLeader("another replica leads")
        case Refusal.SLOT_TAKEN:
            return Conflict(f"slot {subject} is taken")
        case Refusal.MARK_MOVED:
            return Conflict(f"{subject} has changed since the version observed")
        case _:
            return Internal(f"the store cannot decide about {subject or 'this operation'}")


def _named(subject: str) -> str:
    """Return an object's resource and name as Kubernetes' messages have them: pods "web-0"."""
    kind, _, rest = subject.partition("/")
    resource = KINDS[kind].resource if kind in KINDS else kind
    return f'{resource} "{rest.rpartition("/")[2]}"'
