"""Read the options of a request from its query. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.errors import BadRequest, Cause
from statefleet.gateway.status import invalid_options

STRICT, WARN, IGNORE = "Strict", "Warn", "Ignore"

_MANAGER_LIMIT = 128

Query = Mapping[str, str]


def flag(query: Query, name: str) -> bool:
    """Return a boolean parameter: present and neither `false` nor `0`."""
    value = query.get(name)
    return value is not None and value.lower() not in {"false", "0"}


def number(query: Query, name: str) -> int | None:
    """Return an integer parameter, None where it is absent. BadRequest where it is no integer."""
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The options of a list or a watch."""

    label_selector: str
    field_selector: str
    resource_version: str
    resource_version_match: str
    limit: int
    continue_token: str
    timeout_seconds: int
    allow_bookmarks: bool
    send_initial_events: bool | None


def read_options(query: Query) -> ReadOptions:
    """Return the options of a list or a watch, checked as Kubernetes checks them."""
    options = ReadOptions(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        resource_version=query.get("resourceVersion", ""),
        resource_version_match=query.get("resourceVersionMatch", ""),
        limit=max(number(query, "limit") or 0, 0),
        continue_token=query.get("continue", ""),
        timeout_seconds=number(query, "timeoutSeconds") or 0,
        allow_bookmarks=flag(query, "allowWatchBookmarks"),
        send_initial_events=flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
    )
    complaints = _watch_complaints(options) if flag(query, "watch") else _list_complaints(options)
    if complaints:
        raise invalid_options("ListOptions", tuple(complaints))
    return options


def _list_complaints(options: ReadOptions) -> list[Cause]:
    found = []
    match, version = options.resource_version_match, options.resource_version
    if options.send_initial_events is not None:
        found.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if not match:
        return found
    forbidden = "resourceVersionMatch"
    if not version:
        found.append(_forbidden(forbidden, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if options.continue_token:
        found.append(_forbidden(forbidden, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in {"Exact", "NotOlderThan"}:
        found.append(_unsupported(forbidden, match, "Exact", "NotOlderThan"))
    if match == "Exact" and version == "0":
        found.append(
            _forbidden(forbidden, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
        )
    return found


def _watch_complaints(options: ReadOptions) -> list[Cause]:
    match, initial = options.resource_version_match, options.send_initial_events
    field = "resourceVersionMatch"
    if initial is not None:
        if match != "NotOlderThan":
            text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            return [_forbidden(field, text)]
    elif match:
        return [_forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")]
    if options.continue_token:
        return [_forbidden("continue", "continue is forbidden for watch")]
    return []


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The options of a write."""

    dry_run: bool
    field_manager: str
    field_validation: str


def write_options(query: Query, user_agent: str, kind: str) -> WriteOptions:
    """Return the options of a write; `kind` is what Kubernetes calls them, such as CreateOptions.

    Without a named field manager it is the client's own name, the user agent's part before the first slash.
    """
    manager = query.get("fieldManager", "")
    validation = query.get("fieldValidation", "")
    complaints = _dry_run_complaints([query["dryRun"]] if query.get("dryRun") else [])
    if len(manager) > _MANAGER_LIMIT:
        complaints.append(_invalid("fieldManager", manager, f"must not be more than {_MANAGER_LIMIT} characters"))
    if validation not in {"", STRICT, WARN, IGNORE}:
        complaints.append(_unsupported("fieldValidation", validation, "", IGNORE, STRICT, WARN))
    if complaints:
        raise invalid_options(kind, tuple(complaints))
    default = user_agent.partition("/")[0][:_MANAGER_LIMIT] or "unknown"
    return WriteOptions(bool(query.get("dryRun")), manager or default, validation or WARN)


def check_patch_options(query: Query) -> None:
    """Refuse what only server-side apply has. Raises Invalid."""
    if "force" in query:
        raise invalid_options("PatchOptions", (_forbidden("force", "may not be specified for non-apply patch"),))


def delete_options(query: Query) -> DeleteOptions:
    """Return the delete options that stand in a query, for requests without a body."""
    options = DeleteOptions()
    grace = number(query, "gracePeriodSeconds")
    if grace is not None:
        options.grace_period_seconds = grace
    if query.get("propagationPolicy"):
        options.propagation_policy = query["propagationPolicy"]
    if "orphanDependents" in query:
        options.orphan_dependents = flag(query, "orphanDependents")
    if query.get("dryRun"):
        options.dry_run.append(query["dryRun"])
    return options


def check_delete_options(options: DeleteOptions) -> None:
    """Refuse delete options that contradict themselves or name what does not exist. Invalid with the causes."""
    complaints = _dry_run_complaints(list(options.dry_run))
    policy = options.propagation_policy
    if options.HasField("orphan_dependents") and options.HasField("propagation_policy"):
        text = "orphanDependents and deletionPropagation cannot be both set"
        complaints.append(_invalid("propagationPolicy", policy, text))
    elif policy not in {"", "Foreground", "Background", "Orphan"}:
        complaints.append(_unsupported("propagationPolicy", policy, "Foreground", "Background", "Orphan", "nil"))
    if complaints:
        raise invalid_options("DeleteOptions", tuple(complaints))


def _dry_run_complaints(values: list[str]) -> list[Cause]:
    wrong = [value for value in values if value != "All"]
    return [_unsupported("dryRun", wrong[0], "All")] if wrong else []


def _forbidden(field: str, text: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {text}", field)


def _invalid(field: str, value: str, text: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {text}', field)


def _unsupported(field: str, value: str, *supported: str) -> Cause:
    choices = ", ".join(f'"{choice}"' for choice in supported)
    return Cause("FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {choices}', field)
