"""Answer the questions that clients ask about themselves: who am I, and may I do this.

Whoever is let in may do everything: there are no rules yet by which callers differ.
"""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.message import Message

from statefleet.api.authentication.v1.authentication_pb2 import SelfSubjectReview
from statefleet.api.authorization.v1.authorization_pb2 import SelfSubjectAccessReview, SelfSubjectRulesReview
from statefleet.errors import BadRequest
from statefleet.gateway import decoding
from statefleet.gateway.answers import Answer
from statefleet.gateway.media import Accepted
from statefleet.gateway.presenting import finish
from statefleet.objects import codec
from statefleet.rpc.identity import Identity

REASON = "every caller with a valid credential is an administrator"

_REVIEWS: dict[str, tuple[str, type[Message]]] = {
    "/apis/authentication.k8s.io/v1/selfsubjectreviews": ("authentication.k8s.io/v1", SelfSubjectReview),
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": ("authorization.k8s.io/v1", SelfSubjectAccessReview),
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews": ("authorization.k8s.io/v1", SelfSubjectRulesReview),
}


def is_review(path: str) -> bool:
    """Whether questions are asked at a path."""
    return path in _REVIEWS


def review(path: str, body: bytes, content_type: str, caller: Identity, accepted: Accepted) -> Answer:
    """Return the question with its answer."""
    api_version, message_type = _REVIEWS[path]
    question: Any = decoding.decode_plain(message_type, (api_version,), body, content_type)
    if isinstance(question, SelfSubjectReview):
        question.status.user_info.username = caller.name
        question.status.user_info.groups.extend(caller.groups)
    elif isinstance(question, SelfSubjectAccessReview):
        _answer_access(question)
    else:
        _answer_rules(question)
    document = {"kind": message_type.DESCRIPTOR.name, "apiVersion": api_version, **codec.encode(question)}
    return finish(orjson.dumps(document), accepted, 201)


def _answer_access(question: SelfSubjectAccessReview) -> None:
    spec = question.spec
    if spec.HasField("resource_attributes") == spec.HasField("non_resource_attributes"):
        raise BadRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified")
    question.status.Clear()
    question.status.allowed = True
    question.status.reason = REASON


def _answer_rules(question: SelfSubjectRulesReview) -> None:
    question.status.Clear()
    question.status.resource_rules.add(verbs=["*"], api_groups=["*"], resources=["*"])
    question.status.non_resource_rules.add(verbs=["*"], non_resource_urls=["*"])
    question.status.incomplete = False
