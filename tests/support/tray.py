"""What the tray's tests share: statuses and items as the daemon sends them, and a client that is fed by hand."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

from vsortd.errors import DaemonUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

GONE = object()


def status(state: str = "running", **more: Any) -> dict[str, Any]:
    """Return a status as `GET /v1/status` has it."""
    counts = {"filed": 0, "review": 0, "rejected": 0, "failed": 0, "held": 0, "aside": 0} | more.pop("counts", {})
    form = {
        "schema_version": 1,
        "state": state,
        "pid": 1,
        "model": {"name": "sample", "weights": "", "device": "cpu", "reason": ""},
        "queued": 0,
        "working": 0,
        "inboxes": [{"path": "/in", "health": "ok", "reason": ""}],
        "waits": [],
        "trouble": [],
        "paused": {"all": state == "paused", "until": None, "inboxes": []},
        "library": "/out",
        "page": {"address": "http://127.0.0.1:8737", "reason": ""},
    }
    return form | more | {"counts": counts}


def item(number: int, state: str = "filed", **more: Any) -> dict[str, Any]:
    """Return an item as `history --json` has it."""
    placed = state in {"filed", "review"}
    form = {
        "id": number,
        "batch": "b1",
        "time": "2026-11-25T01:00:00.000Z",
        "state": state,
        "source": f"/in/clip{number}.mp4",
        "destination": f"/out/forest/clip{number}.mp4" if placed else None,
        "rule": "forest" if state == "filed" else None,
        "score": 0.9,
        "margin": 0.5,
        "converted": False,
        "reason": "" if state == "filed" else "because",
        "tags": [],
    }
    return form | more


class FakeClient:
    """Keeps the contract of `vsortd.service.client.Client`; a test feeds its events and sees what it was asked."""

    def __init__(self) -> None:
        self.now = status()
        self.items: list[dict[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []
        self.refuse = ""
        self._events: queue.Queue[Any] = queue.Queue()
        self._up = threading.Event()

    def come(self) -> None:
        """Let the daemon be there."""
        self._up.set()

    def go(self) -> None:
        """Let the daemon be gone."""
        self._up.clear()
        self._events.put(GONE)

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Send an event."""
        self._events.put({"event": event, "data": data})

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what was told, a status first."""
        self._check()
        yield {"event": "status", "data": self.now}
        while (event := self._events.get()) is not GONE:
            yield event
        raise DaemonUnreachableError("No daemon answers.")

    def history(self, *, last: int | None = None) -> list[dict[str, Any]]:
        """Return the items."""
        self._check()
        return self.items[:last]

    def pause(self, *, inbox: Path | None = None, for_s: float | None = None) -> dict[str, Any]:
        """Pause."""
        assert inbox is None
        return self._change("pause", for_s, "paused")

    def resume(self, *, inbox: Path | None = None) -> dict[str, Any]:
        """Resume."""
        return self._change("resume", inbox, "running")

    def undo(self, ids: Sequence[int]) -> dict[str, Any]:
        """Undo, or refuse."""
        self._check()
        self.asked.append(("undo", list(ids)))
        if self.refuse:
            return {"undone": [], "refused": [{"id": number, "reason": self.refuse} for number in ids]}
        return {"undone": [one for one in self.items if one["id"] in ids], "refused": []}

    def way_in(self) -> str:
        """Return an address, a new one each time."""
        self._check()
        self.asked.append(("way_in", None))
        return f"http://127.0.0.1:8737/enter#code{len(self.asked)}"

    def _change(self, verb: str, argument: Any, state: str) -> dict[str, Any]:
        self._check()
        self.asked.append((verb, argument))
        self.now = status(state)
        return self.now

    def _check(self) -> None:
        if not self._up.is_set():
            raise DaemonUnreachableError("No daemon answers.", remedy="Start one with `vsortd run`.")
