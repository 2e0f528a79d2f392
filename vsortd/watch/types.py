"""The nouns of the watch room: an inbox as its settings describe it, what comes out of it, and how it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity


class InboxLike(Protocol):
    """The fields of an inbox's settings; durations in seconds.

    `watch` is "auto", "events" or "poll"; `extensions` are without dot; `ignore` holds shell patterns.
    """

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def recursive(self) -> bool: ...  # noqa: D102
    @property
    def watch(self) -> str: ...  # noqa: D102
    @property
    def ignore(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def settle_s(self) -> float: ...  # noqa: D102
    @property
    def settle_max_s(self) -> float: ...  # noqa: D102
    @property
    def incomplete_s(self) -> float: ...  # noqa: D102
    @property
    def poll_s(self) -> float: ...  # noqa: D102
    @property
    def rescan_s(self) -> float: ...  # noqa: D102
    @property
    def extensions(self) -> Sequence[str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """A video that may be worked on: whole, quiet, and nobody is writing it. `settled_s`: watched for so long."""

    path: Path
    identity: Identity
    inbox: Path
    settled_s: float = 0.0


class ReportKind(StrEnum):
    """Why a file did not become ready."""

    INCOMPLETE = "incomplete"  # quiet, but unfinished or no video; nothing more comes until it changes
    STILL_CHANGING = "still_changing"  # longer than settle_max_s; it goes on being watched
    UNREADABLE = "unreadable"  # the system refuses to open it; it goes on being tried
    FAILED = "failed"  # something failed again and again that should not; nothing more comes until it changes


@dataclass(frozen=True, slots=True)
class Report:
    """A file that did not become ready, told once; `reason` is a sentence for people."""

    path: Path
    identity: Identity
    kind: ReportKind
    reason: str
    inbox: Path


class Health(StrEnum):
    """How an inbox is."""

    OK = "ok"
    DEGRADED = "degraded"  # watched, but with a handicap that the reason names
    MISSING = "missing"  # there is no folder at its path; paused until there is one
    TAKEN = "taken"  # another vsortd watches it; paused until that one stops


class Mode(StrEnum):
    """How new files in an inbox are noticed."""

    EVENTS = "events"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class InboxHealth:
    """How an inbox is, why if not well, and how it is watched; `waits`: nothing of it is sorted for now.

    `left_alone` tells how many videos `extensions` leaves out, by their endings.
    """

    path: Path
    health: Health
    reason: str
    mode: Mode
    waits: bool = False
    left_alone: Mapping[str, int] = field(default_factory=dict)
