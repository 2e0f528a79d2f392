"""`vsortd cluster`: videos that look alike, in groups; and what may become of them: pictures, folders, rules."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.cli.cluster_wishes import ClusterWishes, check_wishes, rename_pair
from vsortd.cli.common import (
    CsvFlag,
    JsonFlag,
    confirm,
    console,
    load,
    models,
    print_json,
    progress_bar,
    shows_progress,
    state_folder,
    write_csv_of,
)
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.numbers import LARGEST_SEED, finite
from vsortd.cli.out_files import OutKind, kinds_of, only_one
from vsortd.core.output import is_quiet, note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted, printable_json, storable
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.judging.resident_model import Classifier
    from vsortd.library.clusters.apply import Applied
    from vsortd.library.clusters.cluster_folders import Pile
    from vsortd.library.clusters.collect import Collected
    from vsortd.library.clusters.grouping import Grouping
    from vsortd.pipeline.services import Services


def cluster(
    ctx: click.Context,
    path: Annotated[
        Path | None, Argument(metavar="[PATH]", help="A folder; else the library and the folders given to `index`.")
    ] = None,
    min_size: Annotated[
        int | None,
        Option("--min-size", metavar="N", help="Videos in the smallest group; by default it depends on their number."),
    ] = None,
    neighbors: Annotated[
        int | None,
        Option(
            "--neighbors",
            metavar="N",
            help="Nearest videos that the map keeps together; by default it depends on their number.",
        ),
    ] = None,
    seed: Annotated[int, Option("--seed", min=0, max=LARGEST_SEED, help="Seed of random choices.")] = 0,
    fps: Annotated[
        float,
        Option("--fps", callback=finite, metavar="N", help="Frames a second of what the index doesn't know yet."),
    ] = 1.0,
    out: Annotated[
        list[Path] | None,
        Option(
            "--out",
            "-o",
            metavar="PATH",
            help="A folder: draw the map and a sheet of each group there; RULES.yaml: write the groups as rules, "
            "checked; may be repeated.",
        ),
    ] = None,
    preview: Annotated[bool, Option("--preview", help="Show the folders that --apply would make.")] = False,
    apply: Annotated[bool, Option("--apply", help="File the groups into folders of the library.")] = False,
    copy: Annotated[
        bool, Option("--copy", help="As --apply, but copy the videos; they stay where they are, too.")
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="With --apply or --copy: only say where each would go.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="With --apply or --copy: don't ask.")] = False,
    only: Annotated[
        list[str] | None, Option("--only", metavar="LIST", help="Only these groups, by number or name: 1,3")
    ] = None,
    rename: Annotated[
        list[str] | None,
        Option("--rename", metavar="N=NAME", help="Another name, or folder/folder, for a group."),
    ] = None,
    into: Annotated[
        Path | None, Option("--into", metavar="FOLDER", help="Make the folders in this one of the library.")
    ] = None,
    teach: Annotated[
        bool, Option("--learn", help="With --out RULES.yaml: keep examples of each rule as corrections.")
    ] = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Find groups of videos that look alike, and name them.

    Without --apply or --copy no file is touched. Videos below PATH that are not in the index are looked at first.
    """
    from vsortd.library.clusters.cluster_folders import parts_below

    # matrices of few videos are small; threads of BLAS, which spin, take more time for them, not less
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    settings = load(ctx)
    written = kinds_of(out, (OutKind("folder"), OutKind("rules", (".yaml", ".yml"))))
    wishes = ClusterWishes(
        path=None if path is None else as_on_disk(Path(os.path.abspath(path))),  # noqa: PTH100 - no links followed
        min_size=min_size,
        neighbors=neighbors,
        seed=seed,
        fps=fps,
        out=only_one(written["folder"]),
        preview=preview,
        apply=apply,
        copy=copy,
        dry_run=dry_run,
        yes=yes,
        only=tuple(only or ()),
        rename=tuple(rename_pair(one) for one in rename or ()),
        into=parts_below(settings.library, into),
        to_rules=only_one(written["rules"]),
        teach=teach,
        as_csv=as_csv,
        as_json=as_json,
    )
    check_wishes(wishes)
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.pipeline.services import Services

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    fills = wishes.fills and not dry_run
    with Services.open(
        settings, state_folder(), keep_trying=False, recover_first=fills, models=models(late=True)
    ) as services:
        return _Command(services, wishes).run()


@dataclass
class _Command:
    """One run of the command: finds the groups, does what is asked for, and tells of it."""

    services: Services
    wishes: ClusterWishes
    document: dict[str, Any] = field(default_factory=dict)
    partly: bool = False

    def run(self) -> int:
        """Do all of it and return the exit code."""
        import threading

        from vsortd.library.clusters.cluster_folders import FolderSelection, arrange
        from vsortd.library.clusters.cluster_report import cluster_report

        wishes, services = self.wishes, self.services
        classifier = services.model.get(threading.Event())
        grouping, collected = self._find(classifier)
        self.document = cluster_report(grouping)
        self.document["failed"] = [
            {"path": storable(one.path), "reason": storable(one.reason)} for one in collected.failed
        ]
        self.partly = bool(collected.failed)
        self._tell(grouping, collected)
        if wishes.out is not None:
            self._draw(grouping, wishes.out)
        if wishes.arranges:
            piles = arrange(
                grouping.groups, FolderSelection(wishes.only, wishes.rename, wishes.into), services.settings
            )
            self._arrange(classifier, piles, grouping)
        if wishes.as_json:
            print_json(self.document)
        elif wishes.as_csv:
            write_csv_of(
                ("number", "name", "rule", "score", "words", "size", "tightness", "folders"), self.document["groups"]
            )
        elif not wishes.arranges and grouping.groups:
            self._say_next(grouping)
        return int(ExitCode.PARTIAL if self.partly else ExitCode.OK)

    def _find(self, classifier: Classifier) -> tuple[Grouping, Collected]:
        """Return the named groups, and what came of looking at new videos."""
        from contextlib import nullcontext

        from vsortd.library.clusters.collect import collect
        from vsortd.library.clusters.grouping import group_films
        from vsortd.library.clusters.kept_layouts import KeptLayouts
        from vsortd.library.clusters.naming import name_groups

        wishes = self.wishes
        with progress_bar("looking") as on_progress:
            collected = collect(self.services, classifier.key, wishes.path, fps=wishes.fps, on_progress=on_progress)
        live = shows_progress() and not wishes.for_programs
        with console(stderr=True).status("grouping …") if live else nullcontext() as status:
            grouping = group_films(
                collected.films(),
                model=classifier.key,
                min_size=wishes.min_size,
                neighbors=wishes.neighbors,
                seed=wishes.seed,
                layouts=KeptLayouts(self.services.state_folder),
                on_progress=None if status is None else lambda step: status.update(f"{step} …"),
            )
            grouping = name_groups(grouping, classifier.encoder, self.services.tree)
        if not grouping.films and not collected.failed:
            where = f"below {wishes.path}" if wishes.path else "of the library that was looked at yet"
            remedy = "Name a folder with videos (vsortd cluster FOLDER), or: vsortd index"
            raise UsageError(f"There is no video {where}.", remedy=remedy)
        return grouping, collected

    def _draw(self, grouping: Grouping, out: Path) -> None:
        """Draw the map and the sheets, and write the report."""
        import json

        from vsortd.library.clusters.cluster_plots import draw_group_sheets, draw_map

        draw_map(grouping, out / "map.png")
        sheets = draw_group_sheets(grouping, self.services.media, self.services.media.probe, out)
        _save(out / "report.json", printable_json(json.dumps(self.document, ensure_ascii=False, indent=2)) + "\n")
        self.document["out"] = [storable(one) for one in (out / "map.png", *sheets, out / "report.json")]
        if not self.wishes.for_programs:
            note(console(), f"Drawn into {out}: map.png and {counted(len(sheets), 'sheet')}.", style="dim")

    def _arrange(self, classifier: Classifier, piles: Sequence[Pile], grouping: Grouping) -> None:
        wishes = self.wishes
        if not piles:
            if not wishes.as_json:
                note(console(), "There is nothing to file, and nothing to make rules of.")
            return
        if wishes.to_rules is not None:
            self._write_rules(classifier, piles, grouping, wishes.to_rules)
        if wishes.preview or wishes.fills:
            self._file(piles)

    def _write_rules(self, classifier: Classifier, piles: Sequence[Pile], grouping: Grouping, path: Path) -> None:
        from datetime import datetime

        from vsortd.library.clusters.to_rules import draft_rules, keep_examples

        draft = draft_rules(self.services, classifier, piles, grouping.noise)
        when = f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
        _save(path, draft.text(when=when))
        kept = None
        if self.wishes.teach:  # after the file is sure to be there
            kept = keep_examples(self.services, draft)
            _save(path, draft.text(when=when, taught=kept.sentence()))
        self.document["rules"] = {**draft.to_json(), "path": storable(path), "taught": kept and list(kept.numbers)}
        if not self.wishes.as_json:
            from vsortd.library.clusters.cluster_tables import print_rules

            print_rules(console(), draft, kept, path)

    def _file(self, piles: Sequence[Pile]) -> None:
        from vsortd.core.batch_ids import new_batch_id
        from vsortd.library.clusters.apply import file_piles, foresee
        from vsortd.library.clusters.cluster_tables import print_applied, print_prospects

        wishes, out = self.wishes, console()
        prospects = foresee(self.services, piles)
        self.document["preview"] = [one.to_json() for one in prospects]
        going = sum(len(one.going) for one in prospects)
        asks = not (wishes.yes or wishes.dry_run)
        if not wishes.as_json and (wishes.preview or wishes.dry_run or asks or not is_quiet()):
            print_prospects(out, prospects, self.services.settings.library)
        if not wishes.fills:
            if not wishes.as_json:
                note(out, "Nothing was touched: this is a preview. --apply in its place files them.", style="dim")
            return
        if not (wishes.yes or wishes.dry_run or self._confirmed(going, len(prospects))):
            note(out, f"Nothing was {'copied' if wishes.copy else 'filed'}.")
            return
        batch = new_batch_id()
        try:
            with progress_bar("copying" if wishes.copy else "filing") as on_progress:
                applied = file_piles(
                    self.services,
                    piles,
                    batch=batch,
                    dry_run=wishes.dry_run,
                    copies=wishes.copy,
                    on_progress=on_progress,
                )
        except BaseException:
            if wishes.copy and not wishes.dry_run:
                console(stderr=True).print("Copies that were made until now are whole, and stay.")
            elif not wishes.dry_run:
                console(stderr=True).print(f"What was filed until now is undone with: vsortd undo --batch {batch}")
            raise
        self._conclude(applied)
        if not wishes.as_json:
            print_applied(out, applied, self.services.settings.library)

    def _conclude(self, applied: Applied) -> None:
        from vsortd.library.clusters.apply import Fate

        self.document["applied"] = applied.to_json()
        self.partly = self.partly or bool(applied.of(Fate.REFUSED))

    def _confirmed(self, going: int, folders: int) -> bool:
        """Ask at the terminal whether to file."""
        if not going:
            return False
        which = f"{counted(folders, 'folder')} of {self.services.settings.library}"
        verb = "Copy" if self.wishes.copy else "File"
        return confirm(f"{verb} {counted(going, 'video')} into {which}?")

    def _tell(self, grouping: Grouping, collected: Collected) -> None:
        if not self.wishes.for_programs:
            from vsortd.library.clusters.cluster_tables import print_groups

            print_groups(console(), grouping, collected)

    def _say_next(self, grouping: Grouping) -> None:
        """Print what may be typed next to do something with the very same groups."""
        from vsortd.library.clusters.cluster_tables import print_next

        wishes = self.wishes
        argv = ["vsortd", "cluster", *([str(wishes.path)] if wishes.path else [])]
        for option, value in (("--min-size", wishes.min_size), ("--neighbors", wishes.neighbors)):
            argv += [option, str(value)] if value is not None else []
        argv += ["--seed", str(grouping.seed)] if grouping.seed else []
        print_next(console(), shlex.join(argv), drawn=wishes.out is not None)


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror}.", paths=[path]) from error
