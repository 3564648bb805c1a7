"""Tell who owns what an apply would change. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from statefleet.errors import Cause, Conflict, Subject
from statefleet.objects.managed.entries import UPDATE, Author, Entries
from statefleet.objects.managed.sets import FieldSet, difference, intersection, path_text, paths

Conflicts = dict[Author, FieldSet]


def conflicts(entries: Entries, author: Author, touched: FieldSet, allowed: FieldSet) -> Conflicts:
    """Return which of the fields touched others own, but for those that are allowed."""
    found: Conflicts = {}
    for other, owned in entries.items():
        theirs = difference(intersection(owned.fields, touched), allowed) if other != author else {}
        if theirs:
            found[other] = theirs
    return found


def conflict(found: Conflicts) -> Conflict:
    """Return Kubernetes' error for conflicts: a cause for each field of each owner."""
    named = {_named(author): [path_text(path) for path in paths(fields)] for author, fields in found.items()}
    causes = tuple(
        Cause("FieldManagerConflict", f"conflict with {manager}", path)
        for manager in sorted(named)
        for path in named[manager]
    )
    return Conflict(_text(named, causes), Subject(causes=causes))


def _text(named: dict[str, list[str]], causes: tuple[Cause, ...]) -> str:
    if len(causes) == 1:
        return f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    lines = []
    for manager in sorted(named):
        lines.append(f"conflicts with {manager}:")
        lines += [f"- {path}" for path in named[manager]]
    return f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)


def _named(author: Author) -> str:
    text = f'"{author.manager}"'
    if author.subresource:
        text += f' with subresource "{author.subresource}"'
    return f"{text} using {author.api_version}" if author.operation == UPDATE else text
