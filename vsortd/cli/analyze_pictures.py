"""What `vsortd analyze` draws and cuts of one video: its options, what is refused beforehand, and the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from vsortd.analysis.part_names import AnalysisPart
from vsortd.cli.analyze_outputs import insist_on_folder, make_folder
from vsortd.cli.common import console, progress_bar, waiting
from vsortd.cli.edit_files import insist_on_another
from vsortd.cli.front.declared import Option
from vsortd.core.output import note
from vsortd.core.text import counted
from vsortd.errors import UsageError, VideoError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.analysis.over_time import AnalysisOverTime
    from vsortd.analysis.shots import ShotReport
    from vsortd.analysis.video_analysis import VideoAnalysis
    from vsortd.config.running_options import Workers
    from vsortd.config.settings import Settings
    from vsortd.media.overlay_plan import OverlayPlan, OverlayStyle
    from vsortd.media.pool import MediaPool
    from vsortd.media.thumbnails import Pixels

PlayFlag = Annotated[bool, Option("--play", help="Show what --out OUT.mp4 would write, in mpv or ffplay.")]
BoxColorOption = Annotated[str, Option("--box-color", metavar="COLOUR", help="Colour of boxes: a name, or #rrggbb.")]
TextColorOption = Annotated[str, Option("--text-color", metavar="COLOUR", help="Colour of letters and the bar.")]
BorderColorOption = Annotated[str, Option("--border-color", metavar="COLOUR", help="Colour around letters.")]
FontSizeOption = Annotated[
    int, Option("--font-size", metavar="PX", min=6, max=400, help="Height of letters in the video.")
]

_STRIP_PX: Final = 260
_WRITTEN: Final = ("plot", "sheet", "thumbs", "split", "overlay")
_DRAWN: Final = (AnalysisPart.FACTS, AnalysisPart.SHOTS)


@dataclass(frozen=True, slots=True)
class WishedPictures:
    """What is to be made of one video; None: not."""

    plot: Path | None = None
    sheet: Path | None = None
    thumbs: Path | None = None
    split: Path | None = None
    overlay: Path | None = None
    play: bool = False
    style: OverlayStyle | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """What was asked for, as it is typed."""
        written = (f"--out {getattr(self, name)}" for name in _WRITTEN if getattr(self, name))
        return (*written, *(("--play",) if self.play else ()))

    @property
    def parts(self) -> tuple[AnalysisPart, ...]:
        """The parts that have to be measured for them."""
        if not self.options:
            return ()
        found: tuple[AnalysisPart, ...] = _DRAWN
        if self.plot is not None or self.overlay is not None or self.play:
            found += (AnalysisPart.SOUND, AnalysisPart.LABELS)
        elif self.sheet is not None:
            found += (AnalysisPart.LABELS,)
        return (*found, AnalysisPart.SUMMARY) if self.plot is not None else found

    def insist(self, files: Sequence[Path]) -> None:
        """Refuse what can't be made, before the work begins. Raises UsageError."""
        if not self.options:
            return
        if len(files) != 1:
            told = f"{' and '.join(self.options)} {'takes' if len(self.options) == 1 else 'take'}"
            raise UsageError(f"{told} one video; there are {len(files)}.", remedy="Name one of them.")
        self._insist_on_drawings(files[0])
        for folder in (self.thumbs, self.split):
            if folder is not None:
                insist_on_folder(folder)
        if self.overlay is not None:
            from vsortd.media.new_file import refuse_taken

            refuse_taken(self.overlay)
        if self.play:
            from vsortd.media.overlay import find_player

            find_player()

    def _insist_on_drawings(self, video: Path) -> None:
        if self.plot is not None:
            from vsortd.core.drawing.time_plots import insist_on_matplotlib

            insist_on_matplotlib()
        for output in (self.plot, self.sheet):
            if output is not None:
                insist_on_another(output, video)

    def make(self, found: VideoAnalysis, settings: Settings | None) -> bool:
        """Make them of what was measured; returns whether all of it could be. Raises VsortdError."""
        if not self.options:
            return True
        from vsortd.analysis.over_time import over_time
        from vsortd.config.running_options import Workers
        from vsortd.media.pool import MediaPool

        workers = settings.workers if settings is not None else Workers()
        shown = over_time(found)
        try:
            with MediaPool.of(workers, count=1) as media:
                whole = self._drawn(_Maker(found, shown, media))
            if self.overlay is not None:
                self._overlaid(found, shown, workers, self.overlay)
            if self.play:
                self._played(found, shown, workers)
        except VideoError as error:
            raise VsortdError(f"{found.path} can't be drawn or cut: {error.reason}.", paths=[found.path]) from error
        return whole

    def _drawn(self, maker: _Maker) -> bool:
        """Make pictures and files of shots; returns whether all of them could be made."""
        if self.plot is not None:
            maker.plot(self.plot)
        if self.sheet is not None:
            maker.sheet(self.sheet)
        if self.thumbs is not None:
            maker.thumbs(self.thumbs)
        return self.split is None or maker.split(self.split)

    def _overlaid(self, found: VideoAnalysis, shown: AnalysisOverTime, workers: Workers, target: Path) -> None:
        from vsortd.media.overlay import write_overlay

        plan = self._plan(found, shown)
        with waiting(f"drawing on {found.path.name}"):
            made = write_overlay(found.path, target.absolute(), plan, workers, duration_s=shown.duration_s)
        if made.left_out:
            left = ", ".join(made.left_out)
            console(stderr=True).print(f"MP4 can't hold this sound; it was left out: {left}.", style="yellow")
        _say_written(target)

    def _played(self, found: VideoAnalysis, shown: AnalysisOverTime, workers: Workers) -> None:
        from vsortd.media.overlay import find_player, play_overlay

        play_overlay(found.path, self._plan(found, shown), workers, find_player())

    def _plan(self, found: VideoAnalysis, shown: AnalysisOverTime) -> OverlayPlan:
        """Return what to draw. Raises VsortdError for a video without pictures."""
        from vsortd.analysis.overlay_marks import overlay_plan
        from vsortd.media.overlay_plan import OverlayStyle

        if shown.shots is None:
            raise _nothing(found, "shots")
        return overlay_plan(shown, self.style or OverlayStyle())


def overlay_style(box: str, text: str, border: str, font_px: int) -> OverlayStyle:
    """Return the looks of an overlay. Raises UsageError for a colour that is none, naming its option."""
    from PIL import ImageColor

    from vsortd.media.overlay_plan import OverlayStyle

    found: dict[str, tuple[int, int, int]] = {}
    for name, typed in (("box", box), ("text", text), ("border", border)):
        try:
            red, green, blue, *_ = ImageColor.getrgb(typed)
        except ValueError as error:
            remedy = "Write a name such as red, or #ff8800."
            raise UsageError(f"--{name}-color {typed!r} is no colour.", remedy=remedy) from error
        found[name] = (red, green, blue)
    return OverlayStyle(**found, font_px=font_px)


def _nothing(found: VideoAnalysis, what: str) -> VsortdError:
    document = found.documents.get(AnalysisPart.SHOTS)
    why = found.reason or (document or {}).get("error") or "it has no pictures"
    return VsortdError(f"There is nothing to show of {found.path} ({what}): {why}.", paths=[found.path])


@dataclass(frozen=True, slots=True)
class _Maker:
    """Draws and cuts one video."""

    found: VideoAnalysis
    shown: AnalysisOverTime
    media: MediaPool

    def plot(self, path: Path) -> None:
        """Draw panels over time, below a strip of the film."""
        from vsortd.analysis.analysis_plot import draw_analysis, strip_count
        from vsortd.core.system.file_rights import make_for

        if self.shown.is_empty:
            raise _nothing(self.found, "over time")
        shots, moments = self.shown.shots, []
        if shots is not None and shots.duration_s > 0:
            count = strip_count(self._shape())
            moments = [(place + 0.5) / count * shots.duration_s for place in range(count)]
        with waiting(f"drawing {self.found.path.name}"):
            pictures = list(self._pictures(moments, _STRIP_PX))
            make_for(path, [self.found.path])
            draw_analysis(self.shown, pictures, path)
        _say_written(path)

    def sheet(self, path: Path) -> None:
        """Draw the shots' key frames."""
        from vsortd.analysis.shot_sheet import MOST_SHOTS, PICTURE_PX, shot_sheet
        from vsortd.core.system.file_rights import make_for

        shots = self._shots()
        with waiting(f"drawing {self.found.path.name}"):
            moments = [shot.key_frame_s for shot in shots.shots[:MOST_SHOTS]]
            image = shot_sheet(self.shown, shots, list(self._pictures(moments, PICTURE_PX)))
            make_for(path, [self.found.path])
            try:
                image.save(path, "PNG" if path.suffix.lower() == ".png" else "JPEG", optimize=True)
            except OSError as error:
                raise UsageError(f"Can't write {path}: {error.strerror}.", paths=[path]) from error
        _say_written(path)

    def thumbs(self, folder: Path) -> None:
        """Write the shots' key frames."""
        from vsortd.analysis.shot_files import write_thumbs

        shots = self._shots()
        make_folder(folder)
        with progress_bar("writing pictures") as on_progress:
            for one in write_thumbs(self.media, self.found.path, shots, folder, longest_px=max(self._size())):
                if on_progress is not None:
                    on_progress(one.shot, len(shots.shots))
        note(console(stderr=True), f"{counted(len(shots.shots), 'picture')} written to {folder}.", style="dim")

    def split(self, folder: Path) -> bool:
        """Cut the shots out; returns whether all of them could be."""
        from vsortd.analysis.shot_files import split_shots

        shots = self._shots()
        make_folder(folder)
        with progress_bar("cutting") as on_progress:
            made = split_shots(self.media, self.found.path, shots, folder, on_progress=on_progress)
        out, failed = console(stderr=True), [one for one in made if one.error]
        for one in failed:
            out.print(f"shot {one.shot} can't be cut: {one.error}", style="yellow")
        note(out, f"{counted(len(made) - len(failed), 'video')} written to {folder}.", style="dim")
        return not failed

    def _shots(self) -> ShotReport:
        if self.shown.shots is None:
            raise _nothing(self.found, "shots")
        return self.shown.shots

    def _size(self) -> tuple[int, int]:
        """Return the size of the film as it is shown, px."""
        technical = self.found.technical
        film = technical.facts.film_stream if technical is not None else None
        if film is None or not film.shown_width_px or not film.shown_height_px:
            return 1280, 720
        return film.shown_width_px, film.shown_height_px

    def _shape(self) -> float:
        width, height = self._size()
        return width / height

    def _pictures(self, moments_s: Sequence[float], side_px: int) -> Iterator[Pixels]:
        from vsortd.media.thumbnails import stills_at

        return stills_at(self.media, self.found.path, moments_s, side_px=side_px, duration_s=self.shown.duration_s)


def _say_written(path: Path) -> None:
    note(console(stderr=True), f"Written to {path}.", style="dim")
