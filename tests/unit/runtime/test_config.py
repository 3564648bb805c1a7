from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from statefleet.runtime.config import ConfigError, describe, read, setting, settings


@settings
class Sample:
    """Settings of every type."""

    data: Path = setting(text="where state is kept")
    listen: str = setting(default="127.0.0.1:7001", text="where calls come in")
    level: str = setting(default="info", choices=("debug", "info"))
    workers: int = setting(default=4)
    grace: float = setting(default=5.0)
    verbose: bool = setting(default=False)
    peers: tuple[str, ...] = setting(default=())
    ports: tuple[int, ...] = setting(default=())
    ca: Path | None = setting(default=None)

    def problems(self) -> Iterator[str]:
        """Check what no field shows alone."""
        if self.workers > 100 and not self.verbose:
            yield "more than 100 workers must be verbose"


def sample(environ: dict[str, str] | None = None, **arguments: object) -> Sample:
    return read(Sample, environ={"SF_DATA": "/data"} | (environ or {}), prefix="SF_", arguments=arguments)


def test_defaults() -> None:
    assert sample() == Sample(data=Path("/data"))


def test_texts_of_the_environment_are_converted() -> None:
    found = sample(
        {
            "SF_WORKERS": "8",
            "SF_GRACE": "0.5",
            "SF_VERBOSE": "Yes",
            "SF_PEERS": "a, b,",
            "SF_PORTS": "1,2",
            "SF_CA": "/ca.crt",
            "SF_LEVEL": "debug",
        }
    )
    assert (found.workers, found.grace, found.verbose, found.level) == (8, 0.5, True, "debug")
    assert (found.peers, found.ports, found.ca) == (("a", "b"), (1, 2), Path("/ca.crt"))


def test_an_argument_wins_over_the_environment() -> None:
    environ = {"SF_WORKERS": "8", "SF_LISTEN": "env"}
    found = sample(environ, workers=9, listen=None, peers=("x",), ca="/other.crt")
    assert (found.workers, found.listen, found.peers, found.ca) == (9, "env", ("x",), Path("/other.crt"))


def test_an_empty_text_unsets_what_may_be_unset() -> None:
    assert sample({"SF_CA": ""}).ca is None


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        read(
            Sample,
            environ={"SF_WORKERS": "many", "SF_GRACE": "x", "SF_VERBOSE": "perhaps", "SF_PORTS": "1,b"},
            prefix="SF_",
            arguments={"level": "loud"},
        )
    assert caught.value.problems == (
        "SF_DATA is required (where state is kept)",
        "--level is 'loud', but must be one of debug, info",
        "SF_WORKERS is 'many', but must be an integer",
        "SF_GRACE is 'x', but must be a number",
        "SF_VERBOSE is 'perhaps', but must be true or false",
        "SF_PORTS is 'b', but must be an integer",
    )


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="more than 100 workers must be verbose"):
        sample(workers=101)


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        sample().workers = 5  # type: ignore[misc]


def test_description() -> None:
    assert describe(Sample, "SF_")[:2] == [
        ("SF_DATA", "", "where state is kept"),
        ("SF_LISTEN", "127.0.0.1:7001", "where calls come in"),
    ]
