"""What happens, told to whoever listens: the tray, a page, a script. Costs nothing while nobody does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from vsortd.core.documents import ItemDocument, StatusDocument

# The state is told at most this often, so that a flood of files is not a flood of events.
_STATUS_EVERY_S = 0.25
# A word now and then tells both sides that the other is still there.
PING_EVERY_S = 30.0
# One who doesn't read is left behind: the oldest events go, and the status says where things stand.
_KEPT = 1000


class Hub:
    """Passes events from any thread to the listeners."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._closed = False

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._present())

    def tell_item(self, item: ItemDocument) -> None:
        """Tell what became of a video."""
        for listener in self._present():
            listener.put(f"event: item\ndata: {json.dumps(item)}\n\n")

    def changed(self) -> None:
        """Tell that the state is another one now."""
        for listener in self._present():
            listener.stir()

    def close(self) -> None:
        """End every stream."""
        with self._lock:
            self._closed = True
        for listener in self._present():
            listener.stir()

    def _present(self) -> list[_Listener]:
        with self._lock:
            return list(self._listeners)

    async def stream(self, status: Callable[[], StatusDocument]) -> AsyncIterator[str]:
        """Yield server-sent events (HTML, 9.2): what happens, and the state at once and when it has changed.

        `status` makes the state's form; it is called on a thread.
        """
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        try:
            while not self._closed:
                if listener.take_change():
                    state = await asyncio.to_thread(status)
                    yield f"event: status\ndata: {json.dumps(state)}\n\n"
                for text in listener.take():
                    yield text
                if not await listener.wait(PING_EVERY_S):
                    yield "event: ping\ndata: {}\n\n"
                elif listener.stirred:
                    await asyncio.sleep(_STATUS_EVERY_S)  # more may change meanwhile: told together
        finally:
            with self._lock:
                self._listeners.discard(listener)


class _Listener:
    """One stream's mailbox: filled from any thread, emptied on its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wakeup = asyncio.Event()
        self._texts: deque[str] = deque(maxlen=_KEPT)
        self._change = True  # the state is told at once
        self._lock = threading.Lock()

    @property
    def stirred(self) -> bool:
        """Whether the state has changed since it was told."""
        return self._change

    def put(self, text: str) -> None:
        """Add an event; the oldest goes where nobody reads."""
        with self._lock:
            if len(self._texts) == _KEPT:
                self._change = True
            self._texts.append(text)
        self._wake()

    def stir(self) -> None:
        """Note that the state has changed."""
        with self._lock:
            self._change = True
        self._wake()

    def take(self) -> list[str]:
        """Return the events so far."""
        with self._lock:
            texts = list(self._texts)
            self._texts.clear()
        return texts

    def take_change(self) -> bool:
        """Tell whether the state has changed since this was last asked."""
        with self._lock:
            change, self._change = self._change, False
        return change

    async def wait(self, seconds: float) -> bool:
        """Sleep until something happens; tell whether it did."""
        with self._lock:
            if self._change or self._texts:
                return True
            self._wakeup.clear()
        try:
            await asyncio.wait_for(self._wakeup.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._wakeup.set)
