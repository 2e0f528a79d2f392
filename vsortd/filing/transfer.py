"""Carries the operations of one transaction to their end, or back: for filing, undoing and recovering alike.

Two steps: first everything gets its place (a rename, or a copy beside the untouched source), then the sources of
copies go, the video's first. Until that moment everything can be taken back; after it the rest goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from vsortd.core.system.fault_points import Point, reach
from vsortd.core.system.os_errors import explained
from vsortd.core.text import storable
from vsortd.errors import ChangedError, FilingError
from vsortd.filing import fsops
from vsortd.filing.effect_state import EffectState, effect_of_rename
from vsortd.filing.file_bytes import sha256_of
from vsortd.filing.records import ANCHORS, IdentityMatch, Operation, OperationKind, OperationState, likeness
from vsortd.filing.sidecar_paths import lies_with_what_was_left
from vsortd.filing.staying import LINKING, REMOVING, SHARING, is_linked, leaves_source, may_go
from vsortd.filing.transaction_errors import StuckError, TakenError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal
    from vsortd.filing.open_folder import Folders, OpenFolder


class Conflict(Enum):
    """What to do when an operation other than the first can't be done (its source changed, its name is taken)."""

    ROLL_BACK = auto()  # take everything back
    LEAVE = auto()  # let that file stay where it is


@dataclass
class Transfer:
    """One transaction's way through the filesystem. `notes` says what was left, for the item's reason."""

    journal: Journal
    folders: Folders
    cancel: threading.Event | None = None

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        # copies that may have been published although the call that did it failed, by operation
        self._copies: dict[int, Operation] = {}
        self._untried: Sequence[Operation] = ()

    def carry_out(self, operations: Sequence[Operation], conflict: Conflict) -> list[Operation]:
        """Carry the operations to their end and return them as they are then.

        What the disk shows as performed is not performed again. Raises ChangedError, TakenError, FilingError,
        StoreError or Cancelled after everything was taken back, StuckError when it could not be.
        """
        current = list(operations)
        self._untried = current
        try:
            for index, one in enumerate(current):
                left = lies_with_what_was_left(one, current)
                current[index] = self._leave(one) if left else self._perform_or_leave(one, conflict, first=index == 0)
            self.folders.sync()
            for one in current:
                if one.state is OperationState.INTENT and one.destination is not None:
                    self.folders.require(one.target.parent)
            anchor = next((i for i, one in enumerate(current) if _is_open_anchor(one)), None)
            if anchor is not None:
                current[anchor] = self._finish(current[anchor])
        except BaseException:
            self.roll_back(current)
            raise
        for index, one in enumerate(current):
            if one.state is OperationState.INTENT:
                left = lies_with_what_was_left(one, current)
                current[index] = self._leave(one) if left else self._finish_or_withdraw(one)
        try:
            self.folders.sync()
        except FilingError as error:  # too late to go back, too early to call it done
            raise StuckError(error.title, remedy=error.remedy, paths=error.paths) from error
        return current

    def roll_back(self, operations: Sequence[Operation]) -> list[Operation]:
        """Take back what was performed, last first. Raises StuckError when something can't be taken back now."""
        reach_quietly(Point.ROLL_BACK_BEFORE)
        back = []
        try:
            for one in reversed(operations):
                self._withdraw(one)
                back.append(one.taken_back())
            self.folders.sync()
        except (OSError, TakenError, FilingError, ChangedError) as error:
            raise StuckError(
                f"Could not put everything back: {error}",
                remedy="Nothing is lost: the journal knows each name, and vsortd tries again.",
                paths=[one.source for one in operations],
            ) from error
        reach_quietly(Point.ROLL_BACK_AFTER)
        return back[::-1]

    def sweep(self, operations: Sequence[Operation]) -> None:
        """Remove what a process left that died while it tried or reserved names. Raises FilingError."""
        for one in operations:
            if (folder := self._folder(one.source.parent)) is not None:
                fsops.release_name(folder, one.source.name, one.temp_prefix)
            if one.destination is not None and (folder := self._folder(one.target.parent)) is not None:
                fsops.discard(folder, one.trial_name)
                fsops.release_name(folder, one.target.name, one.temp_prefix)

    def look(self, one: Operation) -> EffectState:
        """Tell from the disk how far an operation got. Raises FilingError."""
        source = self._like(one.source, one.identity)
        if one.destination is None:
            aside = self._like(one.source.with_name(one.aside_name), one.identity)
            gone = source is IdentityMatch.ABSENT or aside is IdentityMatch.SAME
            return EffectState.PERFORMED if gone else EffectState.UNTOUCHED
        destination = self._like(one.destination, one.destination_identity or one.identity)
        if one.copied:
            return self._look_at_copy(one, source, destination)
        if one.kind is OperationKind.PUBLISH and source is destination is IdentityMatch.ABSENT:
            return EffectState.UNTOUCHED  # it was put back and then removed: what was made can be made again
        return effect_of_rename(source, destination)

    def _look_at_copy(self, one: Operation, source: IdentityMatch, destination: IdentityMatch) -> EffectState:
        aside = self._like(one.source.with_name(one.aside_name), one.identity)
        there = IdentityMatch.SAME in {source, aside}
        if destination is IdentityMatch.SAME and leaves_source(one):
            return EffectState.PERFORMED
        if destination is IdentityMatch.SAME:
            # the source is about to be removed on the strength of this copy
            return EffectState.UNCLEAR if there and not self._is_whole(one) else EffectState.PERFORMED
        if destination is IdentityMatch.ALIKE and self._is_whole(one):
            return EffectState.PERFORMED
        if destination is IdentityMatch.EDITED:
            return EffectState.UNCLEAR
        return (
            EffectState.UNTOUCHED
            if there or source in {IdentityMatch.ALIKE, IdentityMatch.EDITED}
            else EffectState.UNCLEAR
        )

    def _is_whole(self, one: Operation) -> bool:
        folder = self._folder(one.target.parent)
        return folder is not None and sha256_of(folder, one.target.name) == one.sha256

    def _perform_or_leave(self, one: Operation, conflict: Conflict, *, first: bool) -> Operation:
        if one.state is not OperationState.INTENT or one.destination is None:
            return one
        try:
            return self._perform(one)
        except (ChangedError, TakenError) as error:
            if first or conflict is Conflict.ROLL_BACK:
                raise
            self._withdraw(one)
            self.notes.append(f"{storable(one.source)} was left: {error}")
            return one.taken_back()

    def _perform(self, one: Operation) -> Operation:
        """Give the source's bytes their new name; the source of a copy stays for now."""
        name, new_name = one.source.name, one.target.name
        if one.destination_identity is not None and self.look(one) is EffectState.PERFORMED:
            return one
        with explained("Could not open", one.target.parent):
            destination = self.folders.get(one.target.parent, create=True)
        source = self._folder(one.source.parent)
        if source is None:
            raise ChangedError(f"{one.source.parent} is gone")
        there = destination.identity(new_name)
        if leaves_source(one) and one.kind not in LINKING:
            return self._copy(one, source, destination)
        if one.destination_identity is None and likeness(one.identity, there) is IdentityMatch.SAME:
            self._touch(destination, source)
            return replace(one, destination_identity=there)
        if there is not None:
            fsops.release_name(destination, new_name, one.temp_prefix)
        fsops.settle_file(source, name, one.identity)
        if leaves_source(one):
            return self._link(one, source, destination)
        if fsops.rename(source, name, destination, new_name, one.identity, one.temp_prefix):
            self._touch(destination, source)
            return replace(one, destination_identity=destination.identity(new_name), copied=False)
        return self._copy(one, source, destination)

    def _link(self, one: Operation, source: OpenFolder, destination: OpenFolder) -> Operation:
        """Give the source a second name in the library; where none can be had, copy it."""
        new_name, aside = one.target.name, one.withdrawn_name
        why = fsops.link(source, one.source.name, destination, new_name, one.identity, aside)
        if why:
            self._note(f"no hard link can be had there ({why}): copied")
            return self._copy(one, source, destination)
        self._touch(destination)
        return replace(one, destination_identity=destination.identity(new_name))

    def _try_all(self) -> None:
        """See, before the first byte is copied, that the video may be taken away and that every name can be had.

        Raises NameRefusedError, FilingError.
        """
        untried, self._untried = self._untried, ()
        for one in untried:
            if one.destination is None or one.destination_identity is not None or one.stays:
                continue
            source = self._folder(one.source.parent)
            if source is not None and one.kind in ANCHORS:
                fsops.try_removal(source, one.source.name)
            with explained("Could not open", one.target.parent):
                destination = self.folders.get(one.target.parent, create=True)
            fsops.try_name(destination, one.trial_name, one.target.name)

    def _copy(self, one: Operation, source: OpenFolder, destination: OpenFolder) -> Operation:
        self._try_all()
        fsops.discard(destination, one.temp_name)
        share = one.kind in SHARING
        written, sha256 = fsops.copy(
            source, one.source.name, destination, one.temp_name, one.identity, self.cancel, clone=share
        )
        if share and sha256:
            self._note("no blocks can be shared there: copied whole")
        one = replace(one, destination_identity=written, sha256=sha256 or None, copied=True)
        self._copies[one.id] = one
        self.journal.copied(one)
        fsops.publish(destination, one.temp_name, one.target.name, one.temp_prefix)
        self._touch(destination)
        return one

    def _finish(self, one: Operation) -> Operation:
        """Let the source of a copy go (or the file that is to be removed), now that all else is in its place.

        Raises ChangedError when the source was written to meanwhile, FilingError.
        """
        source = self._folder(one.source.parent)
        if source is None or leaves_source(one):  # gone with its folder, or not to be touched
            return one.done(one.destination_identity)
        if one.destination is not None and not one.copied:
            self._unlink_old_name(one, source)
            return one.done(one.destination_identity)
        if one.kind in REMOVING and not may_go(self.journal.operations(one.item), one, source):
            raise ChangedError(f"{one.source.name} stays: what it was made of is gone or changed")
        if likeness(one.identity, source.identity(one.aside_name)) is IdentityMatch.SAME:
            fsops.discard(source, one.aside_name)
            self._touch(source)
            return one.done(one.destination_identity)
        self._bring_aside_back(one, source)
        removal = fsops.remove(source, one.source.name, one.identity, one.aside_name, one.temp_prefix)
        self._touch(source)
        if removal is fsops.Removal.EDITED or (one.destination is None and removal is fsops.Removal.OTHER):
            raise ChangedError(f"{one.source.name} was written to meanwhile")
        # another file that has the source's name by now, or none, is somebody else's doing; the copy is whole
        return one.done(one.destination_identity)

    def _unlink_old_name(self, one: Operation, source: OpenFolder) -> None:
        """Remove the old name where a rename by link and unlink stopped half way."""
        destination = self._folder(one.target.parent)
        if destination is None:
            return
        old, new = source.identity(one.source.name), destination.identity(one.target.name)
        if old is not None and old == new and likeness(one.identity, old) is IdentityMatch.SAME:
            with explained("Could not remove", one.source):
                source.unlink(one.source.name)
            self._touch(source)

    def _finish_or_withdraw(self, one: Operation) -> Operation:
        try:
            return self._finish(one)
        except (ChangedError, FilingError) as error:
            if isinstance(error, StuckError):
                raise
            if (
                one.kind is OperationKind.PUBLISH
            ):  # its original has gone to the store: without it nothing would be filed
                raise StuckError(
                    f"{one.target} is there, but could not be made sure of: {error}",
                    remedy="Nothing is lost: the journal knows each name, and vsortd tries again.",
                    paths=[one.target],
                ) from error
            self.notes.append(f"{storable(one.source)} was left: {error}")
        return self._leave(one)

    def _leave(self, one: Operation) -> Operation:
        """Take an operation back when the video itself has gone its way. Raises StuckError."""
        try:
            self._withdraw(one)
        except (OSError, TakenError, FilingError, ChangedError) as error:
            raise StuckError(
                f"{one.source} could neither be finished nor put back: {error}",
                remedy="Nothing is lost: the journal knows each name, and vsortd tries again.",
                paths=[one.source],
            ) from error
        return one.taken_back()

    def _withdraw(self, one: Operation) -> None:
        """Take an operation back, however far it got; its source is there afterwards.

        Raises TakenError, FilingError, ChangedError when that can't be done without touching what isn't ours.
        """
        if one.state is OperationState.ROLLED_BACK or one.stays:
            return
        one = self._copies.pop(one.id, one)
        source = self._folder(one.source.parent)
        if source is not None:
            self._bring_aside_back(one, source)
        if one.destination is None:
            return
        destination = self._folder(one.target.parent)
        if destination is None:
            return  # nothing was put there: not even the folder is there
        for temporary in (one.trial_name, one.temp_name):
            fsops.discard(destination, temporary)
        fsops.release_name(destination, one.target.name, one.temp_prefix)
        if one.copied:
            self._withdraw_copy(one, source, destination)
        elif not leaves_source(one) or is_linked(one):
            self._withdraw_rename(one, destination)
        self._touch(destination)

    def _bring_aside_back(self, one: Operation, source: OpenFolder) -> None:
        # whatever lies there came by our rename, also if it turned out to be another file
        if source.status(one.aside_name) is not None:
            fsops.move_back(source, one.aside_name, source, one.source.name, one.temp_prefix)
            self._touch(source)

    def _withdraw_copy(self, one: Operation, source: OpenFolder | None, destination: OpenFolder) -> None:
        assert one.destination_identity is not None
        if likeness(one.destination_identity, destination.identity(one.withdrawn_name)) is IdentityMatch.SAME:
            fsops.discard(destination, one.withdrawn_name)
            return
        if likeness(one.destination_identity, destination.identity(one.target.name)) is not IdentityMatch.SAME:
            return  # not published
        # the copy may go only while the source's bytes are safe at their old name, edited or not
        found = None if source is None else source.identity(one.source.name)
        if likeness(one.identity, found) not in {IdentityMatch.SAME, IdentityMatch.EDITED}:
            raise ChangedError(f"{one.source.name} is no longer there; its copy stays")
        aside, mark = one.withdrawn_name, one.temp_prefix
        fsops.remove(destination, one.target.name, one.destination_identity, aside, mark)

    def _withdraw_rename(self, one: Operation, destination: OpenFolder) -> None:
        found = destination.identity(one.target.name)
        ours = likeness(one.identity, found)
        if ours is not IdentityMatch.SAME and not (
            ours is IdentityMatch.EDITED and one.destination_identity is not None
        ):
            return  # not moved, or not ours (an inode number may have been given anew)
        with explained("Could not open", one.source.parent):
            source = self.folders.get(one.source.parent, create=True)
        old = source.identity(one.source.name)
        if old is not None and old == found:  # link and unlink stopped half way
            with explained("Could not remove", one.target):
                destination.unlink(one.target.name)
        elif likeness(one.identity, old) is not IdentityMatch.SAME:
            fsops.move_back(destination, one.target.name, source, one.source.name, one.temp_prefix)
        self._touch(source)

    def _like(self, path: Path, meant: Identity) -> IdentityMatch:
        folder = self._folder(path.parent)
        return likeness(meant, None if folder is None else folder.identity(path.name))

    def _folder(self, path: Path) -> OpenFolder | None:
        """Return an open folder, or None where there is none. Raises FilingError."""
        with explained("Could not open", path):
            try:
                return self.folders.get(path)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _note(self, said: str) -> None:
        if said not in self.notes:  # of a video and its sidecars once
            self.notes.append(said)

    def _touch(self, *folders: OpenFolder) -> None:
        for folder in folders:
            self.folders.touched(folder)


def reach_quietly(point: Point) -> None:
    """Pass a fault point that no system call stands at: an injected error has no meaning there, a kill has."""
    try:
        reach(point)
    except OSError:
        return


def _is_open_anchor(one: Operation) -> bool:
    return one.kind in ANCHORS and one.state is OperationState.INTENT
