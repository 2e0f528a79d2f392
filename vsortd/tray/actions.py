"""What the menu's entries do: ask the daemon, or open something; and what the user is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vsortd.core.paths import log_path
from vsortd.errors import VsortdError
from vsortd.tray.follower import Followed
from vsortd.tray.notes import Note
from vsortd.tray.state import HOUR_S, Action, Filing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsortd.core.documents import StatusDocument, UndoDocument
    from vsortd.tray.state import Entry


class TrayClient(Followed, Protocol):
    """What the tray needs of `vsortd.service.client.Client`."""

    def pause(self, *, inbox: Path | None = None, for_s: float | None = None) -> StatusDocument:
        """Pause everything; return the status."""

    def resume(self, *, inbox: Path | None = None) -> StatusDocument:
        """End every pause; return the status."""

    def undo(self, ids: Sequence[int]) -> UndoDocument:
        """Take filings back."""

    def way_in(self) -> str:
        """Return the address that lets one browser in to the page, once."""


class Actions:
    """Does what a menu entry says. May take as long as the daemon does: not for the thread that shows the menu."""

    def __init__(
        self,
        client: TrayClient,
        state_folder: Path,
        *,
        open_target: Callable[[Path], bool],
        open_page: Callable[[str, Path], bool],
        review_name: Callable[[], str],
        on_status: Callable[[StatusDocument], None],
    ) -> None:
        self._client = client
        self._state_folder = state_folder
        self._open_target = open_target
        self._open_page = open_page
        self._review_name = review_name
        self._on_status = on_status

    def do(self, entry: Entry) -> Note | None:
        """Do what the entry says; return what the user is to be told, or None where it shows by itself."""
        try:
            return self._do(entry)
        except VsortdError as error:
            return Note(error.title, "\n".join(filter(None, (*error.details, error.remedy))))

    def _do(self, entry: Entry) -> Note | None:
        action, argument = entry.action, entry.argument
        if action is Action.PAUSE:
            self._on_status(self._client.pause())
        elif action is Action.PAUSE_HOUR:
            self._on_status(self._client.pause(for_s=HOUR_S))
        elif action is Action.RESUME:
            self._on_status(self._client.resume())
        elif action is Action.UNDO:
            return self._undo(argument)
        elif action is Action.PAGE:
            return self._show_page()
        else:
            return self._show_place(action, argument)
        return None

    def _show_place(self, action: Action | None, argument: Any) -> Note | None:
        if action is Action.OPEN_VIDEO:
            return self._open(Path(argument.destination), "It may have been moved or undone.")
        if action is Action.REVIEW:
            return self._open(Path(argument) / self._review_name(), "Nothing was put there yet.")
        if action is Action.LIBRARY:
            return self._open(Path(argument), "Nothing was filed yet.")
        if action is Action.LOG:
            return self._open(log_path(self._state_folder), "The daemon writes it with its first line.")
        return None

    def _undo(self, filing: Filing) -> Note:
        answer = self._client.undo([filing.id])
        for refused in answer["refused"]:
            return Note(f"{filing.name} was not undone", refused["reason"])
        said = [
            f"It {'is still' if item.get('stayed') else 'is back'} at {item.get('back_at', item['source'])}, and held."
            for item in answer["undone"]
        ]
        said += [
            f"{Path(one['path']).name} did not come back: {one['reason']}."
            for item in answer["undone"]
            for one in item.get("missing", ())
        ]
        return Note(f"{filing.name} is undone", " ".join(said))

    def _show_page(self) -> Note | None:
        try:
            shown = self._open_page(self._client.way_in(), self._state_folder)
        except OSError as error:
            return Note("The page can't be opened", f"{error.strerror or error}. `vsortd open --no-browser` may help.")
        return None if shown else Note("Nothing here opens the page", "At a terminal: vsortd open --no-browser")

    def _open(self, path: Path, when_absent: str) -> Note | None:
        try:
            path.stat()
        except OSError as error:
            return Note(f"{path} can't be opened", f"{error.strerror or error}. {when_absent}")
        return None if self._open_target(path) else Note(f"Nothing here opens {path}", "No program for it was found.")
