"""The rules of nodes beyond the generic ones. Pure."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

from typing import ClassVar

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.errors import Fenced
from statefleet.objects.kinds import NODE
from statefleet.store.draft import Draft
from statefleet.store.rejections import subject_of
from statefleet.store.strategy import Strategy

SESSION_ANNOTATION = "statefleet.io/agent-session"
"""On nodes: the session of the agent that has the node."""


class NodeStrategy(Strategy[Node]):
    """A node may be created with a status, and only the newest session of an agent writes it."""

    keeps_status_on_create: ClassVar[bool] = True
    defaults_status: ClassVar[bool] = True

    def prepare_update(self, new: Node, old: Node, draft: Draft) -> None:
        """Leave the session as it is: only a registration changes it."""
        session = old.metadata.annotations.get(SESSION_ANNOTATION)
        if session is None:
            new.metadata.annotations.pop(SESSION_ANNOTATION, None)
        else:
            new.metadata.annotations[SESSION_ANNOTATION] = session

    def admit_status(self, asked: Node, stored: Node, draft: Draft) -> None:
        """Refuse an agent whose node a newer session has taken. Raises Fenced."""
        if SESSION_ANNOTATION in asked.metadata.annotations and session_of(asked.metadata) < session_of(
            stored.metadata
        ):
            name = stored.metadata.name
            raise Fenced(f'node "{name}" has been taken by a newer session', subject_of(NODE, name))


def session_of(meta: ObjectMeta) -> int:
    """Return the session of the agent that has the node; 0: none."""
    text = meta.annotations.get(SESSION_ANNOTATION, "")
    return int(text) if text.isascii() and text.isdigit() else 0
