"""Filing: a video with its sidecars, and its conversion, goes to its folder in the library as one transaction."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsortd.config.choices import OnDuplicate, PlaceMethod
from vsortd.core.outcomes import ItemState
from vsortd.core.stopwatch import Clock
from vsortd.core.system.fault_points import Point
from vsortd.core.system.network_fs import filesystem_type, inodes_last
from vsortd.core.system.os_errors import explained
from vsortd.core.text import storable
from vsortd.errors import FilingError, VsortdError
from vsortd.filing import fsops, holds
from vsortd.filing.file_bytes import sha256_of
from vsortd.filing.follow import is_known
from vsortd.filing.group_naming import GroupNaming
from vsortd.filing.identical import DuplicateGate, find_identical_file, policy_of
from vsortd.filing.journal import insert_item, new_transaction_id
from vsortd.filing.library_folder import ensure_library
from vsortd.filing.made_sidecar import made_sidecar, with_sidecar
from vsortd.filing.name_fit import NameFit, folder_below, foreseen, make_folder, notes, refused
from vsortd.filing.open_folder import Folders, OpenFolder
from vsortd.filing.placement import ConvertedFile, FilingRequest, aside_in, new_item, plan_placement
from vsortd.filing.records import KEEPING, Item, Operation, to_blob
from vsortd.filing.recover import recover
from vsortd.filing.staging import Staging, remove_empty_stores
from vsortd.filing.transaction_errors import BusyError, NameRefusedError, StuckError, TakenError
from vsortd.filing.transfer import Conflict, Transfer, reach_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from vsortd.config.place_options import Place
    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal

# Somebody who takes every free name just before us, this often, is no accident.
NAME_TRIES = 50
# How the reason of a rejected duplicate begins.
DUPLICATE_REASON = "the same bytes as"


@dataclass(frozen=True, slots=True)
class Preview:
    """What `place` would do now: state (filed, review, rejected), destination, reason, and how.

    `group` is where the video and the sidecars that come with it would lie, the video first; empty for a rejected one.
    """

    state: ItemState
    destination: Path | None
    reason: str
    group: tuple[Path, ...] = ()
    method: PlaceMethod = PlaceMethod.MOVE


class Filer:
    """Files videos into one library and keeps the books on those that stay where they are; thread-safe."""

    def __init__(self, journal: Journal, library: Path, place: Place) -> None:
        self.library = library
        self._journal = journal
        self._place_of_all = place
        self._on_duplicate, self._duplicates = policy_of(place.on_duplicate)
        self._gate = DuplicateGate()
        self._staging = Staging(journal, library)
        self._troubled = threading.Event()

    def close(self) -> None:
        """Remove this process's staging folder."""
        self._staging.close()

    def see_movable(self, source: Path) -> None:
        """See that a file may be taken out of its folder, before anything is made of it. Raises FilingError."""
        with Folders(None) as folders, explained("Could not open", source.parent):
            try:
                folder = folders.get(source.parent)
            except FileNotFoundError:
                return  # told by whoever looks for the file next
            fsops.try_removal(folder, source.name)

    def staging_path(self, source: Path) -> Path:
        """Return a fresh name for an MP4 made of `source`, on the library's filesystem. Raises FilingError."""
        return self._staging.path_for(source)

    def discard(self, converted: ConvertedFile) -> None:
        """Remove a staged MP4 that was not filed; one that can't be removed goes with the staging folder."""
        self._staging.discard(converted.path)

    def place(
        self,
        request: FilingRequest,
        *,
        cancel: threading.Event | None = None,
        by_hand: Callable[[Item], None] | None = None,
        clock: Clock | None = None,
    ) -> Item:
        """File a video, and return its item: filed, review, or rejected for a duplicate that is to be skipped.

        `by_hand`: a person chose the folder, so duplicates make no difference. It is called with the item once the
        intent is written, before anything moves; what it writes counts if and as long as the item is placed. The
        journal's own time is noted on `clock`.

        Raises ChangedError (the source is no longer what was decided on), FilingError (refused by the filesystem;
        everything is as it was, try again later), Cancelled (likewise), StoreError.
        """
        if self._troubled.is_set():
            self._clear_up(request.source)
        with self._gate.enter(request.identity.size_bytes, self._on_duplicate):
            identical_file = self._identical_file(request, cancel) if by_hand is None else None
            if identical_file is not None and self._on_duplicate is OnDuplicate.SKIP:
                return self._skip(request, identical_file)
            ensure_library(self._journal, self.library)
            transaction_id = new_transaction_id()
            with self._journal.at_work(transaction_id), Folders(self.library) as folders:
                request = aside_in(self._to_duplicates(request, identical_file), transaction_id)
                with made_sidecar(request, self._staging, wanted=self._place_for(request).xmp) as marked:
                    return self._place(marked, transaction_id, folders, cancel, by_hand, clock or Clock())

    def preview(
        self, request: FilingRequest, *, taken: Collection[Path] = (), cancel: threading.Event | None = None
    ) -> Preview:
        """Say what `place` would do now, without any effect; the names in `taken` are given away already.

        Raises ChangedError, FilingError.
        """
        identical_file = self._identical_file(request, cancel)
        if identical_file is not None and self._on_duplicate is OnDuplicate.SKIP:
            return Preview(ItemState.REJECTED, None, _duplicate_reason(identical_file))
        request = self._to_duplicates(request, identical_file)
        files = 1 + len(request.sidecars)
        if self._place_for(request).xmp:
            request = with_sidecar(request)
        path = self.folder_of(request)
        with Folders(self.library) as folders, explained("Could not look into", path):
            try:
                folder = folders.get(path)
            except FileNotFoundError:
                folder = None
            names = self._naming(request).free(folder, {one.name for one in taken if one.parent == path})
        reason = "; ".join(filter(None, (request.reason, foreseen(self.library, path / names[0]))))
        group = tuple(path / name for name in names[:files])
        return Preview(request.outcome, group[0], reason, group, self.method_for(request.source, request.place))

    def identical_file(self, source: Path, identity: Identity, *, cancel: threading.Event | None = None) -> Path | None:
        """Return a file of the library with the same bytes, or None. Raises FilingError, Cancelled."""
        return find_identical_file(self._journal, source, identity, (), cancel)

    # Videos that stay where they are

    def record(
        self,
        source: Path,
        identity: Identity,
        state: ItemState,
        reason: str,
        *,
        batch: str = "",
        rule: str = "",
        score: float = 0.0,
        margin: float = 0.0,
        detail: Mapping[str, object] | None = None,
    ) -> Item:
        """Record a video that stays where it is (REJECTED or FAILED): once, however often it is met unchanged."""
        item = new_item(source, identity, state, storable(reason), batch=batch)
        item = replace(item, rule=rule, score=score, margin=margin, detail=detail or {})
        with self._journal.db.write() as db:
            standing = holds.find_refusal(db, source, identity)
            if standing is None or standing[1:] != (item.item_state, item.reason):
                holds.supersede(db, source)
                item = insert_item(db, item)
                standing = (item.id, item.item_state, item.reason)
            db.execute("DELETE FROM attempt WHERE path = ?", (to_blob(source),))
        found = self._journal.item(standing[0])
        assert found is not None
        return found

    def known(self, path: Path, identity: Identity) -> holds.KnownFile | None:
        """Return why a file is not to be sorted as it is now (held, rejected, failed, in work), or None."""
        found = holds.known(self._journal.db, path, identity)
        if found is None or found.why is not holds.Why.WORKING or self._journal.is_mine(found.owner):
            return found
        recover(self._journal)  # the other process may have died over it; a living one's work is not touched
        return holds.known(self._journal.db, path, identity)

    def begin_work(self, path: Path, identity: Identity, *, at_risk: bool = True) -> str:
        """Note that work on a file begins; returns the reason to set it aside instead, or "".

        A file that has to wait first is not `at_risk` of taking the process down; say `risk` when its turn comes.
        """
        return holds.begin_work(self._journal.db, self._journal.owner, path, identity, at_risk=at_risk)

    def risk(self, path: Path) -> None:
        """Note that a file in work waits no longer."""
        holds.risk(self._journal.db, self._journal.owner, path)

    def suspect(self, path: Path, identity: Identity) -> bool:
        """Return whether a process died while it worked on this file as it is now."""
        return holds.suspect(self._journal.db, path, identity)

    def end_work(self, path: Path, identity: Identity) -> None:  # noqa: ARG002 - the pair of begin_work
        """Note that work on a file ended without taking the process down."""
        holds.end_work(self._journal.db, self._journal.owner, path)

    def release(self, paths: Sequence[Path] = (), *, everything: bool = False) -> list[Path]:
        """Lift holds; returns the paths that may be sorted again."""
        return self._journal.release(paths=paths, everything=everything)

    def retry(self, paths: Sequence[Path] = (), *, everything: bool = False) -> list[Path]:
        """Forget refusals; returns the paths to try again."""
        return self._journal.retry(paths=paths, everything=everything)

    def counts(self) -> dict[str, int]:
        """Return how many videos are filed, in review, rejected, failed, held and aside now."""
        return self._journal.counts()

    # How it is done

    def _clear_up(self, source: Path) -> None:
        """Set right what an earlier filing of this process had to leave; nothing new is begun on top of it."""
        self._troubled.clear()
        report = recover(self._journal)
        if report.unresolved:
            self._troubled.set()
            if any(item.source == source for item in report.unresolved):
                raise FilingError(
                    f"An earlier filing of {source} could not be set right yet.",
                    remedy=" ".join(report.lines()),
                    paths=[source],
                )

    def _identical_file(self, request: FilingRequest, cancel: threading.Event | None) -> Path | None:
        if self._on_duplicate is OnDuplicate.KEEP_BOTH:
            return None  # it makes no difference, so nothing need be read
        if self._is_filed(request.source, request.identity):
            return None  # no newcomer: others may be its duplicates, it is not theirs
        wanted = self.folder_of(request) / self._naming(request).names(1)[0]
        return find_identical_file(self._journal, request.source, request.identity, (wanted,), cancel)

    def _is_filed(self, path: Path, identity: Identity) -> bool:
        return path.is_relative_to(self.library) and is_known(self._journal, path, identity)

    def is_kept_duplicate(self, path: Path, identity: Identity) -> bool:
        """Tell whether a video was put among the duplicates, where it stays whatever the rules say."""
        if self._on_duplicate is not OnDuplicate.TO or not self._is_filed(path, identity):
            return False
        return path.parent == folder_below(self.library, (self._duplicates,))

    def _skip(self, request: FilingRequest, identical_file: Path) -> Item:
        return self.record(
            request.source, request.identity, ItemState.REJECTED, _duplicate_reason(identical_file), batch=request.batch
        )

    def _to_duplicates(self, request: FilingRequest, identical_file: Path | None) -> FilingRequest:
        if identical_file is None:
            return request
        reason = f"{request.reason}; {_duplicate_reason(identical_file)}".lstrip("; ")
        return replace(request, folder=(self._duplicates,), reason=reason)

    def folder_of(self, request: FilingRequest) -> Path:
        """Return the folder that a video goes to; a disk that refuses its name gets another when it is made."""
        if request.outcome is ItemState.ASIDE:
            return self.library.joinpath(*request.folder)
        return folder_below(self.library, request.folder)

    def _place_for(self, request: FilingRequest) -> Place:
        return request.place or self._place_of_all

    def method_for(self, source: Path, place: Place | None) -> PlaceMethod:
        """Return how a video gets into the library; what lies in it already is moved."""
        return PlaceMethod.MOVE if source.is_relative_to(self.library) else (place or self._place_of_all).how

    def _naming(self, request: FilingRequest) -> GroupNaming:
        return GroupNaming(request, self._place_for(request).name)

    def _place(  # noqa: PLR0917 - one call, cut off for its length
        self,
        request: FilingRequest,
        transaction_id: str,
        folders: Folders,
        cancel: threading.Event | None,
        by_hand: Callable[[Item], None] | None,
        clock: Clock,
    ) -> Item:
        fit = NameFit()
        request = replace(request, method=self.method_for(request.source, request.place))
        wanted = self.folder_of(request)
        folder = make_folder(folders, self.library, wanted)
        naming = self._naming(request)
        request = self._with_hash(request, folders, cancel)
        with clock.time("journal"):
            item, operations = self._begin(request, transaction_id, folder, naming)
        chosen = operations[0].target.name
        reach_quietly(Point.PLACE_AFTER_INTENT)
        transfer = Transfer(self._journal, folders, cancel)
        tries = NAME_TRIES
        while True:
            try:
                if by_hand is not None:
                    by_hand(item)
                    by_hand = None
                done = transfer.carry_out(operations, Conflict.ROLL_BACK)
                break
            except TakenError as error:
                tries -= 1
                if not tries:
                    self._give_up(item, operations, error)
                    raise FilingError(f"{error.path} and all names like it are taken.") from error
                item, operations = self._redirect(naming, item, operations, folder, fit)
            except NameRefusedError as error:
                other = fit.after(error, [one.target.name for one in operations if _is_named(one)])
                if other is None:
                    self._give_up(item, operations, error)
                    raise refused(error) from error
                fit = other
                item, operations = self._redirect(naming, item, operations, folder, fit)
            except BaseException as error:
                self._give_up(item, operations, error)
                raise
        reach_quietly(Point.PLACE_BEFORE_DONE)
        with clock.time("journal"):
            target = done[0].target
            fitted = notes(wanted / (target.name if fit == NameFit() else chosen), target)
            item = self._conclude(item, done, [*fitted, *transfer.notes])
        reach_quietly(Point.PLACE_AFTER_DONE)
        return item

    def _with_hash(self, request: FilingRequest, folders: Folders, cancel: threading.Event | None) -> FilingRequest:
        """Add the hash of a staged MP4 where nothing else would tell it later: its disk may give it another inode."""
        made = request.converted
        if made is None or made.sha256 is not None or inodes_last(filesystem_type(self.library)):
            return request
        with explained("Could not read", made.path):
            sha256 = sha256_of(folders.get(made.path.parent), made.path.name, cancel)
        return replace(request, converted=replace(made, sha256=sha256))

    def _begin(
        self, request: FilingRequest, transaction_id: str, folder: OpenFolder, naming: GroupNaming
    ) -> tuple[Item, list[Operation]]:
        """Choose names and write the intents; where a process died over the same file, set that right first."""
        try:
            return self._intend(request, transaction_id, folder, naming)
        except BusyError:
            recover(self._journal)
            return self._intend(request, transaction_id, folder, naming)

    def _intend(
        self, request: FilingRequest, transaction_id: str, folder: OpenFolder, naming: GroupNaming
    ) -> tuple[Item, list[Operation]]:
        with naming.reserving(self._journal, folder) as taken:
            targets = [folder.path / name for name in naming.free(folder, taken)]
            item, operations = plan_placement(request, self.library, transaction_id, targets)
            return self._journal.begin(item, operations)

    def _redirect(
        self, naming: GroupNaming, item: Item, operations: Sequence[Operation], folder: OpenFolder, fit: NameFit
    ) -> tuple[Item, list[Operation]]:
        """Choose the next free name for the whole group and write it down."""
        with naming.reserving(self._journal, folder, but=item.id) as taken:
            names = iter(naming.free(folder, taken, fit))
            moved = [
                replace(one, destination=folder.path / next(names)) if _is_named(one) else one for one in operations
            ]
            item = replace(item, destination=moved[0].destination)
            self._journal.redirect(item, moved)
        return item, moved

    def _conclude(self, item: Item, done: Sequence[Operation], notes: Sequence[str]) -> Item:
        reason = "; ".join(filter(None, (item.reason, *notes)))
        try:
            return self._journal.finish(item, item.outcome, done, reason=reason)
        except VsortdError:
            self._troubled.set()
            raise

    def _give_up(self, item: Item, operations: Sequence[Operation], error: BaseException) -> None:
        """Write that everything was taken back; if it wasn't, or can't be written, recovery has to look at it."""
        if isinstance(error, StuckError):
            self._troubled.set()
            return
        remove_empty_stores(operations)
        try:
            why = storable(error)
            self._journal.finish(item, ItemState.ROLLED_BACK, [one.taken_back() for one in operations], reason=why)
        except VsortdError as second:
            self._troubled.set()
            error.add_note(storable(second))


def _is_named(one: Operation) -> bool:
    """Tell whether an operation's file gets one of the names that are chosen for the group."""
    return one.kind not in KEEPING and not one.stays


def _duplicate_reason(identical_file: Path) -> str:
    return storable(f"{DUPLICATE_REASON} {identical_file}")
