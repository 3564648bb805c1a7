"""What the generic verbs leave to each kind: what is set on creation, what may change, how it is deleted. No I/O."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from statefleet.api.object.v1.verbs_pb2 import Binding
from statefleet.errors import BadRequest, Cause
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.kinds import Kind
from statefleet.objects.validation import validate_create, validate_status_update, validate_update
from statefleet.store.draft import Draft

M = TypeVar("M", bound=Message)


class Strategy(Generic[M]):
    """The rules of one kind. Every hook changes the message it is given in place, which is never a stored one.

    This class suits kinds without rules of their own. A kind's own strategy overrides hooks; each is called anew on
    every attempt, from the state of that attempt.
    """

    has_generation: ClassVar[bool] = False
    """Whether metadata.generation counts the changes of spec."""
    keeps_status_on_create: ClassVar[bool] = False
    """Whether a status given at creation stays: what is created already describes something that runs."""

    defaults_status: ClassVar[bool] = False
    """Whether a status update fills in what the status leaves out."""

    def __init__(self, kind: Kind[M]) -> None:
        self.kind = kind
        self.has_status = "status" in kind.message.DESCRIPTOR.fields_by_name

    def bind(self, message: M, binding: Binding, draft: Draft) -> None:
        """Give a new object the node that was chosen for it, if that still holds, before `prepare_create`."""
        raise BadRequest(f"binding: a {self.kind.name} has no node to be bound to")

    def prepare_create(self, message: M, draft: Draft) -> None:
        """Set what the server decides about a new object, before defaults and validation."""

    def prepare_update(self, new: M, old: M, draft: Draft) -> None:
        """Carry over or derive what an update does not decide, before defaults and validation."""

    def admit_status(self, asked: M, stored: M, draft: Draft) -> None:
        """Refuse a status update for what the caller shows of itself in the object's metadata."""

    def prepare_status(self, new: M, old: M, draft: Draft) -> None:
        """Adjust an object of which only the status comes from the caller, before validation."""

    def allocate(self, new: M, old: M | None, draft: Draft) -> None:
        """Give a valid object what it must not share with others, such as an address; `old` is None for a new one."""

    def admit_delete(self, stored: M, draft: Draft) -> None:
        """Refuse a deletion by raising Forbidden or Conflict."""

    def grace_seconds(self, stored: M, asked: int | None) -> int | None:
        """Return how long the object stays after its deletion is asked for; None where the kind knows no grace."""
        return None

    def mark_deleted(self, message: M, draft: Draft) -> None:
        """Change an object that from now on is being deleted, beyond its metadata."""

    def is_held(self, message: M) -> bool:
        """Return whether something beside finalizers and grace keeps an object that is being deleted."""
        return False

    def removed(self, stored: M, draft: Draft) -> None:
        """Add to the transaction that removes an object."""

    def default(self, message: M) -> None:
        """Fill in what the object leaves out."""
        apply_defaults(message)

    def validate_create(self, message: M) -> Sequence[Cause]:
        """Return what is wrong with a new object."""
        return validate_create(message)

    def validate_update(self, new: M, old: M) -> Sequence[Cause]:
        """Return what is wrong with an update."""
        return validate_update(new, old)

    def validate_status(self, new: M, old: M) -> Sequence[Cause]:
        """Return what is wrong with a status update."""
        return validate_status_update(new, old)

    def is_spec_changed(self, new: Any, old: Any) -> bool:
        """Return whether an update raises the generation."""
        return bool(new.spec != old.spec)
