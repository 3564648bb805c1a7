"""Answer the questions that clients ask about themselves: who am I, and may I do this."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.message import Message

from statefleet.api.authentication.v1.authentication_pb2 import SelfSubjectReview
from statefleet.api.authorization.v1.authorization_pb2 import (
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview,
)
from statefleet.authorization.agents import NOT_OWN
from statefleet.authorization.attributes import Attributes
from statefleet.authorization.nodes import nodes_of
from statefleet.authorization.roles import Decision, decide, group_of, permissions_of, plural_of
from statefleet.errors import BadRequest
from statefleet.gateway import decoding
from statefleet.gateway.answers import Answer
from statefleet.gateway.media import Accepted
from statefleet.gateway.presenting import finish
from statefleet.objects import codec
from statefleet.objects.kinds import NODE
from statefleet.rpc.identity import Identity

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
        _answer_access(question, caller)
    else:
        _answer_rules(question, caller)
    document = {"kind": message_type.DESCRIPTOR.name, "apiVersion": api_version, **codec.encode(question)}
    return finish(orjson.dumps(document), accepted, 201)


def _answer_access(question: SelfSubjectAccessReview, caller: Identity) -> None:
    spec, status = question.spec, question.status
    if spec.HasField("resource_attributes") == spec.HasField("non_resource_attributes"):
        raise BadRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified")
    status.Clear()
    asked = _asked(spec)
    decision = decide(caller, asked)
    status.allowed = decision is Decision.ALLOWED or (decision is Decision.OWN and _is_own_node(caller, asked))
    if not status.allowed and decision is Decision.OWN:
        status.reason = NOT_OWN


def _asked(spec: SelfSubjectAccessReviewSpec) -> Attributes:
    if spec.HasField("non_resource_attributes"):
        return Attributes(spec.non_resource_attributes.verb, path=spec.non_resource_attributes.path)
    about = spec.resource_attributes
    return Attributes(about.verb, about.resource, about.group, about.namespace, about.name, about.subresource)


def _is_own_node(caller: Identity, asked: Attributes) -> bool:
    return asked.resource == NODE.plural and nodes_of(caller).includes(asked.name)


def _answer_rules(question: SelfSubjectRulesReview, caller: Identity) -> None:
    status = question.status
    status.Clear()
    rules = permissions_of(caller).rules
    for rule in rules:
        if rule.paths:
            status.non_resource_rules.add(verbs=rule.verbs, non_resource_urls=rule.paths)
        by_group: dict[str, list[str]] = {}
        for resource in rule.resources:
            by_group.setdefault(group_of(resource), []).append(plural_of(resource))
        for group, resources in by_group.items():
            status.resource_rules.add(verbs=rule.verbs, api_groups=[group], resources=resources)
    status.incomplete = any(rule.decision is Decision.OWN for rule in rules)
    if status.incomplete:
        status.evaluation_error = NOT_OWN
