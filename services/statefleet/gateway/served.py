"""Write down what is served, for the README: `python -m statefleet.gateway.served --write README.md`.

It follows from the descriptors and from the facts in `unserved`; a test compares it with what the README says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from statefleet.gateway import discovery, unserved
from statefleet.gateway.versions import ServedResource, all_versions, served
from statefleet.objects.kinds import Kind

BEGIN: Final = "<!-- what is served -->"
END: Final = "<!-- end of what is served -->"

_SIMULATED: Final = (
    "Simulated pods use nothing, or with `--usage 0.5` half of what they request; the annotation "
    "`simulation.statefleet.io/usage` says so for one pod."
)


def text() -> str:
    """Return what is served and what is not, as Markdown."""
    current = sorted((one for one in served() if one.is_current), key=lambda one: one.kind.name)
    return "\n".join(
        [
            *_table(("kind", "versions", "verbs", "subresources"), map(_kind, current)),
            "",
            f"Questions about oneself, at their `v1`: {', '.join(_reviews())}.",
            "",
            f"What is used, for `kubectl top`: {', '.join(_usages())}. {_SIMULATED}",
            "",
            *_table(("not served", "because"), _missing()),
        ]
    )


def written(page: str) -> str:
    """Return a page with what is served between its marks. ValueError where the marks are missing."""
    before, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{begin}{text()}\n{end}{after}"


def _kind(resource: ServedResource) -> tuple[str, ...]:
    kind = resource.kind
    subresources = [f"{name} ({', '.join(target.verbs)})" for name, target in discovery.targets(resource)]
    return _called(kind), ", ".join(all_versions(kind)), _verbs(resource), "; ".join(subresources)


def _called(kind: Kind[Any]) -> str:
    return f"{kind.name} ({', '.join(kind.short_names)})" if kind.short_names else kind.name


def _verbs(resource: ServedResource) -> str:
    """Return a kind's verbs, or what it lacks where that is shorter."""
    lacking = [verb for verb in discovery.VERBS if verb not in discovery.verbs(resource)]
    return f"all but {', '.join(lacking)}" if lacking else "all"


def _reviews() -> Iterator[str]:
    return (f"{review.kind} ({review.group})" for review in discovery.REVIEWS)


def _usages() -> Iterator[str]:
    return (
        f"{one.kind} ({one.plural} of {one.group}/{one.version}: {', '.join(one.verbs)})" for one in discovery.USAGES
    )


def _missing() -> Iterator[tuple[str, str]]:
    for (plural, name), reason in unserved.SUBRESOURCES.items():
        yield f"{plural}/{name}", reason
    yield from unserved.APIS.items()


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [_row(head), _row(("---",) * len(head)), *map(_row, rows)]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


@click.command()
@click.option(
    "--write", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The page to write it into."
)
def main(write: Path | None) -> None:
    """Print what is served, or write it between the marks of a page."""
    if write is None:
        click.echo(text())
    else:
        write.write_text(written(write.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
