"""What `vsortd eval` says to people: tables and sentences for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.console import Text
from vsortd.core.tables import Column, ColumnKind, print_table
from vsortd.core.text import counted
from vsortd.evaluation.eval_report import confidence_in_wrong
from vsortd.evaluation.measure import REVIEW, accuracy_at, claim_of, confusion, coverage_curve, name_of, per_rule
from vsortd.judging.decide import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vsortd.evaluation.ablation import AblationRow
    from vsortd.evaluation.eval_report import Evaluation
    from vsortd.evaluation.measure import Calibration, HitRate

_MOST_RULES: Final = 60
_MOST_MIX_UPS: Final = 12
_MOST_COLUMNS: Final = 10  # of the table at the top level
_MOST_MISTAKES: Final = 8
_MOST_SUGGESTIONS: Final = 6  # of a kind
_COVERAGES: Final = (1.0, 0.9, 0.8, 0.5)
_BAR_CELLS: Final = 20


def print_evaluation(out: Console, found: Evaluation) -> None:
    """Print everything, the most important first."""
    _print_head(out, found)
    _print_trust(out, found)
    _print_top_confusion(out, found)
    _print_mix_ups(out, found)
    _print_rules(out, found)
    _print_mistakes(out, found)
    if found.rows:
        _print_rows(out, found.rows)
    _print_suggestions(out, found)
    for one in (*found.sampled.failed, *found.sampled.rejected):
        line = Text("failed    " if one.failed else "rejected  ", style="red" if one.failed else "dim")
        out.print(line.append(f"{one.path}  {one.reason}", style="dim"))


def _print_head(out: Console, found: Evaluation) -> None:
    model, count = found.model, len(found.judged)
    line = Text(counted(count, "video"), style="bold")
    line.append(f"  {model.name} / {model.weights} on {model.device}, temperature {found.temperature:.2f}", style="dim")
    out.print(line)
    for depth, share in accuracy_at(found.judged, found.tree).items():
        out.print(_share_line(f"right at depth {depth}", share))
    out.print(_share_line("right all the way", found.accuracy))
    undecided = found.in_review + found.stopped
    line = Text(f"undecided {undecided / count:.1%}", style="yellow" if undecided else "")
    line.append(f" ({found.in_review} in review, {found.stopped} stopped above)", style="dim")
    line.append(f"   wrong {found.wrong / count:.1%}", style="red" if found.wrong else "")
    out.print(line.append(f" ({found.wrong} in a folder they don't belong in)", style="dim"))
    if (taught := found.corrections) is not None:
        text = f"{counted(taught.n, 'correction')}: {taught.within.share:.1%} right all the way with them,"
        text += f" {taught.without.share:.1%} without (no video with its own)"
        advice = "" if taught.within.share >= taught.without.share else "; learn: {use: false} switches them off"
        out.print(Text(f"{text}; they are {'used' if taught.used else 'not used'}{advice}", style="dim"))
    adaptive, every = found.frames
    differ = len(found.differing)
    more = f"{counted(differ, 'video')} would go elsewhere" if differ else "nothing would go elsewhere"
    text = f"{adaptive:.1f} of {every:.1f} frames looked at on average; with all of them {more} ({differ / count:.1%})"
    out.print(Text(text, style="dim"))


def _share_line(what: str, share: HitRate) -> Text:
    low, high = share.interval
    full = round(share.share * _BAR_CELLS)
    line = Text(f"{what:<18}")
    line.append("█" * full + "░" * (_BAR_CELLS - full), style="green").append(f" {share.share:6.1%}", style="bold")
    return line.append(f"  {low:.1%} to {high:.1%}, {counted(share.n, 'video')}", style="dim")


def _print_trust(out: Console, found: Evaluation) -> None:
    _title(out, "How far scores can be trusted")
    trust = found.trust

    def said(before: Calibration, after: Calibration | None) -> str:
        text = f"{before.error:.3f}" if before.error is not None else "unknown"
        return text + (f", with the learned temperature {after.error:.3f}" if after and after.error is not None else "")

    out.print(f"calibration error at the top level      {said(trust.top_before, trust.top_after)}")
    out.print(f"calibration error at the deepest level  {said(trust.deepest_before, trust.deepest_after)}")
    if found.fit is not None:
        kept = "kept, and used from now on" if found.kept else "--calibrate keeps it"
        text = f"15 bins of equal width; temperature 1, and {found.fit.temperature:.2f} as learned from {found.fit.n}"
        out.print(Text(f"{text} videos, measured on others (5 folds); {kept}", style="dim"))
    curve = coverage_curve([claim_of(one, found.tree, top=True) for one in found.judged])
    nearest = (min(curve, key=lambda point: abs(point.coverage - wanted)) for wanted in _COVERAGES if curve)
    for point in dict.fromkeys(nearest):
        line = Text(f"of the surest {point.coverage:4.0%} the right top rule comes first in {point.accuracy:.1%}")
        out.print(line.append(f" (scores from {point.least_share:.2f} up)", style="dim"))


def _print_top_confusion(out: Console, found: Evaluation) -> None:
    """Print what is taken for what at the top level; only the rules with most videos where there are many."""
    counts: dict[str, dict[str, int]] = {}
    for one in found.judged:
        row = counts.setdefault(name_of(one.truth[:1], NONE), {})
        outcome = name_of(one.placed[:1], REVIEW)
        row[outcome] = row.get(outcome, 0) + 1
    rules = [rule.name for rule in found.tree.rules]
    columns = [name for name in (*rules, REVIEW) if any(name in row for row in counts.values())]
    if len(columns) > _MOST_COLUMNS:  # those that took the most of others' videos, and review
        taken = {name: sum(row.get(name, 0) for truth, row in counts.items() if truth != name) for name in columns}
        chosen = sorted(columns, key=lambda name: -taken[name])[:_MOST_COLUMNS]
        columns = [name for name in columns if name in chosen]
    _title(out, "At the top level: what it is, and where it goes")
    order = [name for name in (*rules, NONE) if name in counts]
    shown = [name for name in order if set(counts[name]) != {name}] if len(order) > _MOST_COLUMNS else order
    rows: list[Sequence[str | Text]] = [
        (truth, *(_count(counts[truth].get(name, 0), truth, name) for name in columns))
        for truth in shown[: 2 * _MOST_COLUMNS]
    ]
    print_table(out, _columns("", *columns), rows)


def _count(number: int, truth: str, outcome: str) -> Text:
    right = truth == outcome or (truth == NONE and outcome == REVIEW)
    style = "dim" if not number else "green" if right else "yellow" if outcome == REVIEW else "red"
    return Text(str(number) if number else "·", style=style)


def _print_mix_ups(out: Console, found: Evaluation) -> None:
    """Print the truths that lose most videos, each with where they go instead."""
    lines = []
    for truth, row in confusion(found.judged).items():
        right = row.get(REVIEW if truth == NONE else truth, 0)
        total = sum(row.values())
        instead = {name: count for name, count in row.items() if name != (REVIEW if truth == NONE else truth)}
        if instead:
            lines.append((total - right, truth, total, right, instead))
    if not lines:
        return
    lines.sort(key=lambda line: -line[0])
    _title(out, "Where videos go instead of where they belong")
    rows = []
    for _, truth, total, right, instead in lines[:_MOST_MIX_UPS]:
        text = ", ".join(f"{count} {name}" for name, count in instead.items())
        rows.append((truth, str(total), str(right), text))
    print_table(out, (*_columns("", "videos", "right"), Column("instead", ColumnKind.PROSE)), rows)
    _say_more(out, len(lines) - _MOST_MIX_UPS, "rules lose fewer")


def _print_rules(out: Console, found: Evaluation) -> None:
    figures = per_rule(found.judged, found.tree)
    _title(out, "Rule by rule (what is below a rule counts for it)")
    rows = []
    for key, one in list(figures.items())[:_MOST_RULES]:
        cells = (f"{value:.2f}" if value is not None else "-" for value in (one.precision, one.recall, one.f1))
        depth = key.count("/")
        rows.append(("  " * depth + key.rpartition("/")[2], str(one.n), str(one.filed), *cells))
    print_table(out, _columns("", "videos", "filed", "precision", "recall", "F1"), rows)
    _say_more(out, len(figures) - _MOST_RULES, "rules in --json")


def _print_mistakes(out: Console, found: Evaluation) -> None:
    mistakes = found.mistakes
    if not mistakes:
        return
    _title(out, "The worst mistakes")
    for one in mistakes[:_MOST_MISTAKES]:
        line = Text(f"{confidence_in_wrong(one):.2f} ", style="red")
        line.append(one.case.path.name)
        line.append(f"  {name_of(one.truth, NONE)} → {name_of(one.placed, REVIEW)}", style="yellow")
        out.print(line)
    _say_more(out, len(mistakes) - _MOST_MISTAKES, "wrong")


def _print_rows(out: Console, rows: Sequence[AblationRow]) -> None:
    _title(out, "Other ways to judge the same videos (95 % intervals; videos won and lost against the first row)")
    depths = sorted({depth for row in rows for depth in row.accuracy_at})
    names = ("exact", "wrong", "unsure", "none", "ECE", "frames", "won", "lost")
    table: list[Sequence[str | Text]] = []
    for row in rows:
        shares = [row.accuracy_at.get(depth) for depth in depths]
        table.append(
            (
                Text(row.name, style="dim" if row.same and row is not rows[0] else ""),
                *(f"{share.share:.1%} ±{share.half * 100:.1f}" if share else "" for share in shares),
                f"{row.accuracy.share:.1%}",
                f"{row.wrong:.1%}",
                f"{row.undecided:.1%}",
                f"{row.none_right:.0%}" if row.none_right is not None else "",
                f"{row.ece:.3f}" if row.ece is not None else "",
                f"{row.frames:.1f}",
                *((f"{row.won:g}", f"{row.lost:g}") if not row.same else ("", "")),
            )
        )
    print_table(out, _columns("", *(f"depth {depth}" for depth in depths), *names), table)
    out.print(Text("grey: as the config has it; exact: right all the way; none: rightly in review", style="dim"))


def _print_suggestions(out: Console, found: Evaluation) -> None:
    """Print what may be worth doing; of each kind what concerns most videos."""
    if not found.suggestions:
        return
    _title(out, "What may help")
    kinds = dict.fromkeys(one.kind for one in found.suggestions)
    for kind in kinds:
        some = [one for one in found.suggestions if one.kind == kind]
        shown = sorted(some, key=lambda one: -one.weight)[:_MOST_SUGGESTIONS]
        for one in [one for one in some if one in shown]:
            line = Text(f"{one.rule}: " if one.rule else "", style="bold")
            out.print(line.append(one.text, style="not bold"))
        _say_more(out, len(some) - len(shown), "like these in --json")


def _say_more(out: Console, count: int, what: str) -> None:
    if count > 0:
        out.print(Text(f"and {count} more {what}", style="dim"))


def _title(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))


def _columns(name: str, *numbers: str) -> tuple[Column, ...]:
    return (Column(name, ColumnKind.NAME), *(Column(one, ColumnKind.NUMBER) for one in numbers))
