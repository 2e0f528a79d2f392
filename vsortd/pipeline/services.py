"""Everything the stages need, opened together and closed together: the daemon and the one-shot commands share it."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from loguru import logger

from vsortd.config.choices import PlaceMethod
from vsortd.config.rules import RuleTree, build_rules
from vsortd.core.containers import endings_among
from vsortd.core.names import nfc
from vsortd.core.outcomes import ConversionKind
from vsortd.core.paths import index_path, journal_path, texts_path
from vsortd.core.system.patience import Patience
from vsortd.errors import FilingError
from vsortd.filing.journal import Journal
from vsortd.filing.library_folder import waits
from vsortd.filing.originals import expire_originals
from vsortd.filing.passed_time import note_time
from vsortd.filing.place import Filer
from vsortd.filing.recover import recover
from vsortd.index.store import Index
from vsortd.judging.corrections import Corrections
from vsortd.judging.example_store import ExampleStore, examples_path
from vsortd.judging.model_source import OwnModels
from vsortd.judging.resident_detector import ResidentDetector
from vsortd.judging.resident_model import ResidentModel
from vsortd.judging.resident_sound import ResidentSound
from vsortd.media.pool import MediaPool
from vsortd.media.sidecars import Company, find_company
from vsortd.pipeline.moved_places import follow_everywhere
from vsortd.watch.candidates import is_private
from vsortd.watch.sidecar_cache import Companions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from vsortd.config.settings import Settings
    from vsortd.core.video_facts import Clip
    from vsortd.judging.model_source import ModelSource

# A disk that sleeps answers sooner; a share that hangs never does.
LIBRARY_PATIENCE_S = 10.0


@dataclass(slots=True)
class Services:
    """The services behind the stages. Use it as a context manager; leaving it kills every child process."""

    settings: Settings
    tree: RuleTree
    model: ResidentModel
    media: MediaPool
    journal: Journal
    filer: Filer
    index: Index
    examples: ExampleStore
    corrections: Corrections
    state_folder: Path
    sound: ResidentSound | None = None  # where a sound model is configured
    detector: ResidentDetector | None = None  # where the config names one
    models: ModelSource = field(default_factory=OwnModels)
    # Names that a dry run has given away already, so that it numbers like the real thing.
    foreseen: set[Path] = field(default_factory=set)
    foreseeing: threading.Lock = field(default_factory=threading.Lock)
    # Folders are listed once for many videos: each time anew would cost the square of their size.
    companions: Companions = field(default_factory=Companions)
    listing: threading.Lock = field(default_factory=threading.Lock)
    patience: Patience = field(default_factory=lambda: Patience(LIBRARY_PATIENCE_S))

    @classmethod
    def open(
        cls,
        settings: Settings,
        state_folder: Path,
        *,
        keep_trying: bool,
        recover_first: bool = True,
        load_model: bool = True,
        models: ModelSource | None = None,
    ) -> Self:
        """Open the journal, recover what a dead process left, and begin to load the model.

        Without `load_model` it is loaded when it is first asked for. `models` is where models come from, by default
        they are loaded into this process. Raises StoreError when journal, index or examples
        can't be used, FileNotFoundError where the working folder is gone.
        """
        Path.cwd()  # in a folder that is gone MKL does not find its own files, and aborts the process (MKL 2024)
        with ExitStack() as opened:
            services = cls._open(
                opened,
                settings,
                state_folder,
                keep_trying=keep_trying,
                recover_first=recover_first,
                models=models or OwnModels(),
            )
            opened.pop_all()
        if load_model:
            services.model.start()
        return services

    @classmethod
    def _open(
        cls,
        opened: ExitStack,
        settings: Settings,
        state_folder: Path,
        *,
        keep_trying: bool,
        recover_first: bool,
        models: ModelSource,
    ) -> Self:
        """Open one after the other; what was opened before a failure is closed by `opened`."""
        journal = opened.enter_context(Journal.open(journal_path(state_folder), thorough=True))
        index = Index(index_path(state_folder))
        opened.callback(index.close)
        examples = opened.enter_context(ExampleStore(examples_path(state_folder)))
        filer = Filer(journal, settings.library, settings.place)
        tree = build_rules(settings)
        corrections = Corrections(settings, state_folder, examples, journal)
        texts = texts_path(state_folder)
        sound = sound_model(settings, texts, models)
        model = ResidentModel(
            settings.model,
            tree,
            keep_trying=keep_trying,
            refine=corrections.applied,
            texts_path=texts,
            sound=sound,
            models=models,
        )
        media = MediaPool.of(settings.workers)
        services = cls(settings, tree, model, media, journal, filer, index, examples, corrections, state_folder, sound)
        services.detector = ResidentDetector.of(settings, keep_trying=keep_trying)
        services.models = models
        services.follow_library()
        if recover_first:
            for line in recover(journal).lines():
                logger.warning("recovered: {}", line)
        return services

    @property
    def extensions(self) -> tuple[str, ...]:
        """Every file name extension that some inbox takes for a video."""
        return tuple(sorted(endings_among(one for inbox in self.settings.inboxes for one in inbox.extensions)))

    def sidecars_of(self, video: Path, clip: Clip | None = None) -> tuple[Path, ...]:
        """Return the files that move with a video; as long as its facts aren't known, those that may have to."""
        return self.company_of(video, clip).sidecars

    def company_of(self, video: Path, clip: Clip | None = None) -> Company:
        """Return what moves with a video and what stays beside it, see `sidecars_of`."""
        with self.listing:
            names = self.companions.of(video, time.monotonic())
        live_photo = clip is None or bool(clip.content_identifier)
        return find_company(video, self.extensions, names, live_photo=live_photo, is_noise=is_private)

    def library_place(self, video: Path) -> tuple[str, ...] | None:
        """Return the folders (NFC) between the library and a video that lies in it, None for one that doesn't."""
        library = self.settings.library
        return tuple(map(nfc, video.parent.relative_to(library).parts)) if video.is_relative_to(library) else None

    @property
    def takes_out(self) -> bool:
        """Whether some videos are moved out of the inboxes; else all of them stay there."""
        return PlaceMethod.MOVE in self.tree.methods(self.settings.place)

    @property
    def worker_count(self) -> int:
        """How many videos are under way at once: one a decoder, and enough for the encoder's next batch and the disk.

        With two more than decoders, these waited for the encoder a fifth of the time.
        """
        return 2 * self.settings.workers.decode_count() + 4

    def expire_originals(self) -> None:
        """Remove converted originals whose retention has ended; a clock that jumped is told of."""
        if said := note_time(self.journal.db):
            logger.warning("{}", said)
        self.follow_library()  # its disk may have been mounted meanwhile
        convert = self.settings.convert
        for kind in (ConversionKind.REMUX, ConversionKind.TRANSCODE):
            keep_s = convert.keep_s(encoded_anew=kind is ConversionKind.TRANSCODE)
            for line in expire_originals(self.journal, self.settings.library, keep_s, kind=kind.value):
                logger.info("originals: {}", line)

    def library_trouble(self) -> str:
        """Return why nothing can be filed into the library now, with what to type; "" if all is well."""
        library = self.settings.library

        def look() -> str:
            why = waits(self.journal, library)
            return "" if why is None else str(why)

        return self.patience.ask(look, f"The library {library} does not answer: see to its disk or share.")

    def follow_library(self) -> None:
        """Let what is kept of the library follow it to where it lies now; one that can't be looked at follows later."""
        library = self.settings.library

        def follow() -> list[str]:
            try:
                return follow_everywhere(self.journal, self.state_folder, library, self.examples)
            except FilingError as error:
                return [str(error)]

        nothing: list[str] = []
        for line in self.patience.ask(follow, nothing):
            logger.warning("{}", line)

    def changed(self, settings: Settings, *, cancel: threading.Event | None = None) -> Services:
        """Return services for other settings that share what these leave as it is (after a reload).

        This one goes on serving what is under way; `retire` it afterwards. Worker processes stay as they are. Another
        model is loaded when it is started, or asked for. Raises ModelError when the rules can't be embedded, Cancelled
        when `cancel` is set meanwhile; nothing has changed then.
        """
        services = self._by(settings, tries=False, cancel=cancel)
        if settings.library != self.settings.library:
            services.follow_library()
        return services

    @contextmanager
    def tried(self, settings: Settings, *, cancel: threading.Event) -> Iterator[Services]:
        """Yield services that decide by other settings, and let go afterwards what was opened for them alone.

        These go on by their own. What is loaded serves both; where the settings name another model, that is loaded when
        it is asked for. For the same settings they are these. Raises ModelError, Cancelled.
        """
        if settings == self.settings:
            yield self
            return
        services = self._by(settings, tries=True, cancel=cancel)
        try:
            yield services
        finally:
            services.retire(self)

    def _by(self, settings: Settings, *, tries: bool, cancel: threading.Event | None) -> Services:
        """Return services for other settings that share what these leave as it is.

        With `tries` the model goes on by its rules here, and is waited for; else it judges by the new ones, here too.
        """
        before = self.settings
        tree = build_rules(settings)
        corrections = Corrections(settings, self.state_folder, self.examples, self.journal, tries=tries)
        model, sound, filer, detector = self.model, self.sound, self.filer, self.detector
        if (settings.model, settings.sound_model) != (before.model, before.sound_model):
            texts = texts_path(self.state_folder)
            sound = sound_model(settings, texts, self.models)
            model = ResidentModel(
                settings.model,
                tree,
                keep_trying=not tries,
                refine=corrections.applied,
                texts_path=texts,
                sound=sound,
                models=self.models,
            )
        elif tries:
            model = model.beside(tree, corrections.applied, cancel=cancel or threading.Event())
        else:
            model.change_rules(tree, corrections.applied, cancel=cancel)
        if (settings.library, settings.place) != (before.library, before.place):
            filer = Filer(self.journal, settings.library, settings.place)
        if settings.detector != before.detector:
            detector = ResidentDetector.of(settings, keep_trying=not tries)
        return replace(
            self,
            settings=settings,
            tree=tree,
            model=model,
            sound=sound,
            filer=filer,
            corrections=corrections,
            detector=detector,
            foreseen=set(),
        )

    def retire(self, successor: Services) -> None:
        """Let go what the services that came after don't share; nothing may be under way in these."""
        if self.model is not successor.model:
            self.model.close()
        if self.filer is not successor.filer:
            self.filer.close()
        if self.detector is not None and self.detector is not successor.detector:
            self.detector.close()

    def unload(self) -> None:
        """Let the models go until they are asked for again."""
        self.model.unload()
        if self.detector is not None:
            self.detector.unload()

    def close(self) -> None:
        """Let everything go; work under way has been cancelled before."""
        self.model.close()
        if self.detector is not None:
            self.detector.close()
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


def sound_model(settings: Settings, texts: Path, models: ModelSource) -> ResidentSound | None:
    """Return the sound model that is configured, not loaded yet, None where none is."""
    choice = settings.sound_model
    return None if choice is None else ResidentSound(choice, texts_path=texts, models=models)
