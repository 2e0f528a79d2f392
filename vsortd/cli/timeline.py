"""`vsortd timeline`: whether one video shows something, from when to when, and how sure that is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    one_form,
    print_json,
    state_folder,
    waiting,
    write_csv,
)
from vsortd.cli.explain import insist_on_ending
from vsortd.cli.numbers import finite
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted
from vsortd.errors import ExitCode, UsageError, VideoError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vsortd.config.settings import Settings
    from vsortd.core.console import Text
    from vsortd.library.timeline.spans import PromptSpans, Reading
    from vsortd.library.timeline.track import TimelineResult, Wish
    from vsortd.media.thumbnails import Pixels

_FINE_S = 0.2
_LEAST_PRECISION_S = 0.02  # a frame at 50 a second
_STYLES = {"yes": "green", "perhaps": "yellow", "no": "dim"}
_MOST_CELLS = 76  # of a strip: with its margin it fits into 80 columns
_LEAST_CELLS = 24
_MOST_SPANS = 20  # shown of a prompt; --csv and --json have all
_PICTURE_PX = 260


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("timeline")(timeline)


def timeline(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A video, wherever it lies.")],
    prompts: Annotated[list[str], typer.Argument(metavar="PROMPT…", help='What to look for: "snow on mountains".')],
    against: Annotated[
        list[str] | None, typer.Option("--vs", metavar="PROMPT", help="What it must not be taken for; may be repeated.")
    ] = None,
    fps: Annotated[float, typer.Option("--fps", callback=finite, help="Frames looked at a second.")] = 1.0,
    fine: Annotated[bool, typer.Option("--fine", help="Look closer around the edges: --precision 0.2s.")] = False,
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="TIME", help="Look closer until edges are right to this.")
    ] = None,
    on: Annotated[
        float,
        typer.Option(
            "--on", callback=finite, min=0.01, max=0.99, help="A span begins where the probability rises to this."
        ),
    ] = 0.6,
    off: Annotated[
        float | None,
        typer.Option(
            "--off",
            callback=finite,
            min=0.01,
            max=0.99,
            help="A span ends where it falls below this: 0.4, or --on if that is lower.",
        ),
    ] = None,
    smooth: Annotated[
        str, typer.Option("--smooth", metavar="TIME", help="Running median over so long; drops what is half as long.")
    ] = "3s",
    bridge: Annotated[str, typer.Option("--bridge", metavar="TIME", help="Gaps shorter than this are bridged.")] = (
        "1.5s"
    ),
    least: Annotated[str, typer.Option("--least", metavar="TIME", help="Spans shorter than this are dropped.")] = (
        "0.5s"
    ),
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="OUT.png", help="Draw scores over time, with the spans.")
    ] = None,
    chapters: Annotated[
        Path | None,
        typer.Option("--chapters", metavar="OUT", help="Write chapters: .ffmeta or .txt for ffmpeg, or .vtt."),
    ] = None,
    as_csv: CsvFlag = False,
    scores: Annotated[bool, typer.Option("--scores", help="With --json: every frame's score as well.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Say whether a video shows something, from when to when, how long in all, and how sure that is.

    Confidence, of yes: the mean probability in the surest span; of no: one minus the highest smoothed probability; of
    perhaps: the mean probability in the surest 3 seconds (--smooth). Each prompt is judged by itself, against
    everything else that a picture may show and against what --vs names. Frames are kept in the index: asking again
    decodes nothing.
    """
    settings = load(ctx)
    one_form(as_csv=as_csv, as_json=as_json)
    file = as_on_disk(file)
    _insist_on_a_file(file)
    plot, chapters = (None if one is None else as_on_disk(one) for one in (plot, chapters))
    _insist_on_outputs(plot, chapters)
    from vsortd.core.logs.sinks import set_up_logging

    reading = _reading((on, off), smooth=smooth, bridge=bridge, least=least)
    precision_s = _precision(precision, fine=fine)
    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    answer, strip = _ask(settings, _wish(file, (prompts, against or []), fps, precision_s, reading), plot=plot)
    _write(answer, strip, plot, chapters)
    if answer.unknown:
        _warn(answer)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **answer.to_json(scores=scores)})
    elif as_csv:
        _print_csv(answer)
    else:
        _print(answer, file, plotted=plot is not None)
        for path in (plot, chapters):
            if path is not None:
                console().print(f"Written to {path}.", style="dim")
    return int(ExitCode.OK)


# What was typed


def _insist_on_a_file(file: Path) -> None:
    try:
        folder, there = file.is_dir(), file.is_file()
    except OSError as error:
        raise UsageError(f"Can't look at {file}: {error.strerror}.", paths=[file]) from error
    if folder:
        raise UsageError(
            f"{file} is a folder; timeline takes one video.",
            remedy="`vsortd search` looks through all of them.",
            paths=[file],
        )
    if not there:
        raise UsageError(f"{file} is not there.", remedy="Name a video.", paths=[file])


def _insist_on_outputs(plot: Path | None, chapters: Path | None) -> None:
    if plot is not None:
        from vsortd.library.timeline.plot import insist_on_matplotlib

        insist_on_ending(plot, ".png")
        insist_on_matplotlib()
    if chapters is not None:
        from vsortd.library.timeline.chapters import ENDINGS, insist_on_ours

        insist_on_ending(chapters, *ENDINGS)
        insist_on_ours(chapters)


def _precision(text: str | None, *, fine: bool) -> float | None:
    if text is None:
        return _FINE_S if fine else None
    precision_s = _seconds("--precision", text)
    if precision_s < _LEAST_PRECISION_S:
        raise UsageError(
            f"--precision {text} is finer than frames are.", remedy=f"{_LEAST_PRECISION_S:g}s is as fine as it gets."
        )
    return precision_s


def _seconds(option: str, text: str) -> float:
    from vsortd.core.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}.", remedy="Write 0.2s, 500ms or 2m.") from error


def _reading(levels: tuple[float, float | None], *, smooth: str, bridge: str, least: str) -> Reading:
    from vsortd.library.timeline.spans import Reading

    on, off = levels
    lowest = min(Reading().off, on) if off is None else off
    if lowest > on:
        raise UsageError(f"--off {lowest:g} is above --on {on:g}.", remedy="A span ends at or below where it begins.")
    return Reading(on, lowest, _seconds("--smooth", smooth), _seconds("--bridge", bridge), _seconds("--least", least))


def _wish(
    file: Path, prompts: tuple[list[str], list[str]], fps: float, precision_s: float | None, reading: Reading
) -> Wish:
    from vsortd.library.timeline.track import Wish

    wished, against = (tuple(dict.fromkeys(text.strip() for text in texts)) for texts in prompts)
    path = file.resolve() if file.is_symlink() else Path(os.path.abspath(file))  # noqa: PTH100 - only the file's own link
    return Wish(path, wished, against, fps, precision_s, reading)


# The answer


def _ask(settings: Settings, wish: Wish, *, plot: Path | None) -> tuple[TimelineResult, tuple[Pixels | None, ...]]:
    """Return the answer and, for a plot, a strip of the film."""
    import threading

    from vsortd.library.timeline.track import strip_of, track_video
    from vsortd.pipeline.services import Services

    cancel = threading.Event()
    with (
        waiting(f"looking at {wish.file.name}"),
        Services.open(settings, state_folder(), keep_trying=False, recover_first=False) as services,
    ):
        try:
            answer = track_video(services, wish, cancel=cancel)
        except VideoError as error:
            title = f"{wish.file} can't be looked at: {error.reason}."
            raise VsortdError(title, paths=[wish.file]) from error
        return answer, strip_of(services, wish.file, height_px=_PICTURE_PX, cancel=cancel) if plot is not None else ()


def _write(answer: TimelineResult, strip: tuple[Pixels | None, ...], plot: Path | None, chapters: Path | None) -> None:
    if plot is not None:
        from vsortd.library.timeline.plot import Chart, draw_timeline

        wish = answer.wish
        draw_timeline(Chart(wish.file.name, answer.track, answer.found, wish.reading, strip), plot)
    if chapters is not None:
        from vsortd.library.timeline.chapters import chapters_of, write_chapters

        write_chapters(chapters, chapters_of(answer.found, answer.track.duration_s))


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
    frames = counted(len(track.times_ms), "frame")
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

    wish, unknown = answer.wish, {word.casefold() for word in answer.unknown}

    def again(prompts: Sequence[str], *more: str) -> str:
        against = (word for text in known(wish.against) for word in ("--vs", text))
        return shlex.join(["vsortd", "timeline", str(typed), *known(prompts), *against, *more])

    def known(texts: Sequence[str]) -> list[str]:
        return [text for text in texts if unknown.isdisjoint(words_of(text))]

    brief = known([one.prompt for one in answer.found if not one.spans and one.best >= wish.reading.on])
    if brief and wish.reading.smooth_s > 1:
        return [f"Something short may be there; look for it: {again(brief, '--fps', '4', '--smooth', '1s')}"]
    if not known([one.prompt for one in answer.found if one.spans]):
        return []
    if wish.precision_s is None:
        return [f"Edges to {_FINE_S:g} s: {again(wish.prompts, '--fine')}"]
    return [] if plotted else [f"As a picture: {again(wish.prompts, '--fine', '--plot', 'timeline.png')}"]
