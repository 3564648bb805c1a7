"""Judge selectors of labels, nodes and topologies. Pure."""

from __future__ import annotations

from statefleet.api.core.v1.reference_pb2 import (
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    TopologySelectorTerm,
)
from statefleet.api.meta.v1.selector_pb2 import LabelSelector, LabelSelectorRequirement
from statefleet.objects.label_syntax import value_problems
from statefleet.objects.validation.metadata import validate_labels, validate_qualified_name
from statefleet.objects.validation.names import dns_subdomain
from statefleet.objects.validation.report import Path, Report

_BAD_OPERATOR = "not a valid selector operator"
_LISTED = ("In", "NotIn")
_UNLISTED = ("Exists", "DoesNotExist")


def validate_label_selector(report: Report, path: Path, selector: LabelSelector) -> None:
    """Judge a selector of labels."""
    validate_labels(report, (*path, "matchLabels"), selector.match_labels)
    for index, requirement in enumerate(selector.match_expressions):
        _validate_requirement(report, (*path, "matchExpressions", index), requirement)


def _validate_requirement(report: Report, path: Path, requirement: LabelSelectorRequirement) -> None:
    operator, values = requirement.operator, requirement.values
    _validate_values(report, path, operator, len(values))
    if operator not in (*_LISTED, *_UNLISTED):
        report.invalid((*path, "operator"), operator, _BAD_OPERATOR)
    validate_qualified_name(report, (*path, "key"), requirement.key)
    for index, value in enumerate(values):
        report.all_invalid((*path, "values", index), value, value_problems(value))


def _validate_values(report: Report, path: Path, operator: str, count: int) -> None:
    if operator in _LISTED and not count:
        report.required((*path, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in _UNLISTED and count:
        report.forbidden((*path, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")


def validate_node_selector(report: Report, path: Path, selector: NodeSelector) -> None:
    """Judge a selector of nodes, which must have a term."""
    terms = (*path, "nodeSelectorTerms")
    if not selector.node_selector_terms:
        report.required(terms, "must have at least one node selector term")
    for index, term in enumerate(selector.node_selector_terms):
        validate_node_selector_term(report, (*terms, index), term, values=True)


def validate_node_selector_term(report: Report, path: Path, term: NodeSelectorTerm, *, values: bool) -> None:
    """Judge one term; `values` says whether values have to be valid label values."""
    for index, requirement in enumerate(term.match_expressions):
        _validate_node_requirement(report, (*path, "matchExpressions", index), requirement, values=values)
    for index, requirement in enumerate(term.match_fields):
        _validate_field_requirement(report, (*path, "matchFields", index), requirement)


def _validate_node_requirement(
    report: Report, path: Path, requirement: NodeSelectorRequirement, *, values: bool
) -> None:
    operator = requirement.operator
    _validate_values(report, path, operator, len(requirement.values))
    if operator in ("Gt", "Lt"):
        if len(requirement.values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            report.required((*path, "values"), detail)
    elif operator not in (*_LISTED, *_UNLISTED):
        report.invalid((*path, "operator"), operator, _BAD_OPERATOR)
    validate_qualified_name(report, (*path, "key"), requirement.key)
    if values:
        for index, value in enumerate(requirement.values):
            report.all_invalid((*path, "values", index), value, value_problems(value))


def _validate_field_requirement(report: Report, path: Path, requirement: NodeSelectorRequirement) -> None:
    if requirement.operator not in _LISTED:
        report.invalid((*path, "operator"), requirement.operator, _BAD_OPERATOR)
    elif len(requirement.values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        report.required((*path, "values"), detail)
    if requirement.key != "metadata.name":
        report.invalid((*path, "key"), requirement.key, "not a valid field selector key")
        return
    for index, value in enumerate(requirement.values):
        report.all_invalid((*path, "values", index), value, dns_subdomain(value))


def validate_topology_selector_term(report: Report, path: Path, term: TopologySelectorTerm) -> None:
    """Judge a term that names topologies by the values of labels."""
    seen: set[str] = set()
    for index, requirement in enumerate(term.match_label_expressions):
        at = (*path, "matchLabelExpressions", index)
        if not requirement.values:
            report.required((*at, "values"))
        for position, value in enumerate(requirement.values):
            if value in requirement.values[:position]:
                report.duplicate((*at, "values", position), value)
        validate_qualified_name(report, (*at, "key"), requirement.key)
        if requirement.key in seen:
            report.duplicate((*at, "key"), requirement.key)
        seen.add(requirement.key)
