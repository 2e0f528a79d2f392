"""What could not be made of which video, so that it isn't tried at every look."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vsortd.errors import ChangedError, LimitError, VideoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST: Final = 10_000
# Time and memory that were missing may be there later; bytes that are no video stay so.
_LIMITS_S: Final = 900.0


class RememberedFailures:
    """The last failures, by key, for as long as the process lives; thread-safe. `clock` is monotonic, seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: OrderedDict[str, tuple[type[VideoError], str, float]] = OrderedDict()

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        """Raise the failure that a key had before, without entering the block; one in the block is remembered."""
        self._raise(key)
        try:
            yield
        except ChangedError:
            raise
        except VideoError as error:
            self._remember(key, error)
            raise

    def _raise(self, key: str) -> None:
        with self._lock:
            kind, reason, until_s = self._found.get(key, (VideoError, "", 0.0))
            if reason and self._clock() >= until_s:
                del self._found[key]
                return
        if reason:
            raise kind(reason)

    def _remember(self, key: str, error: VideoError) -> None:
        lasts_s = _LIMITS_S if isinstance(error, LimitError) else float("inf")
        with self._lock:
            # a subclass for how a worker ended may want other arguments
            kind = LimitError if isinstance(error, LimitError) else type(error)
            self._found[key] = (kind, error.reason, self._clock() + lasts_s)
            self._found.move_to_end(key)
            while len(self._found) > _MOST:
                self._found.popitem(last=False)
