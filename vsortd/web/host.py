"""What the page asks of the daemon that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable, Generator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.core.documents import ItemDocument, ReloadDocument, SearchDocument, StatusDocument
    from vsortd.filing.release import ReleaseReport, ReleaseVerb
    from vsortd.filing.undo import Selection, UndoReport
    from vsortd.learning.judged_frames import JudgedFrame
    from vsortd.learning.new_rule import NewRule
    from vsortd.learning.review_queue import Waiting
    from vsortd.learning.teaching import Lesson
    from vsortd.library.search.requests import Request
    from vsortd.media.previews import Previews
    from vsortd.pipeline.batch import Progress, SortOutcome
    from vsortd.pipeline.rules_preview import PreviewItem, RulesPreview
    from vsortd.pipeline.runner import WorkInHand
    from vsortd.pipeline.services import Services
    from vsortd.setup.first_config import FirstConfig


@dataclass(frozen=True, slots=True)
class PageTools:
    """What lies above the page, handed down to it by the command that starts the daemon.

    `examine` yields what `vsortd doctor --json` has of each check (`name`, `level`, `found`, `remedy`), as it comes,
    for the config at a path; closing the iterator ends it. `clips` returns the short videos that come with vsortd.
    """

    examine: Callable[[Path | None], Generator[dict[str, str], None, None]]
    clips: Callable[[], Sequence[Path]]


class SetupHost(Protocol):
    """What stands behind the page while there is no config that can be used."""

    config_path: Path
    first: FirstConfig
    tools: PageTools

    @property
    def broken(self) -> bool:
        """Whether there is a config, which has mistakes."""

    @property
    def settings(self) -> Settings | None:
        """The settings that the daemon begins with just now."""

    def begin(self, settings: Settings) -> None:
        """Let the daemon take over."""

    def moves_to(self, settings: Settings) -> str | None:
        """Return where the page will be, with a code, "" if it stays, None if it is switched off."""


class PageHost(Protocol):
    """The daemon behind the page; each call may raise VsortdError, whose sentence the page shows."""

    @property
    def services(self) -> Services:
        """The services as they are now; a reload replaces them, so they are asked for anew each time."""

    @property
    def config_path(self) -> Path | None:
        """Where the config lies, None where it came from no file."""

    @property
    def state_folder(self) -> Path:
        """Where journal, index and log lie."""

    @property
    def tools(self) -> PageTools | None:
        """What lies above the page; None where nobody handed it down."""

    def status(self) -> StatusDocument:
        """Return the status as `status --json` prints it."""

    def in_hand(self) -> list[WorkInHand]:
        """Return the videos that are in work."""

    def events(self) -> AsyncIterator[str]:
        """Return a stream of server-sent events."""

    def pause(self, inbox: Path | None = None, for_s: float | None = None) -> StatusDocument:
        """Begin no more videos."""

    def resume(self, inbox: Path | None = None) -> StatusDocument:
        """End a pause."""

    def undo(
        self,
        selection: Selection,
        *,
        dry_run: bool,
        on_progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> UndoReport:
        """Take filings back; once `cancel` is set, the item in hand and those after it stay as they are."""

    def decide(self, number: int, rule: str | None) -> Lesson:
        """Decide on an item that waits for review: a rule's key, None for nowhere."""

    def teach(self, number: int, rule: str | None, *, learn: bool = True) -> Lesson:
        """File an item's video under a rule (its key, None for nowhere), and learn from it."""

    def take_back(self, lesson: Lesson) -> None:
        """Take a decision back, and what was learned from it."""

    def judged_frames(self, waiting: Waiting) -> list[JudgedFrame]:
        """Return what each frame says of a video that waits for review."""

    def add_rule(self, new: NewRule) -> None:
        """Write a new rule into the config, and sort by it."""

    def preview_rules(
        self, settings: Settings, cancel: threading.Event, on_progress: Progress | None = None
    ) -> RulesPreview:
        """Return what would become of all that is filed by other settings; nothing is touched."""

    def remember_filed(self) -> None:
        """Have what previews will need of everything filed read in the background."""

    def refile(self, items: Sequence[PreviewItem], progress: Progress, cancel: threading.Event) -> list[SortOutcome]:
        """Move videos to where the rules in effect have them, as one batch."""

    def tell(self, *items: int) -> None:
        """Tell whoever listens of items that such work made or took back."""

    def set_aside(self, video: Path | int, *, keep: Path | None = None, batch: str = "") -> ItemDocument:
        """Set a video aside, by its path or its item's id, for one that is kept; return its new item."""

    def release_or_retry(self, verb: ReleaseVerb, names: Sequence[str], *, everything: bool) -> ReleaseReport:
        """Release holds, or retry refusals."""

    def search(self, request: Request, config: str) -> SearchDocument | None:
        """Look for scenes; None where the config is no longer that of this fingerprint."""

    def look_at(self, path: Path, cancel: threading.Event) -> None:
        """Look through a video so that it can be searched within."""

    @property
    def previews(self) -> Previews:
        """What makes pictures of videos for people."""

    def borrowed(
        self, cancel: threading.Event | None = None
    ) -> AbstractContextManager[tuple[Services, threading.Event]]:
        """Lend the services for longer, with what is set when the daemon ends: `cancel`, or an event of its own."""

    def scan(self) -> None:
        """Look through the inboxes now."""

    def reload(self) -> ReloadDocument:
        """Read the config anew."""
