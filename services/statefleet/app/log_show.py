"""Show what was done to an object: when, by whom, and which fields changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.console import Console
from rich.text import Text

from statefleet.app.backends import STORES
from statefleet.app.peers import SERVICES
from statefleet.app.places import Place, readable_store
from statefleet.errors import BadRequest, NotFound
from statefleet.objects.codec import encode
from statefleet.objects.difference import FieldDifference, differing
from statefleet.objects.kinds import EVENT, KINDS, SECRET, Kind
from statefleet.runtime.clock import SystemClock
from statefleet.store.changes import Step, steps_of
from statefleet.store.entries import Entry, Key
from statefleet.workloads.assembly import EVENTS_STORE

_HIDDEN = "(hidden)"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NOISE = ("managedFields", "resourceVersion")
_COLOURS = {"created": "green", "deleted": "red", "refused": "yellow"}
_SECOND_NS = 1_000_000_000


async def run_show(
    place: Place,
    keys: Path | None,
    kind: str,
    name: str,
    *,
    namespace: str,
    since: float | None,
    status: bool,
    refused: bool,
    output: str,
) -> None:
    """Print what was done to an object. BadRequest: no such kind; NotFound: the log knows of nothing to be shown."""
    found = _kind(kind)
    key = Key(found.name, namespace if found.namespaced else "", name)
    from_ns = 0 if since is None else int((SystemClock().now() - since) * _SECOND_NS)
    told, known = [], False
    async with readable_store(place, _store(found), keys) as logs:
        async for step in steps_of(logs, key):
            known = known or not step.refusal
            if (step.refusal and not refused) or (step.by is not None and step.by.time_ns < from_ns):
                continue
            told.append(_document(found, step, with_status=status))
    if not told:
        what = f"{found.resource} {'/'.join(key[1:]).strip('/')}"
        if known and since is not None:
            raise NotFound(f"nothing was done to {what} in the last {since:g} seconds")
        raise NotFound(f"the log knows nothing of {what}")
    if output == "json":
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())  # noqa: T201 -- what was asked for
    elif output == "yaml":
        print(yaml.safe_dump(told, sort_keys=False), end="")  # noqa: T201
    else:
        console = Console(highlight=False, soft_wrap=True)
        for each in told:
            for line in _lines(each):
                console.print(line)


def _kind(text: str) -> Kind[Any]:
    wanted = text.lower()
    for kind in KINDS.values():
        if wanted in (kind.name.lower(), kind.plural, kind.resource, *kind.short_names):
            return kind
    raise BadRequest(f"no kind {text!r} is known; there are {', '.join(sorted(KINDS))}")


def _store(kind: Kind[Any]) -> str:
    if kind is EVENT:
        return EVENTS_STORE
    service = next(name for name, number in SERVICES.items() if number == kind.service)
    return STORES[service][0]


def _document(kind: Kind[Any], step: Step, *, with_status: bool) -> dict[str, Any]:
    """Return what is told of a step."""
    by = step.by
    found = [] if step.refusal else list(_changes(kind, step))
    statuses = sum(change.path.startswith("status") for change in found)
    shown = found if with_status else [change for change in found if not change.path.startswith("status")]
    return {
        "time": None if by is None else _time(by.time_ns),
        "user": None if by is None else by.user or "the service itself",
        "fieldManager": "" if by is None else by.manager,
        "resourceVersion": str(step.version),
        "what": _what(step),
        "refusal": step.refusal,
        "changes": [change._asdict() for change in shown],
        "statusChanges": statuses,
    }


def _what(step: Step) -> str:
    if step.refusal:
        return "refused"
    if step.is_first:
        return "was there"
    if step.before is None:
        return "created"
    return "deleted" if step.after is None else "changed"


def _changes(kind: Kind[Any], step: Step) -> Iterator[FieldDifference]:
    """Yield the fields that a step changed; none for a deletion and for what was there."""
    if step.after is None or step.is_first:
        return
    for change in sorted(differing("", _json(step.before), _json(step.after), kind.message.DESCRIPTOR)):
        path = change.path.removeprefix(".")
        yield _hidden(change) if _is_secret(kind, path) else change._replace(path=path)


def _json(entry: Entry | None) -> dict[str, Any]:
    document: dict[str, Any] = {} if entry is None else encode(entry.message)
    metadata = {key: value for key, value in document.get("metadata", {}).items() if key not in _NOISE}
    if notes := metadata.get("annotations"):
        metadata["annotations"] = {key: value for key, value in notes.items() if key != _LAST_APPLIED}
    return {**document, "metadata": metadata} if document else {}


def _is_secret(kind: Kind[Any], path: str) -> bool:
    return kind is SECRET and path.startswith(("data", "stringData"))


def _hidden(change: FieldDifference) -> FieldDifference:
    return FieldDifference(
        change.path.removeprefix("."), _HIDDEN if change.before else "", _HIDDEN if change.after else ""
    )


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / _SECOND_NS, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lines(told: dict[str, Any]) -> Iterator[Text]:
    """Yield a step as people read it."""
    who = told["user"] or "somebody, before the log begins"
    manager = f" ({told['fieldManager']})" if told["fieldManager"] else ""
    head = Text.assemble((told["time"] or "-", "bright_black"), f"  {told['resourceVersion']:>8}  ")
    head.append(told["what"], _COLOURS.get(told["what"], "cyan"))
    head.append(f": {told['refusal']}" if told["refusal"] else "")
    head.append(f" by {who}{manager}")
    yield head
    for change in told["changes"]:
        line = Text(f"    {change['path']}: ")
        line.append(change["before"] or "-", "red")
        line.append(" → ")
        line.append(change["after"] or "-", "green")
        yield line
    shown = sum(change["path"].startswith("status") for change in told["changes"])
    if told["statusChanges"] > shown:
        yield Text(f"    status: {told['statusChanges']} fields changed (--status shows them)", "bright_black")
