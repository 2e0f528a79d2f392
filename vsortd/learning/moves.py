"""What the user moves within the library: a filed video in another rule's folder is an example of that rule.

A file that lies where no item of the journal has put it is recognised by its identity: renamed, it is the same inode;
copied and deleted, it has the size and time of one that is no longer where it was. What vsortd moves itself is in the
journal before and after, so it is never taken for the user's. A folder that is no rule's teaches nothing, nor does a
new name in the same folder; nor does a folder that was renamed or moved as a whole, or whose rule has another name now:
nobody said of its videos that they belong elsewhere. The journal and the index follow all the same, so that undo finds
the video.
"""

from __future__ import annotations

import contextlib
import os
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from loguru import logger

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.containers import ENDINGS
from vsortd.core.identity import Identity
from vsortd.core.names import nfc, portable
from vsortd.core.outcomes import ItemState
from vsortd.errors import ChangedError, ModelError, VideoError, VsortdError
from vsortd.filing.follow import MovedSidecar, PutFiles, adopt, follow, has_items, is_busy, is_known, standing_at
from vsortd.filing.open_folder import HIDDEN
from vsortd.filing.own_decisions import FOLDER_IS, MOVED_TO
from vsortd.filing.records import IdentityMatch, Item, OperationKind, OperationState, likeness
from vsortd.filing.rule_folders import RuleFolders
from vsortd.filing.staying import PUT_SIDECAR
from vsortd.judging.example_store import Link, NewExample, Origin
from vsortd.learning.teaching import rows_of
from vsortd.pipeline.job import Job

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator

    from vsortd.pipeline.services import Services

# So often a scan lets others have the processor: files, and seconds of rest.
_REST_EVERY = 100
_REST_S = 0.005
_SHOWN_RULES = 5
# More folders than this are not remembered.
_FOLDERS_MOST = 50_000


class MoveCheck(Enum):
    """What a look at a file of the library came to."""

    NOTHING = auto()  # it is where it belongs, or none of ours
    FOLLOWED = auto()
    COPY = auto()  # what it may have been moved from is still there
    BUSY = auto()  # vsortd is at work on it, or has no model yet to look at it with


class _Origin(NamedTuple):
    """Where a file came from: the item that had put it there, and the identity that it had."""

    item: Item
    path: Path
    identity: Identity


class FolderIdentities:
    """Which folder lay where when it was last looked into, so that a renamed one is known again."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, int]] = {}

    def note(self, folder: Path, *, anew: bool) -> None:
        """Note a folder, one that is known already only `anew`."""
        if anew or folder not in self._known:
            if len(self._known) >= _FOLDERS_MOST:
                self._known.clear()
            if (found := _folder_identity(folder)) is not None:
                self._known[folder] = found

    def renamed(self, before: Path, now: Path) -> bool:
        """Tell whether a folder that lay at `before` is the one at `now`."""
        known = self._known.get(before)
        return known is not None and known == _folder_identity(now) and not os.path.lexists(before)


def _listed(rules: list[str]) -> str:
    more = len(rules) - _SHOWN_RULES
    return ", ".join(rules[:_SHOWN_RULES]) + (f" or {more} more" if more > 0 else "")


def _folder_identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat(follow_symlinks=False)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


class MoveFollower:
    """Looks at files of the library and follows those that the user moved. Its methods raise StoreError, Cancelled."""

    def __init__(self, services: Services, cancel: threading.Event, folders: FolderIdentities | None = None) -> None:
        self._services = services
        self._folders = FolderIdentities() if folders is None else folders
        self._cancel = cancel
        self._library = services.settings.library
        self._suffixes = tuple(f".{ending}" for ending in ENDINGS)  # any that was filed by its name
        self._put = PutFiles(services.journal)
        self._rules = RuleFolders(services.tree, services.settings.place)

    def takes(self, name: str) -> bool:
        """Tell whether a name is that of a video."""
        return name.lower().endswith(self._suffixes) and not name.startswith(".")

    def scan(self, folder: Path) -> Iterator[tuple[Path, MoveCheck]]:
        """Look at every video below a folder that is not where it was put; rests now and then."""
        waiting, looked = [folder], 0
        while waiting and not self._cancel.is_set():
            here = waiting.pop()
            self._folders.note(here, anew=True)
            try:
                with os.scandir(here) as entries:
                    inside = list(entries)
            except OSError as error:  # gone, or not for us: nothing is concluded from it
                logger.debug("the library can't be looked through: {}", error)
                continue
            for entry in inside:
                if entry.name == HIDDEN:
                    continue
                with contextlib.suppress(OSError):
                    path = Path(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif self.takes(entry.name) and (seen := self.try_to_look(path)) is not MoveCheck.NOTHING:
                        yield path, seen
                looked += 1
                if looked % _REST_EVERY == 0 and self._cancel.wait(_REST_S):
                    return

    def try_to_look(self, path: Path) -> MoveCheck:
        """Look at one file as `look` does; one that can't be looked at costs no other."""
        try:
            return self.look(path)
        except OSError as error:
            logger.debug("{}: can't be looked at: {}", path, error)
        except VsortdError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are followed
            logger.opt(exception=error).error("{}: could not be followed: {!r}", path, error)
        return MoveCheck.NOTHING

    def look(self, path: Path) -> MoveCheck:
        """Look at one file, and follow it if the user moved it here. Raises OSError where the system refuses."""
        identity = Identity.of(path)
        if identity is None or is_known(self._services.journal, path, identity):
            if identity is not None:
                self._folders.note(path.parent, anew=False)
            return MoveCheck.NOTHING
        if is_busy(self._services.journal, path, identity):
            return MoveCheck.BUSY  # whose video it is will be known when it is placed
        origin = self._origin(path, identity)
        if origin is None:
            return MoveCheck.NOTHING
        if is_busy(self._services.journal, origin.path):
            return MoveCheck.BUSY
        if os.path.lexists(origin.path):
            return MoveCheck.COPY
        return self._follow(path, identity, origin)

    def _origin(self, path: Path, identity: Identity) -> _Origin | None:
        """Return which item's video this is: that which put this very file, else one that put such a file."""
        alike = self._services.index.alike(identity)
        own = [known for known in alike if likeness(known[0], identity) is IdentityMatch.SAME]
        others = sorted((known for known in alike if known not in own), key=lambda known: known[1].name != path.name)
        return (
            self._known_to_index(own, path, identity)
            or self._known_to_journal(path, identity)
            or self._known_to_index(others, path, identity)
        )

    def _known_to_index(self, known: Iterable[tuple[Identity, Path]], path: Path, identity: Identity) -> _Origin | None:
        for before, there in known:
            if there != path and (found := standing_at(self._services.journal, there)) is not None:
                item, destination_identity = found
                if likeness(destination_identity, identity) in {IdentityMatch.SAME, IdentityMatch.ALIKE}:
                    return _Origin(item, there, before)
        return None

    def _known_to_journal(self, path: Path, identity: Identity) -> _Origin | None:
        """Return the item that put this very file: the index hears a moment later of a video that was filed."""
        for place in self._put.places(identity):
            found = None if place == path else standing_at(self._services.journal, place)
            if found is not None and likeness(found[1], identity) is IdentityMatch.SAME:
                return _Origin(found[0], place, identity)
        return None

    def _follow(self, path: Path, identity: Identity, origin: _Origin) -> MoveCheck:
        services, item = self._services, origin.item
        inside = tuple(map(nfc, path.parent.relative_to(self._library).parts))
        moved = nfc(str(path.parent)) != nfc(str(origin.path.parent))
        possible = [match.rule for match in self._rules.matches(inside)] if moved else []
        rule = possible[0] if len(possible) == 1 else None
        whole = moved and self._is_no_correction(path.parent, origin)
        number = None
        if rule is not None and not whole and services.settings.learn.from_moves and not self._was_of(rule, origin):
            try:
                number = self._learn(path, identity, origin, rule)
            except ChangedError:
                return MoveCheck.BUSY
            except VideoError as error:
                logger.warning("{}: nothing could be learned from it: {}", path, error.reason)
            else:
                if number is None:
                    return MoveCheck.BUSY
        where = "/".join(inside) or "the library's top folder"
        moving = f"{FOLDER_IS} {where} now" if whole else f"{MOVED_TO} {where}"
        if len(possible) > 1 and not whole and services.settings.learn.from_moves:
            moving += f"; nothing was learned, for that folder may be of {_listed(possible)}"
        note = moving if moved else f"you renamed it to {path.name}"
        review = nfc(services.settings.place.review)
        decided = moved and not whole and inside not in {(review,), (portable(review),)}
        sidecars = self._sidecars(path, origin)
        succeeds = whole and self._succeeds(rule, path.parent, origin)
        if not follow(services.journal, item, path, identity, rule, note, decided=decided, sidecars=sidecars):
            return MoveCheck.BUSY  # an undo or another filing was quicker
        self._put.note(identity, path)
        services.index.moved(origin.identity, identity, path)
        if succeeds and rule is not None:
            self._rename(item.rule, rule)
        learned = f"; learned as an example of {rule} (correction {number})" if number is not None else ""
        logger.info("#{} {}: {}{}", item.id, origin.path.name, note, learned)
        return MoveCheck.FOLLOWED

    def adopt(self) -> None:
        """Give filed videos whose rule is no more the rule in whose folder they lie: it has another name now."""
        rules = self._rules
        for before, now in adopt(self._services.journal, self._library, rules.keys, rules.rule_of).items():
            if len(now) == 1:
                self._rename(before, *now)

    def _rename(self, before: str, now: str) -> None:
        """Let what was taught of a rule that is no more go on counting for the one that took its place.

        Where a rule further up has another name instead, what was taught of that one goes along: examples of none.
        """
        while before and before != now and before not in self._rules.keys:
            taught = self._services.examples.rename_rule(before, now)
            logger.info("the rule {} is called {} now; {} corrections went along", before, now, taught)
            (before, _, name), (now, _, name_now) = before.rpartition("/"), now.rpartition("/")
            if not now or nfc(name) != nfc(name_now):
                return

    def _is_no_correction(self, now: Path, origin: _Origin) -> bool:
        """Tell whether the whole folder was renamed, or emptied into that of a rule that took its rule's place."""
        before = origin.path.parent
        if self._folders.renamed(before, now):
            return True
        rule, filed = origin.item.rule, origin.item.outcome is ItemState.FILED
        return filed and bool(rule) and rule not in self._rules.keys and not self._holds_videos(before)

    def _was_of(self, rule: str, origin: _Origin) -> bool:
        """Tell whether a video lay in another folder of the same rule: of another month, say."""
        before = origin.path.parent
        return before.is_relative_to(self._library) and rule == self._rules.rule_of(
            before.relative_to(self._library).parts
        )

    def _succeeds(self, rule: str | None, now: Path, origin: _Origin) -> bool:
        """Tell whether a rule took the place of a video's own, rather than being one that videos belonged to before."""
        if rule is None:
            return False
        return self._folders.renamed(origin.path.parent, now) or not has_items(self._services.journal, rule)

    def _holds_videos(self, folder: Path) -> bool:
        try:
            with os.scandir(folder) as entries:
                return any(self.takes(entry.name) for entry in entries)
        except OSError:  # gone
            return False

    def _sidecars(self, path: Path, origin: _Origin) -> list[MovedSidecar]:
        """Return the sidecars that were moved along with a video."""
        found = []
        for one in self._services.journal.operations(origin.item.id):
            if one.kind not in PUT_SIDECAR | {OperationKind.PUBLISH_SIDECAR} or one.state is not OperationState.DONE:
                continue
            was, stem = one.target, origin.path.stem
            name = path.stem + was.name.removeprefix(stem) if was.name.startswith(stem) else was.name
            there = path.parent / name
            identity = Identity.of(there)
            like = likeness(one.destination_identity or one.identity, identity)
            if identity is not None and there != was and like in {IdentityMatch.SAME, IdentityMatch.ALIKE}:
                found.append(MovedSidecar(one.id, there, identity))
        return found

    def _learn(self, path: Path, identity: Identity, origin: _Origin, rule: str) -> int | None:
        """Keep the video as an example before the journal follows it: killed in between, the next scan does it again.

        Returns its number, None if there is no model to look at it with just now. Raises VideoError.
        """
        services = self._services
        key = services.corrections.present_model()
        kept = services.index.kept(origin.identity, key) if key else None
        if kept is not None:
            vectors = kept.vectors
        elif services.model.classifier is None:
            return None
        else:
            try:
                _, key, vectors = rows_of(services, Job(path, identity, new_batch_id(), self._cancel))
            except ModelError as error:  # a reload may have let it go; if it is broken, the next video says so loudly
                logger.debug("{}: not looked at yet: {}", path, error)
                return None
        link = Link(origin.item.id, origin.item.transaction_id)
        new = NewExample(rule, path, identity, Origin.MOVE, key, vectors)
        return services.examples.add(new, link=link, former=link)
