"""Everything the stages need, opened together and closed together: the daemon and the one-shot commands share it."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from loguru import logger

from vsortd.filing.journal import Journal
from vsortd.filing.originals import expire_originals
from vsortd.filing.place import Filer
from vsortd.filing.recover import recover
from vsortd.learning.lessons import Lessons
from vsortd.learning.store import ExampleStore, examples_path
from vsortd.library.index import Index
from vsortd.media.pool import MediaPool
from vsortd.media.sidecars import find_sidecars
from vsortd.places import index_path, journal_path, texts_path
from vsortd.resident import ResidentModel
from vsortd.rules import RuleTree, build_rules
from vsortd.watch.companions import Companions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from vsortd.identity import Identity
    from vsortd.pipeline import Job
    from vsortd.settings import Settings


@dataclass(slots=True)
class Workshop:
    """The services behind the stages. Use it as a context manager; leaving it kills every child process."""

    settings: Settings
    tree: RuleTree
    model: ResidentModel
    media: MediaPool
    journal: Journal
    filer: Filer
    index: Index
    examples: ExampleStore
    lessons: Lessons
    state_folder: Path
    # Names that a dry run has given away already, so that it numbers like the real thing.
    foreseen: set[Path] = field(default_factory=set)
    foreseeing: threading.Lock = field(default_factory=threading.Lock)
    # Folders are listed once for many videos: each time anew would cost the square of their size.
    companions: Companions = field(default_factory=Companions)
    listing: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(
        cls,
        settings: Settings,
        state_folder: Path,
        *,
        keep_trying: bool,
        recover_first: bool = True,
        load_model: bool = True,
    ) -> Self:
        """Open the journal, recover what a dead process left, and begin to load the model.

        Without `load_model` it is loaded when it is first asked for. Raises StoreError when journal, index or examples
        can't be used.
        """
        with ExitStack() as opened:
            shop = cls._open(opened, settings, state_folder, keep_trying=keep_trying, recover_first=recover_first)
            opened.pop_all()
        if load_model:
            shop.model.start()
        return shop

    @classmethod
    def _open(
        cls,
        opened: ExitStack,
        settings: Settings,
        state_folder: Path,
        *,
        keep_trying: bool,
        recover_first: bool,
    ) -> Self:
        """Open one after the other; what was opened before a failure is closed by `opened`."""
        journal = opened.enter_context(Journal.open(journal_path(state_folder)))
        index = Index(index_path(state_folder))
        opened.callback(index.close)
        examples = opened.enter_context(ExampleStore(examples_path(state_folder)))
        filer = Filer(journal, settings.library, settings.place)
        if recover_first:
            for line in recover(journal).lines():
                logger.warning("recovered: {}", line)
        tree = build_rules(settings)
        lessons = Lessons(settings, state_folder, examples, journal)
        texts = texts_path(state_folder)
        model = ResidentModel(settings.model, tree, keep_trying=keep_trying, refine=lessons.applied, texts_path=texts)
        media = MediaPool(
            settings.workers.decode_count(),
            timeout_s=settings.workers.timeout_s,
            memory_bytes=settings.workers.memory_bytes,
            decoder=settings.workers.decoder,
        )
        return cls(settings, tree, model, media, journal, filer, index, examples, lessons, state_folder)

    @property
    def extensions(self) -> tuple[str, ...]:
        """Every file name extension that some inbox takes for a video."""
        return tuple(sorted({extension for inbox in self.settings.inboxes for extension in map(str, inbox.extensions)}))

    def sidecars_of(self, video: Path) -> tuple[Path, ...]:
        """Return the files that move with a video."""
        with self.listing:
            names = self.companions.of(video, time.monotonic())
        return find_sidecars(video, self.extensions, names)

    def library_place(self, video: Path) -> tuple[str, ...] | None:
        """Return the folders between the library and a video that lies in it, None for one that doesn't."""
        library = self.settings.library
        return video.parent.relative_to(library).parts if video.is_relative_to(library) else None

    @property
    def lanes(self) -> int:
        """How many videos are under way at once: one a decoder, and enough for the encoder's next batch and the disk.

        With two more than decoders, these waited for the encoder a fifth of the time.
        """
        return 2 * self.settings.workers.decode_count() + 4

    def expire_originals(self) -> None:
        """Remove converted originals whose retention has ended."""
        for line in expire_originals(self.journal, self.settings.library, self.settings.convert.keep_original_s):
            logger.info("originals: {}", line)

    def changed(self, settings: Settings) -> Workshop:
        """Return a workshop for other settings that shares what they leave as it is (after a reload).

        This one goes on serving what is under way; `retire` it afterwards. Worker processes stay as they are.
        Raises ModelError when the rules can't be embedded; nothing has changed then.
        """
        before = self.settings
        tree = build_rules(settings)
        lessons = Lessons(settings, self.state_folder, self.examples, self.journal)
        model = self.model
        if settings.model != before.model:
            texts = texts_path(self.state_folder)
            model = ResidentModel(settings.model, tree, keep_trying=True, refine=lessons.applied, texts_path=texts)
        else:
            model.change_rules(tree, lessons.applied)
        filer = self.filer
        if (settings.library, settings.place) != (before.library, before.place):
            filer = Filer(self.journal, settings.library, settings.place)
        if model is not self.model:
            model.start()
        return replace(self, settings=settings, tree=tree, model=model, filer=filer, lessons=lessons, foreseen=set())

    def retire(self, successor: Workshop) -> None:
        """Let go what the workshop that came after doesn't share; nothing may be under way in this one."""
        if self.model is not successor.model:
            self.model.close()
        if self.filer is not successor.filer:
            self.filer.close()

    def close(self) -> None:
        """Let everything go; work under way has been cancelled before."""
        self.model.close()
        self.media.close()
        self.filer.close()
        self.index.close()
        self.examples.close()
        self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Desk:
    """The runner's view of the books: attempts, records, and the door back to settle.

    Without `effects` (a dry run) nothing is written.
    """

    shop: Workshop
    send_back: Callable[[Path, Identity, str], None]
    effects: bool = True

    @property
    def filer(self) -> Filer:
        """Who keeps the journal."""
        return self.shop.filer

    def suspect(self, path: Path, identity: Identity) -> bool:
        """Return whether a process died over this file: it is carried alone then, so that no other is blamed."""
        return self.effects and self.filer.suspect(path, identity)

    def begin(self, path: Path, identity: Identity) -> str:
        """Note that work begins; return why a file that took the process down twice is set aside instead, or "".

        Until the model is there a video waits; should the process die then, it is not the video's fault.
        """
        if not self.effects:
            return ""
        return self.filer.begin_work(path, identity, at_risk=self.shop.model.judge is not None)

    def finish(self, path: Path, identity: Identity) -> None:
        """Note that work ended."""
        if self.effects:
            self.filer.end_work(path, identity)

    def record(self, job: Job, *, lasting: bool = True) -> Job:
        """Record a video that stays where it is, once.

        What lasts is not tried again until the file changes; what doesn't (a full disk) only stands in the history.
        """
        if not self.effects:
            return job
        decision = job.decision
        item = self.filer.record(
            job.path,
            job.identity,
            job.state.value,
            job.reason,
            batch=job.batch,
            rule=decision.rule if decision else "",
            score=decision.score if decision else 0.0,
            margin=decision.margin if decision else 0.0,
        )
        if not lasting:
            self.filer.retry([job.path])
        return replace(job, item_id=item.id)

    def again(self, path: Path, identity: Identity, reason: str) -> None:
        """Send a file back to settle."""
        self.send_back(path, identity, reason)
