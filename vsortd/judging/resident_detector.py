"""The resident detector: loaded when the first video needs it, and kept; where it can't be had, files wait."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from loguru import logger

from vsortd.core.activity import busy_with
from vsortd.errors import Cancelled, ChangedError, ModelError
from vsortd.judging.resident_model import RETRY_AFTER_S
from vsortd.vision.detector import unknown_class
from vsortd.vision.detectors import choice_of, load_detector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.config.settings import Settings
    from vsortd.vision.detector import DetectorChoice, ObjectDetector

_TICK_S = 0.2


class ResidentDetector:
    """Loads a detector once; thread-safe.

    With `keep_trying`, one that can't be had is asked for again and again (a daemon: the weights may come); without,
    `get` raises the ModelError. Nobody waits longer than until the config is read anew, see `send_back`.
    """

    def __init__(self, choice: DetectorChoice, *, keep_trying: bool) -> None:
        self._choice = choice
        self._keep_trying = keep_trying
        self._loading = threading.Lock()
        self._closed = threading.Event()
        self._detector: ObjectDetector | None = None
        self._trouble = ""
        self._tries = 0
        self._again_s = 0.0  # when to ask for it again, by the monotonic clock
        self._reloads = 0
        self._replaced = False

    @classmethod
    def of(cls, settings: Settings, *, keep_trying: bool) -> Self | None:
        """Return that of the config, None where it names none."""
        options = settings.detector
        return None if options is None else cls(choice_of(options), keep_trying=keep_trying)

    @property
    def trouble(self) -> str:
        """Why there is no detector, or it doesn't know what rules ask for; or ""."""
        return self._trouble

    def get(self, cancel: threading.Event, wanted: Iterable[str]) -> ObjectDetector:
        """Return the detector, which knows the classes `wanted`.

        Raises ModelError where it can't be had or doesn't, ChangedError where the config was read anew while it waited,
        Cancelled when `cancel` is set meanwhile or it is closed.
        """
        reloads = self._reloads
        while True:
            if cancel.is_set() or self._closed.is_set():
                raise Cancelled
            try:
                if time.monotonic() >= self._again_s and (found := self._loaded(cancel)) is not None:
                    _insist_on_names(found, wanted)
                    self._trouble = ""
                    return found
            except ModelError as error:
                if not self._keep_trying:
                    raise
                self._wait_for(error)
            if self._replaced or self._reloads != reloads:
                raise ChangedError("the config was read anew while it waited for the detector")
            cancel.wait(_TICK_S)

    def send_back(self, *, replaced: bool) -> None:
        """Let who waits begin anew, by the config as it is now: that may ask for other things, or for none.

        With `replaced` the config names another detector, or none: nobody waits for this one any more.
        """
        self._replaced = self._replaced or replaced
        self._reloads += 1
        self._again_s, self._tries, self._trouble = 0.0, 0, ""

    def unload(self) -> None:
        """Let the detector go until it is asked for again; who has it in hand keeps it."""
        self._detector = None

    def close(self) -> None:
        """Stop trying, and let the detector go for good; who has it in hand keeps it."""
        self._closed.set()
        self._detector = None

    def _loaded(self, cancel: threading.Event) -> ObjectDetector | None:
        """Return the detector, None where another thread is still loading it. Raises ModelError."""
        if not self._loading.acquire(timeout=_TICK_S):
            return None
        try:
            if self._detector is None and not cancel.is_set() and time.monotonic() >= self._again_s:
                logger.info("loading the detector {} …", self._choice)
                with busy_with("loading the detector"):
                    self._detector = load_detector(self._choice)
            return self._detector
        finally:
            self._loading.release()

    def _wait_for(self, error: ModelError) -> None:
        """Note why there is none, said once, and when to ask again."""
        if self._trouble != str(error):
            logger.error("{} The files wait in the inbox; vsortd keeps trying.", error)
        self._trouble = str(error)
        self._again_s = time.monotonic() + RETRY_AFTER_S[min(self._tries, len(RETRY_AFTER_S) - 1)]
        self._tries += 1


def _insist_on_names(detector: ObjectDetector, wanted: Iterable[str]) -> None:
    """Raise ModelError, with the nearest names, where a detector doesn't know what rules ask for."""
    for name in sorted(wanted):
        if (unknown := unknown_class(detector.names, name)) is not None:
            hint, known = unknown
            raise ModelError(
                f"The detector {detector.key.partition('/')[0]} knows no {name!r}, which rules look for.{hint}",
                remedy=f"It knows {known}: correct `objects:`.",
            )
