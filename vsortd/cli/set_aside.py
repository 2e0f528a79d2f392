"""`vsortd set-aside`: videos go out of the library or an inbox, and stay below it until they are brought back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.cli.common import (
    SCHEMA_VERSION,
    JsonFlag,
    asking_the_daemon,
    at_terminal,
    confirm,
    console,
    load,
    print_json,
    progress_bar,
    state_folder,
)
from vsortd.cli.completing import video_names
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.video_argument import video_meant
from vsortd.core.batch_ids import new_batch_id
from vsortd.core.output import is_quiet, note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted, storable
from vsortd.errors import ExitCode, FilingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.documents import ItemDocument
    from vsortd.library.duplicates.lesser_copies import LesserCopy
    from vsortd.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class _AsideVideo:
    """A video that goes, or would; `copy` says of which one it is the lesser copy, `item` what came of it."""

    path: Path
    copy: LesserCopy | None = None
    item: ItemDocument | None = None

    @property
    def keep(self) -> Path | None:
        """The one that is kept in its stead."""
        return None if self.copy is None else self.copy.keep.path

    def to_json(self) -> dict[str, Any]:
        """Return it as `set-aside --json` prints it."""
        return {
            "id": None if self.item is None else self.item["id"],
            "path": storable(self.path),
            "destination": None if self.item is None else self.item["destination"],
            "keep": None if self.keep is None else storable(self.keep),
            "kind": None if self.copy is None else self.copy.kind.value,
        }


def set_aside(
    ctx: click.Context,
    videos: Annotated[
        list[str] | None,
        Argument(
            metavar="[VIDEO|ID…]",
            help="Videos by path, name or id; with --duplicates folders to look in.",
            autocompletion=video_names,
            show_default=False,
        ),
    ] = None,
    duplicates: Annotated[
        bool, Option("--duplicates", help="The lesser copy of each pair that `vsortd duplicates` is sure of.")
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show what would be set aside.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="With --duplicates: don't ask.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Put videos aside; undo brings them back.

    They are moved to .vsortd/aside below the library, with their sidecars. Nothing is ever deleted. --duplicates
    sets aside videos that have the same bytes as another one, or show the same from beginning to end. The one that
    is kept has the most pixels, then the most data per second, then is the longest, then the oldest; it must be in
    the library. A part of another video is not touched, nor is one that is only similar.
    """
    _see_meant(videos or [], duplicates=duplicates, yes=yes)
    if duplicates and not (dry_run or yes) and (as_json or not at_terminal()):
        raise UsageError("--duplicates asks before it begins.", remedy="--dry-run only shows them, --yes doesn't ask.")
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.pipeline.services import Services

    settings = load(ctx)
    meant = [] if duplicates else [_meant(word) for word in videos or []]
    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    with Services.open(settings, state_folder(), keep_trying=False, load_model=False) as services:
        work = _Work(services, dry_run=dry_run, as_json=as_json)
        if duplicates:
            work.duplicates([Path(word) for word in videos or []], yes=yes)
        else:
            work.videos(meant)
    return work.conclude()


def _see_meant(words: Sequence[str], *, duplicates: bool, yes: bool) -> None:
    """See that the words say one thing. Raises UsageError."""
    if not words and not duplicates:
        raise UsageError("Say what to set aside.", remedy="VIDEO…, or --duplicates [FOLDER…].")
    if yes and not duplicates:
        raise UsageError("--yes goes with --duplicates.", remedy="Videos that are named are set aside without asking.")


def _meant(word: str) -> Path:
    return as_on_disk(Path(os.path.abspath(video_meant(word, changes=True))))  # noqa: PTH100 - no links followed


class _Work:
    """What one call of the command does."""

    def __init__(self, services: Services, *, dry_run: bool, as_json: bool) -> None:
        self._services = services
        self._dry_run, self._as_json = dry_run, as_json
        self._batch = new_batch_id()
        self._gone: list[_AsideVideo] = []
        self._refused: list[tuple[Path, str]] = []
        self._stay: list[LesserCopy] = []
        self._asks = False

    def videos(self, paths: Sequence[Path]) -> None:
        """Set these aside; what is wrong with one of several costs no other."""
        videos = [_AsideVideo(path) for path in dict.fromkeys(paths)]
        if len(videos) == 1:
            self._gone.append(self._carried_out(videos[0]))
        else:
            self._carry_out(videos)

    def duplicates(self, folders: Sequence[Path], *, yes: bool) -> None:
        """Set the lesser copies aside, once they were shown and agreed to."""
        from vsortd.library.duplicates.aside_checks import checked_copies
        from vsortd.library.duplicates.find import find_duplicates

        found = find_duplicates(self._services, folders, bar=progress_bar)
        copies = checked_copies(self._services, found.groups)
        self._stay = [one for one in copies if one.why_not]
        self._refused += found.failed
        going = [_AsideVideo(one.member.path, one) for one in copies if not one.why_not]
        if self._dry_run:
            self._gone = going
            return
        if not self._as_json and not (yes and is_quiet()):
            _print_going(going, self._stay)
        if going and (yes or confirm(f"Set {counted(len(going), 'video')} aside?")):
            self._carry_out(going)

    def _carry_out(self, videos: Sequence[_AsideVideo]) -> None:
        try:
            with progress_bar("setting aside") as on_progress:
                for done, video in enumerate(videos):
                    if on_progress is not None:
                        on_progress(done, len(videos))
                    try:
                        self._gone.append(self._carried_out(video))
                    except (UsageError, FilingError) as error:
                        self._refused.append((video.path, str(error)))
        except BaseException:
            if self._gone and not self._dry_run:
                back = f"vsortd undo --batch {self._batch}"
                console(stderr=True).print(f"What was set aside until now comes back with: {back}")
            raise

    def _carried_out(self, video: _AsideVideo) -> _AsideVideo:
        """Set one aside, by the daemon where one runs. Raises UsageError, FilingError, StoreError."""
        from vsortd.pipeline.set_aside import AsideRequest, foresee_aside
        from vsortd.pipeline.set_aside import set_aside as set_one_aside

        asked = AsideRequest(video.path, video.keep, self._batch)
        if self._dry_run:
            foresee_aside(self._services, asked)
            return video
        self._see_unchanged(video)
        with asking_the_daemon() as client:
            item = client.set_aside(video.path, keep=video.keep, batch=self._batch)
            return _AsideVideo(video.path, video.copy, item)
        return _AsideVideo(video.path, video.copy, set_one_aside(self._services, asked).to_json())

    def _see_unchanged(self, video: _AsideVideo) -> None:
        """See that what was compared is still so: somebody may have thought about it for long. Raises FilingError."""
        from vsortd.library.duplicates.aside_checks import why_it_stays

        if video.copy is not None and (why := why_it_stays(self._services, video.copy)):
            raise FilingError(f"{why}.", remedy="It stays where it is.", paths=[video.path])

    def conclude(self) -> int:
        """Say what was done; return the exit code."""
        if self._as_json:
            print_json(
                {
                    "schema_version": SCHEMA_VERSION,
                    "dry_run": self._dry_run,
                    "batch": self._batch if self._gone and not self._dry_run else None,
                    "aside": [one.to_json() for one in self._gone],
                    "refused": [{"path": storable(path), "reason": storable(why)} for path, why in self._refused],
                    "stay": [
                        {"path": storable(one.member.path), "keep": storable(one.keep.path), "reason": one.why_not}
                        for one in self._stay
                    ],
                }
            )
        else:
            self._print()
        return int(ExitCode.PARTIAL if self._refused else ExitCode.OK)

    def _print(self) -> None:
        out = console()
        if self._dry_run and self._stay:
            _print_going(self._gone, self._stay)
        else:
            for one in self._gone:
                self._print_one(one)
        for path, why in self._refused:
            out.print(f"{path} stays: {why}", style="red")
        if self._dry_run:
            note(out, f"{counted(len(self._gone), 'video')} would be set aside. Nothing was touched.", style="dim")
        elif self._gone:
            note(out, f"Bring back what was set aside with: vsortd undo --batch {self._batch}", style="dim")
        elif not self._refused:
            note(out, "Nothing was set aside.")

    def _print_one(self, video: _AsideVideo) -> None:
        if self._dry_run:
            kept = "" if video.keep is None else f"; {video.keep} is kept"
            console().print(f"{video.path} would be set aside{kept}")
        elif video.item is not None:
            note(console(), f"#{video.item['id']} {video.path} is aside now, as {video.item['destination']}")


def _print_going(going: Sequence[_AsideVideo], stay: Sequence[LesserCopy]) -> None:
    """Print which videos go, for which that is kept, and which stay for what reason."""
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.library.duplicates.pair_sheet import facts_of

    rows: list[tuple[Text, Text, Text]] = []
    for video in going:
        assert video.copy is not None
        keep = video.copy.keep
        told = f"{video.copy.kind.value} as {keep.path}, which is kept ({facts_of(keep)})"
        why = Text(f"{facts_of(video.copy.member)}; {told}", style="dim")
        rows.append((Text("aside", style="blue"), Text(str(video.path)), why))
    for copy in stay:
        why = Text(f"{copy.why_not}: {copy.keep.path}", style="dim")
        rows.append((Text("stays", style="yellow"), Text(str(copy.member.path)), why))
    columns = (Column("", first=True), Column("", ColumnKind.NAME), Column("", ColumnKind.PROSE))
    print_table(console(), columns, rows)
