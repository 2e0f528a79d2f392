"""`vsortd timeline`: whether one video shows something, from when to when, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.addresses import local_file
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    models,
    print_json,
    state_folder,
    waiting,
    write_csv,
)
from vsortd.cli.edit_files import EDIT_HELP, write_exports
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.numbers import finite
from vsortd.cli.timeline_wish import (
    FINE_S,
    TimelinePace,
    insist_on_a_file,
    insist_on_shots_alone,
    precision_of,
    reading_of,
    wish_of,
    wished_outputs,
)
from vsortd.cli.video_argument import video_meant
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted
from vsortd.errors import ExitCode, UsageError, VideoError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vsortd.config.settings import Settings
    from vsortd.core.console import Text
    from vsortd.core.edit_exports import EditSource
    from vsortd.library.timeline.spans import PromptSpans
    from vsortd.library.timeline.track import TimelineResult, Wish
    from vsortd.media.thumbnails import Pixels

_USUAL_FPS = 1.0
_STYLES = {"yes": "green", "perhaps": "yellow", "no": "dim"}
_MOST_CELLS = 76  # of a strip: with its margin it fits into 80 columns
_LEAST_CELLS = 24
_MOST_SPANS = 20  # shown of a prompt; --csv and --json have all
_PICTURE_PX = 260


def timeline(
    ctx: click.Context,
    file: Annotated[
        str,
        Argument(metavar="FILE", help="A video anywhere, a name of the history or an id; or at an https:// address."),
    ],
    prompts: Annotated[list[str], Argument(metavar="PROMPT…", help='What to look for: "snow on mountains".')],
    against: Annotated[
        list[str] | None, Option("--not", metavar="PROMPT", help="What must not be mistaken for it; may be repeated.")
    ] = None,
    sound: Annotated[
        bool, Option("--sound", help="The prompts say what is heard; needs a sound_model in the config.")
    ] = False,
    said: Annotated[bool, Option("--said", help="The prompts are spoken words, according to the subtitles.")] = False,
    text: Annotated[bool, Option("--text", help="The prompts are words visible in the picture (extra: ocr).")] = False,
    per: Annotated[
        TimelinePace,
        Option("--per", help="Look at frames each second, or at one of each shot: edges are cuts."),
    ] = TimelinePace.SECOND,
    fps: Annotated[
        float | None,
        Option("--fps", callback=finite, metavar="N", show_default="1.0", help="Frames a second to look at."),
    ] = None,
    fine: Annotated[bool, Option("--fine", help="Look closer around the edges: --tolerance 0.2s.")] = False,
    tolerance: Annotated[
        str | None, Option("--tolerance", metavar="TIME", help="Look closer until edges are exact to this.")
    ] = None,
    on: Annotated[
        float,
        Option("--on", callback=finite, min=0.01, max=0.99, help="A span begins where the probability rises to this."),
    ] = 0.6,
    off: Annotated[
        float | None,
        Option(
            "--off",
            callback=finite,
            min=0.01,
            max=0.99,
            help="A span ends where it falls below this: 0.4, or --on if that is lower.",
        ),
    ] = None,
    smooth: Annotated[
        str | None,
        Option(
            "--smooth",
            metavar="TIME",
            show_default="3s",
            help="Length of the running median; spans shorter than half of it are dropped.",
        ),
    ] = None,
    bridge: Annotated[
        str | None,
        Option("--bridge", metavar="TIME", show_default="1.5s", help="Gaps shorter than this are bridged."),
    ] = None,
    min_length: Annotated[
        str | None,
        Option("--min-length", metavar="TIME", show_default="0.5s", help="Spans shorter than this are dropped."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        Option(
            "--out",
            "-o",
            metavar="PATH",
            help=f"Write a file, by its ending: .png, scores over time, with the spans; {EDIT_HELP}; .ffmeta or .txt "
            "(for ffmpeg) or .vtt, chapters; may be repeated.",
        ),
    ] = None,
    scores: Annotated[bool, Option("--scores", help="With --json: every frame's score as well.")] = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Say when a video shows something, and how surely.

    Shows from when to when, and for how long in all. The confidence of yes is the mean probability in the surest
    span; of no it is one minus the highest smoothed probability; of perhaps it is the mean probability in the
    surest span or, without any span, in the surest 3 seconds (--smooth). Each prompt is judged by itself, against
    everything else that a picture may show and against what --not names. The index keeps the frames, so asking
    again decodes nothing.
    """
    settings = load(ctx)
    video = as_on_disk(local_file(ctx, video_meant(file), settings))
    insist_on_a_file(video)
    if said or text:
        from vsortd.cli.timeline_words import follow_words

        return follow_words(ctx, settings, video, prompts)
    plot, chapters, exports = wished_outputs(out, video)
    from vsortd.core.logs.sinks import set_up_logging

    if sound and (fine or tolerance is not None or fps is not None or per is TimelinePace.SHOT):
        raise UsageError(
            "--per shot, --fps, --fine and --tolerance are for pictures; sound is heard in windows of 10 s, 5 s apart.",
            remedy="Leave them out with --sound.",
        )
    times = {"--smooth": smooth, "--bridge": bridge, "--min-length": min_length}
    if per is TimelinePace.SHOT:
        insist_on_shots_alone({"--fps": fps, "--fine": fine or None, "--tolerance": tolerance, **times})
    reading = reading_of((on, off), times, per)
    precision_s = precision_of(tolerance, fine=fine)
    pace_fps = None if per is TimelinePace.SHOT else _USUAL_FPS if fps is None else fps
    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    wish = wish_of(video, (prompts, against or []), pace_fps, precision_s, reading)
    found = _ask(settings, replace(wish, sound=sound), pictures=plot is not None, exported=bool(exports))
    answer = found.answer
    _write(found, plot, chapters, exports)
    if answer.unknown:
        _warn(answer)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **answer.to_json(scores=scores)})
    elif as_csv:
        _print_csv(answer)
    else:
        _print(answer, video, plotted=plot is not None)
        for path in (plot, chapters, *exports):
            if path is not None:
                note(console(), f"Written to {path}.", style="dim")
    return int(ExitCode.OK)


# The answer


@dataclass(frozen=True, slots=True)
class _Found:
    """The answer; a strip of the film, if there is to be a plot; what editing programs ask, if one is written for."""

    answer: TimelineResult
    strip: tuple[Pixels | None, ...]
    source: EditSource | None


def _ask(settings: Settings, wish: Wish, *, pictures: bool, exported: bool) -> _Found:
    import threading

    from vsortd.library.timeline.track import edit_source, strip_of, track_video
    from vsortd.pipeline.services import Services

    cancel = threading.Event()
    with (
        waiting(f"looking at {wish.file.name}"),
        Services.open(
            settings,
            state_folder(),
            keep_trying=False,
            recover_first=False,
            load_model=not wish.sound,
            models=models(late=True),
        ) as services,
    ):
        try:
            answer = track_video(services, wish, cancel=cancel)
            source = edit_source(services, wish.file, cancel=cancel) if exported else None
        except VideoError as error:
            title = f"{wish.file} can't be looked at: {error.reason}."
            raise VsortdError(title, paths=[wish.file]) from error
        strip = strip_of(services, wish.file, height_px=_PICTURE_PX, cancel=cancel) if pictures else ()
        return _Found(answer, strip, source)


def _write(found: _Found, plot: Path | None, chapters: Path | None, exports: Sequence[Path]) -> None:
    answer = found.answer
    if plot is not None:
        from vsortd.library.timeline.plot import Chart, draw_timeline

        wish = answer.wish
        draw_timeline(Chart(wish.file.name, answer.track, answer.found, wish.reading, found.strip), plot)
    if chapters is not None:
        from vsortd.library.timeline.chapters import chapters_of, write_chapters

        write_chapters(chapters, chapters_of(answer.found, answer.track.duration_s))
    if found.source is not None:
        write_exports(exports, answer.parts(), found.source)


def _warn(answer: TimelineResult) -> None:
    words = ", ".join(answer.unknown)
    line = f"The model {answer.model} does not know: {words}. What is left of the prompts counts."
    console(stderr=True).print(line, style="yellow")


def _print_csv(answer: TimelineResult) -> None:
    write_csv(("prompt", "begin_s", "end_s", "duration_s", "score"), answer.rows())


# For people


def _print(answer: TimelineResult, typed: Path, *, plotted: bool) -> None:
    from vsortd.core.console import Text
    from vsortd.library.timeline.spans import clock

    out, track = console(), answer.track
    cells = max(_LEAST_CELLS, min(_MOST_CELLS, out.width - 4))
    head = Text(answer.wish.file.name, style="bold")
    frames = counted(len(track.times_ms), "window" if answer.wish.sound else "frame")
    out.print(head.append(f"  {clock(track.duration_s * 1000)}, {frames}, model {answer.model}", style="dim not bold"))
    for one in answer.found:
        out.print()
        _print_prompt(out, one, track.duration_s, cells)
    if any(one.spans for one in answer.found):
        out.print(_scale(track.duration_s, cells))
    for line in _next(answer, typed, plotted=plotted):
        out.print(Text(line, style="dim"))


def _print_prompt(out: Console, one: PromptSpans, duration_s: float, cells: int) -> None:
    from vsortd.core.console import Text
    from vsortd.library.timeline.spans import clock

    style = _STYLES[one.shown.value]
    line = Text(one.prompt, style="bold").append(f"  {one.shown.value}", style=f"{style} not bold")
    line.append(f", {_sure(one.confidence)}", style=style)
    if one.spans:
        spans = f" in {len(one.spans)} spans" if len(one.spans) > 1 else ""
        line.append(f"   {one.total_s:.1f} s{spans}, {one.share:.0%} of it", style="not bold")
    else:
        line.append(f"   at best {one.best:.2f} at {clock(one.best_ms)}", style="dim not bold")
    out.print(line)
    out.print(Text("  ").append(strip([(span.begin_ms, span.end_ms) for span in one.spans], duration_s, cells, style)))
    for span in one.spans[:_MOST_SPANS]:
        out.print(
            Text(f"  {clock(span.begin_ms)} to {clock(span.end_ms)}").append(
                f"  {span.length_s:7.1f} s   {span.score:.2f}, best at {clock(span.peak_ms)}", style="dim"
            )
        )
    if len(one.spans) > _MOST_SPANS:
        out.print(Text(f"  and {len(one.spans) - _MOST_SPANS} more: --csv lists all", style="dim"))


def _sure(confidence: float) -> str:
    """Return a confidence as people read it; nothing is certain."""
    return ">0.99" if confidence > 0.995 else f"{confidence:.2f}"  # noqa: PLR2004 - would be written as 1.00


def strip(spans_ms: Sequence[tuple[float, float]], duration_s: float, cells: int, style: str) -> Text:
    """Return the time line in cells: filled where most of a cell, or a span shorter than one, is shown."""
    from vsortd.core.console import Text

    shown, empty = _signs()
    filled = [False] * cells
    cell_ms = max(duration_s, 1e-3) * 1000 / cells
    for begin_ms, end_ms in spans_ms:
        first = min(cells - 1, round(begin_ms / cell_ms))
        last = min(cells, max(first + 1, round(end_ms / cell_ms)))
        filled[first:last] = [True] * (last - first)
    line = Text()
    for cell in filled:
        line.append(shown if cell else empty, style=style if cell else "dim")
    return line


def _signs() -> tuple[str, str]:
    """Return what is drawn for shown and not shown, as far as the output can write it."""
    import sys

    signs = ("█", "·")
    try:
        "".join(signs).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#", "."
    return signs


def _scale(duration_s: float, cells: int) -> Text:
    """Return the marks of time below the last strip."""
    from vsortd.core.console import Text
    from vsortd.library.timeline.spans import clock

    marks = [clock(duration_s * 1000 * part) for part in (0, 0.5, 1)]
    left = cells - sum(map(len, marks))
    return Text(f"  {marks[0]}{' ' * (left // 2)}{marks[1]}{' ' * (left - left // 2)}{marks[2]}", style="dim")


def _next(answer: TimelineResult, typed: Path, *, plotted: bool) -> list[str]:
    """Return the command that may be typed next, of what was typed with the prompts that the model knows whole."""
    import shlex

    from vsortd.vision.negatives import words_of

    if answer.wish.sound:
        return []
    wish, unknown = answer.wish, {word.casefold() for word in answer.unknown}

    def again(prompts: Sequence[str], *more: str) -> str:
        against = (word for text in known(wish.against) for word in ("--not", text))
        return shlex.join(["vsortd", "timeline", str(typed), *known(prompts), *against, *more])

    def known(texts: Sequence[str]) -> list[str]:
        return [text for text in texts if unknown.isdisjoint(words_of(text))]

    brief = known([one.prompt for one in answer.found if not one.spans and one.best >= wish.reading.on])
    if brief and wish.reading.smooth_s > 1:
        return [f"Something short may be there; look for it: {again(brief, '--fps', '4', '--smooth', '1s')}"]
    if not known([one.prompt for one in answer.found if one.spans]):
        return []
    if wish.fps is None:
        return []
    if wish.precision_s is None:
        return [f"Edges to {FINE_S:g} s: {again(wish.prompts, '--fine')}"]
    return [] if plotted else [f"As a picture: {again(wish.prompts, '--fine', '-o', 'timeline.png')}"]
