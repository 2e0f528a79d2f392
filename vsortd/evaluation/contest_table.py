"""What came of several models, printed for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.console import Text
from vsortd.core.tables import Column, ColumnKind, print_table
from vsortd.core.text import counted
from vsortd.core.units import about_duration, about_size

if TYPE_CHECKING:
    from rich.console import Console

    from vsortd.evaluation.measure import HitRate
    from vsortd.evaluation.model_contest import ModelContest, ModelResult
    from vsortd.evaluation.paired import PairedOutcome

_ORIGINS = {"config": "the config's", "calibrated": "calibrated", "default": "not calibrated"}


def print_contest(out: Console, found: ModelContest) -> None:
    """Print how each model judged and what it cost, the first as the one that the others are held against."""
    judged = found.judged
    pairs = found.against_first()
    first = judged[0]
    none = first.none_right.n
    line = Text(counted(len(first.outcomes), "video"), style="bold")
    line.append(f", {none:,} of them of no rule; {counted(found.decoded, 'frame')} decoded once for all", style="dim")
    out.print(line)
    headings = ("right", "unsure", "wrong", *(("none right",) if none else ()), "frames")
    columns = [Column("model", ColumnKind.NAME), *(Column(one, ColumnKind.NUMBER) for one in headings)]
    rows = [_quality(one, first) for one in judged]
    if len(judged) > 1:
        columns.append(Column(f"against {first.word}", ColumnKind.PROSE))
        rows = [[*row, _verdict(pairs.get(one.word))] for row, one in zip(rows, judged, strict=True)]
    print_table(out, columns, rows)
    out.print(Text("with 95 % intervals; frames: looked at for a decision, on average", style="dim"))
    out.print()
    _print_costs(out, judged)
    for one in found.results:
        if one.trouble is not None:
            out.print()
            out.print(Text(f"{one.word} is not compared: {one.trouble.title}", style="red"))
            for said in one.trouble.lines()[1:]:
                out.print(Text(f"  {said}", style="dim"))
    for lost in (*found.failed, *found.rejected):
        line = Text("failed    " if lost.failed else "rejected  ", style="red" if lost.failed else "dim")
        out.print(line.append(f"{lost.path}  {lost.reason}", style="dim"))


def _quality(one: ModelResult, first: ModelResult) -> list[str | Text]:
    cells: list[str | Text] = [
        one.word,
        Text(_share(one.accuracy), style="bold"),
        _share(one.unsure),
        _share(one.wrong),
    ]
    if first.none_right.n:
        cells.append(_share(one.none_right))
    return [*cells, f"{one.frames:.1f}"]


def _verdict(pair: PairedOutcome | None) -> Text:
    told = "" if pair is None else pair.sentence()
    return Text(told, style="green" if "better" in told else "red" if "worse" in told else "")


def _share(share: HitRate) -> str:
    """Write a share in whole percents with its interval: of some dozens of videos more is not known."""
    low, high = share.interval
    return f"{share.share:.0%} ({low * 100:.0f} to {high * 100:.0f})"


def _print_costs(out: Console, judged: list[ModelResult]) -> None:
    on_gpu = any(one.cost is not None and one.cost.gpu_bytes is not None for one in judged)
    headings = ("frames/s", "load", "memory", *(("GPU memory",) if on_gpu else ()), "parameters")
    columns = [
        Column("model", ColumnKind.NAME),
        *(Column(one, ColumnKind.NUMBER) for one in headings),
        Column("on"),
        Column("temperature", ColumnKind.PROSE),
    ]
    rows = []
    for one in judged:
        info, cost = one.info, one.cost
        assert info is not None
        assert cost is not None
        cells = [about_speed(cost.frames_per_s), about_duration(cost.load_s), about_size(cost.memory_bytes)]
        if on_gpu:
            cells.append(about_size(cost.gpu_bytes) if cost.gpu_bytes is not None else "")
        cells += [f"{cost.parameters / 1e6:.0f} M", f"{cost.device_name or info.device}, {info.dtype}"]
        rows.append((one.word, *cells, f"{one.temperature:.2f}, {_ORIGINS[one.temperature_from]}"))
    print_table(out, columns, rows)
    libraries = max(one.cost.libraries_bytes for one in judged if one.cost is not None)
    note = f"each alone in a process of its own; memory is its peak, {about_size(libraries)} of it the libraries'"
    out.print(Text(f"{note}. What was taught by corrections is left out: it belongs to one model.", style="dim"))


def about_speed(frames_per_s: float | None) -> str:
    """Write how many frames are embedded a second; "" where none were."""
    if frames_per_s is None:
        return ""
    return f"{frames_per_s:.1f}" if frames_per_s < 9.95 else f"{frames_per_s:,.0f}"  # noqa: PLR2004 - one digit, or two
