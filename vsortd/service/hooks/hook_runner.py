"""Does what the config wants done after videos: commands on one thread, requests on another, filing on neither.

Everything is done at least once: what was under way when the process ended is done again. Nothing that goes wrong
here changes what became of a video, or keeps vsortd from stopping.
"""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.server_address import ServerAddress
from vsortd.core.system.private_files import private_file
from vsortd.core.text import counted
from vsortd.core.units import about_duration
from vsortd.errors import Cancelled, StoreError
from vsortd.service.hooks.command import run_command
from vsortd.service.hooks.delivery_store import DeliveryKind
from vsortd.service.hooks.hook_outcome import HookOutcome
from vsortd.service.hooks.request import post
from vsortd.service.hooks.video_values import filled, values_of, values_of_batch, variables
from vsortd.tray.notes import batch_quiet_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.core.documents import AfterDocument
    from vsortd.service.hooks.delivery_queue import Bundle, DeliveryQueue

# How often it is looked for what other processes have filed.
_LOOK_S: Final = 60.0
# While another process does it, while a batch is gathered: how often that is looked at.
_SOON_S: Final = 1.0
# Videos that end at once are looked at together.
_TOGETHER_S: Final = 0.1
_BATCH_FILES: Final = "after-*.json"


class HookRunner:
    """Tries what waits, as the rules in force want it, until it is stopped.

    `activity` tells whether nothing is left for the daemon to do, and whether a video is under way.
    """

    def __init__(self, queue: DeliveryQueue, state_folder: Path, *, activity: Callable[[], tuple[bool, bool]]) -> None:
        self._queue = queue
        self._state_folder = state_folder
        self._activity = activity
        self._cancel = threading.Event()
        self._changed = threading.Condition()
        self._turns = 0  # grows with each wake
        self._prepared = False
        self._troubled = False
        self._threads = [
            threading.Thread(target=self._work, args=(kind,), name=f"after-{kind}", daemon=True)
            for kind in DeliveryKind
        ]

    def start(self) -> None:
        """Begin; returns at once. From here on no video that ends is missed."""
        self.config_changed()
        for thread in self._threads:
            thread.start()

    def config_changed(self) -> None:
        """Go by the rules that are in force now; returns soon."""
        with self._telling():
            self._prepared = self._queue.prepare()
        self.wake()

    def wake(self) -> None:
        """See now what there is to do; returns at once."""
        with self._changed:
            self._turns += 1
            self._changed.notify_all()

    def call_off(self) -> None:
        """Call off what is under way, which is done again at the next start; returns at once."""
        self._cancel.set()
        self.wake()

    def stop(self, *, patience_s: float = 1.5) -> None:
        """End; what waits is kept."""
        self.call_off()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(patience_s)
        if not any(thread.is_alive() for thread in self._threads):  # else it goes with the process
            self.close()

    def form(self) -> AfterDocument:
        """Return how many deliveries wait, and how many were given up since the start."""
        waiting = 0
        with self._telling():
            waiting = self._queue.waiting()
        return {"waiting": waiting, "gave_up": self._queue.gave_up}

    def drain(self, cancel: threading.Event) -> list[str]:
        """Try once, on this thread, all that waits, until `cancel` is set; what fails is kept.

        Returns a sentence for each that failed.
        """
        failures: list[str] = []
        tried: set[int] = set()
        with self._telling(), contextlib.suppress(Cancelled):
            for kind in DeliveryKind:
                while not cancel.is_set():
                    self._queue.take_in()
                    bundle, _ = self._queue.next(kind, quiet_s=0.0, but=tried)
                    if bundle is None:
                        break
                    tried.add(bundle.number)  # it may be due again before the others are through
                    if failure := self._deliver(bundle, cancel):
                        failures.append(failure)
        return failures

    def close(self) -> None:
        """Let go of the deliveries, where no thread was started."""
        with self._telling():
            self._queue.close()

    # The threads

    def _work(self, kind: DeliveryKind) -> None:
        while not self._cancel.is_set():
            with self._changed:
                turn = self._turns
            rest_s: float | None = _LOOK_S
            with self._telling(), contextlib.suppress(Cancelled):
                rest_s = self._step(kind)
            self._rest(turn, rest_s)

    def _rest(self, turn: int, wait_s: float | None) -> None:
        if wait_s == 0.0:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._turns != turn or self._cancel.is_set(), wait_s)
        self._cancel.wait(_TOGETHER_S)

    def _step(self, kind: DeliveryKind) -> float:
        """Do the next thing there is to do; return how long to rest then, seconds."""
        if not self._prepared:
            self._prepared = self._queue.prepare()
            if not self._prepared:
                return _SOON_S
        self._queue.take_in()
        idle, working = self._activity()
        bundle, wait_s = self._queue.next(kind, quiet_s=batch_quiet_s(idle=idle, working=working))
        if bundle is None:
            # whether the daemon still has something to do, which says when a batch is over, is told by nobody
            longest_s = _SOON_S if self._queue.gathers(kind) else _LOOK_S
            return longest_s if wait_s is None else min(wait_s, longest_s)
        self._deliver(bundle, self._cancel)
        return 0.0

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell of what keeps this from its work, once; it is tried again later, and filing goes on."""
        try:
            yield
        except StoreError as error:
            if not self._cancel.is_set() and not self._troubled:  # else what was used is being closed
                logger.error("nothing is done after videos for now: {}", error)
            self._troubled = True
        else:
            self._troubled = False

    def _deliver(self, bundle: Bundle, cancel: threading.Event) -> str:
        """Try a bundle once; say how that went in the log, and return what went wrong. Raises StoreError, Cancelled."""
        self._queue.begin(bundle)
        what = _what(bundle)
        try:
            outcome = self._run(bundle, cancel) if bundle.kind is DeliveryKind.RUN else self._post(bundle, cancel)
        except Cancelled:
            logger.info("{}: called off; it is done again at the next start", what)
            raise
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this try and no other
            logger.opt(exception=error).error("{}: {}", what, error)
            outcome = HookOutcome(well=False, told=f"an error that nobody expected ({type(error).__name__}: {error})")
        tries = bundle.failed + 1
        line = logger.bind(
            video=bundle.items[0].id, videos=len(bundle.items), after=bundle.kind.value, well=outcome.well, tries=tries
        )
        if outcome.well:
            self._queue.done(bundle)
            line.info("{}: {}", what, outcome)
            return ""
        pause_s = self._queue.failed(bundle, for_good=outcome.for_good)
        again = f"given up after {counted(tries, 'try', 'tries')}"
        if pause_s is not None:
            again = f"to be tried again in {about_duration(pause_s)}"
        line.warning("{}: {} ({})", what, outcome, again)
        return f"{what}: {outcome}"

    def _post(self, bundle: Bundle, cancel: threading.Event) -> HookOutcome:
        return post(bundle.after, [item.to_json() for item in bundle.items], cancel=cancel)

    def _run(self, bundle: Bundle, cancel: threading.Event) -> HookOutcome:
        after = bundle.after
        assert after.run is not None
        with contextlib.ExitStack() as held:
            if after.batch:
                try:
                    file = held.enter_context(self._batch_file(bundle))
                except OSError as error:
                    return HookOutcome(well=False, told=f"its list of videos can't be written ({error.strerror})")
                values = values_of_batch(file, len(bundle.items))
            else:
                values = values_of(bundle.items[0])
            words = filled(after.run, values)
            return run_command(words, variables(values), limit_s=after.time_limit_s, cancel=cancel)

    @contextlib.contextmanager
    def _batch_file(self, bundle: Bundle) -> Iterator[Path]:
        """Write the entries of a batch into a file of the state folder, which is removed afterwards."""
        for left in self._state_folder.glob(_BATCH_FILES):  # by a process that was killed
            left.unlink(missing_ok=True)
        file = self._state_folder / _BATCH_FILES.replace("*", str(bundle.number))
        private_file(file, create=True)
        try:
            file.write_text(json.dumps([item.to_json() for item in bundle.items], ensure_ascii=False), encoding="utf-8")
            yield file
        finally:
            file.unlink(missing_ok=True)


def _what(bundle: Bundle) -> str:
    """Say after what is done what, for people."""
    after, first = bundle.after, bundle.items[0]
    videos = f"#{first.id} {first.source.name}" if len(bundle.items) == 1 else counted(len(bundle.items), "video")
    if bundle.kind is DeliveryKind.RUN:
        assert after.run is not None
        return f"after {videos}: {Path(after.run[0]).name}"
    assert after.post is not None
    return f"after {videos}: {ServerAddress.parse(after.post).place}"
