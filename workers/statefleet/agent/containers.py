"""What a pod's machine knows of containers, hears of them and has done to them. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from statefleet.api.core.v1.container_pb2 import Container


@dataclass(frozen=True, slots=True)
class Waiting:
    """The container does not run yet."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """The container runs since `started` (seconds since the Unix epoch)."""

    started: float


@dataclass(frozen=True, slots=True)
class Terminated:
    """The container ended."""

    exit_code: int
    reason: str
    started: float
    finished: float
    message: str = ""


State: TypeAlias = Waiting | Running | Terminated


@dataclass(slots=True)
class ContainerLife:
    """What is known of one container."""

    spec: Container
    init: bool
    restarts_always: bool
    state: State
    last: Terminated | None = None
    begun: bool = False
    """Whether the first pull or start was asked for: what follows is the restarts' affair."""
    pulled: bool = False
    restarts: int = 0
    ready: bool = False
    failures: int = 0
    """Failed pulls or quick exits in a row: the back-off's exponent."""
    backs_off: bool = False
    """Whether the next try waits for its time."""
    redefined: Container | None = None
    """What the container is to be from its next start on, where it was told to end for that."""

    @property
    def name(self) -> str:
        """The container's name."""
        return self.spec.name

    @property
    def never_ran(self) -> bool:
        """Whether the container waits for its first start."""
        return isinstance(self.state, Waiting) and self.last is None

    @property
    def done(self) -> bool:
        """Whether an init container has let the next one begin."""
        if self.restarts_always:
            return isinstance(self.state, Running)
        return isinstance(self.state, Terminated) and self.state.exit_code == 0


class Signal(Enum):
    """What can be heard of a container."""

    PULLED = auto()
    PULL_FAILED = auto()
    STARTED = auto()
    START_FAILED = auto()
    EXITED = auto()
    READY = auto()
    UNREADY = auto()
    STOPPED = auto()
    SHOW_BACK_OFF = auto()
    RETRY = auto()


@dataclass(frozen=True, slots=True)
class Event:
    """Something heard of a container."""

    signal: Signal
    container: str
    attempt: int = 0
    """Which start of the container it is about; 0 where that does not matter."""
    exit_code: int = 0
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pull:
    """Have the container's image on the node."""

    container: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start the container."""

    container: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask the container to end, and end it after `grace` seconds."""

    container: str
    grace: float


@dataclass(frozen=True, slots=True)
class Wake:
    """Feed `event` back after `seconds`."""

    seconds: float
    event: Event


@dataclass(frozen=True, slots=True)
class Release:
    """The pod has ended on this node: its object may go."""


Command: TypeAlias = Pull | Start | Stop | Wake | Release
