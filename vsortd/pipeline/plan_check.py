"""Whether a plan can be applied as it stands: every row is held against the disk, the library and the journal first."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.core.identity import Identity
from vsortd.core.names import folder_key, folder_name_problem
from vsortd.core.system.network_fs import filesystem_type, inodes_last
from vsortd.filing.file_names import component
from vsortd.filing.holds import Why
from vsortd.filing.identical import policy_of
from vsortd.filing.name_fit import folder_below
from vsortd.filing.open_folder import HIDDEN
from vsortd.filing.queries import placed_from_any
from vsortd.filing.rule_folders import RuleFolders
from vsortd.pipeline.plan_file import PlanAction, same_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.filing.records import Item
    from vsortd.pipeline.plan_file import PlanMistakes, PlanRow
    from vsortd.pipeline.services import Services

_ESCAPED: Final = re.compile(r"\\u(dc[89a-f][0-9a-f])")
_UNDECODABLE: Final = re.compile("[\udc80-\udcff]")
_UNKNOWN: Final = Identity(0, 0, 0, 0)  # as long as the file was not looked at
_MP4: Final = ".mp4"


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A row that can be applied: `folder` is below the library, `stem` the name without ending, None for the config's.

    `rules` are the keys of the rules whose folder that may be; `review`: it is the review folder, `duplicates` that of
    duplicates.
    """

    row: int
    path: Path
    identity: Identity
    folder: tuple[str, ...]
    stem: str | None
    rules: frozenset[str]
    review: bool
    duplicates: bool

    @property
    def rule(self) -> str:
        """The key of the one rule whose folder that is, "" where it is none's or could be several's."""
        return next(iter(self.rules)) if len(self.rules) == 1 else ""


@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """What is to be filed, the items of what was filed so already, and how many rows are left alone."""

    videos: tuple[PlannedVideo, ...]
    done: tuple[Item, ...]
    left: int


def check_plan(services: Services, rows: Sequence[PlanRow], mistakes: PlanMistakes) -> CheckedPlan:
    """Check every row. Raises UsageError that names each one with a mistake, with its column; StoreError."""
    return _Check(services, mistakes).run(rows)


class _Check:
    """One plan's rows against the disk, the library and the journal."""

    def __init__(self, services: Services, mistakes: PlanMistakes) -> None:
        self._services = services
        self._mistakes = mistakes
        self._library = services.settings.library
        place = services.settings.place
        self._rules = RuleFolders(services.tree, place)
        self._review = (folder_key(place.review),)
        self._duplicates = (folder_key(policy_of(place.on_duplicate)[1]),)
        self._lasting: dict[Path, bool] = {}

    def run(self, rows: Sequence[PlanRow]) -> CheckedPlan:
        """Check them all, then refuse them all where any is wrong."""
        wanted = [row for row in rows if row.action is PlanAction.FILE]
        videos: list[PlannedVideo] = []
        missing: list[tuple[PlanRow, PlannedVideo]] = []
        first: dict[Path, int] = {}
        for row in wanted:
            video = self._video(row)
            if video is None:
                continue
            before = first.setdefault(video.path, row.number)
            if before != row.number:
                self._mistakes.note(row.number, "source", f"it is the same video as in row {before}")
            elif (now := self._file(row, video.path)) is not None and not self._is_done(video.path, now):
                videos.append(replace(video, identity=now))
            else:
                missing.append((row, video))
        done = self._filed_already(missing)
        self._mistakes.refuse()
        return CheckedPlan(tuple(videos), done, len(rows) - len(wanted))

    def _video(self, row: PlanRow) -> PlannedVideo | None:
        """Return what a row asks for, None where its folder or its name can't be had."""
        path = source_of(row.source)
        if not path.is_absolute():
            self._mistakes.note(row.number, "source", "it is no whole path; leave this column as the plan had it")
            return None
        folder, stem = self._folder(row), self._stem(row, path)
        if folder is None or stem is None:
            return None
        key = tuple(map(folder_key, folder))
        rules = frozenset(match.rule for match in self._rules.matches(folder))
        is_review, is_duplicates = key == self._review, key == self._duplicates
        return PlannedVideo(row.number, path, _UNKNOWN, folder, stem or None, rules, is_review, is_duplicates)

    def _is_done(self, path: Path, identity: Identity) -> bool:
        """Tell whether a video was filed already and stayed where it is as well."""
        known = self._services.filer.known(path, identity)
        return known is not None and known.why is Why.DONE

    def _folder(self, row: PlanRow) -> tuple[str, ...] | None:
        text = row.folder.strip()
        if problem := self._folder_problem(text):
            self._mistakes.note(row.number, "folder", problem)
            return None
        return tuple(_unescaped(part.strip()) for part in text.rstrip("/").split("/"))

    def _folder_problem(self, text: str) -> str:
        """Say why a text can't be a folder below the library, "" if it can."""
        if not text.strip("/"):
            return "it is empty; write a folder of the library, such as a rule's"
        parts = [_unescaped(part.strip()) for part in text.rstrip("/").split("/")]
        if text.startswith(("/", "~")) or Path(text).is_absolute():
            inside = Path(text)
            below = inside.relative_to(self._library).as_posix() if inside.is_relative_to(self._library) else ""
            return f"{text} is no folder below the library" + (f"; write {below}" if below not in {"", "."} else "")
        for part in parts:
            if problem := folder_name_problem(_UNDECODABLE.sub("_", part)):
                return f"{text}: {problem}"
            if part.startswith("."):
                return f"{text}: a folder whose name begins with a dot is hidden"
        return self._way_problem(parts)

    def _way_problem(self, parts: Sequence[str]) -> str:
        """Say what lies in the way of a folder: a file, or a link that would lead out of the library."""
        for depth in range(1, len(parts) + 1):
            here = folder_below(self._library, parts[:depth])
            if os.path.islink(here) or (os.path.lexists(here) and not here.is_dir()):  # noqa: PTH114 - as lexists
                return f"{here} is a link or a file; vsortd follows no links inside the library"
        return ""

    def _stem(self, row: PlanRow, path: Path) -> str | None:
        """Return the name without its ending, as a file may have it; "" for the config's own, None for none at all."""
        name = _unescaped(row.name.strip())
        if not name:
            return ""
        if "/" in name or "\\" in name:
            what = "a name can't hold / or \\; write the folder into the column folder"
            self._mistakes.note(row.number, "name", what)
            return None
        stem, _, ending = name.rpartition(".")
        if f".{ending.lower()}" in {path.suffix.lower(), _MP4}:
            name = stem
        elif ending.lower() in self._services.extensions:
            what = f"its ending stays {path.suffix}; .{ending} would say that it is something else"
            self._mistakes.note(row.number, "name", what)
            return None
        fitted = component(name, "")
        if not fitted:
            self._mistakes.note(row.number, "name", "nothing is left of it that a file can be called")
            return None
        return fitted

    def _file(self, row: PlanRow, path: Path) -> Identity | None:
        """Return the identity of a row's file, None where there is none; what is there must be the planned one."""
        try:
            now = Identity.of(path)
        except OSError as error:
            self._mistakes.note(row.number, "source", f"{path} can't be looked at: {error.strerror}")
            return _UNKNOWN
        if HIDDEN in (self._services.library_place(path) or ()):
            self._mistakes.note(row.number, "source", f"{path} is an original that vsortd keeps")
        elif now is not None and not same_file(row.identity, now, inodes_last=self._inodes_last(path.parent)):
            what = "is not the file that was planned: it has changed since, or a cell of another row came here"
            self._mistakes.note(row.number, "identity", f"{path} {what}")
        return now

    def _inodes_last(self, folder: Path) -> bool:
        if folder not in self._lasting:
            self._lasting[folder] = inodes_last(filesystem_type(folder))
        return self._lasting[folder]

    def _filed_already(self, missing: Sequence[tuple[PlanRow, PlannedVideo]]) -> tuple[Item, ...]:
        """Return the items of rows that were applied before; any other row whose file is gone is a mistake."""
        placed = placed_from_any(self._services.journal.db, [video.path for _, video in missing])
        done = []
        for row, video in missing:
            item = placed.get(video.path)
            if (
                item is None
                or item.destination is None
                or not same_file(row.identity, item.identity, inodes_last=False)
            ):
                gone = f"{video.path} is not there any more"
                again = f"{video.path} was filed already; write leave into the column action"
                self._mistakes.note(row.number, "source", again if os.path.lexists(video.path) else gone)
            elif item.destination.parent == folder_below(self._library, video.folder):
                done.append(item)
            else:
                where = f"it was filed meanwhile, to {item.destination}; take that back with: vsortd undo {item.id}"
                self._mistakes.note(row.number, "source", where)
        return tuple(done)


def source_of(text: str) -> Path:
    """Return the path that a cell names: as it stands if that is there, else with the bytes that were escaped in it."""
    path = Path(text)
    unescaped = _unescaped(text)
    return path if unescaped == text or os.path.lexists(path) else Path(unescaped)


def _unescaped(text: str) -> str:
    r"""Return a text with the undecodable bytes that `storable` had written as `\\udcXX`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
