"""What `vsortd eval` says to people: tables and sentences for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.chance import Verdict
from vsortd.core.console import Text
from vsortd.core.tables import Column, ColumnKind, print_table
from vsortd.core.text import counted
from vsortd.evaluation.ablation import tried
from vsortd.evaluation.eval_report import confidence_in_wrong
from vsortd.evaluation.measure import REVIEW, accuracy_at, claim_of, confusion, coverage_curve, name_of, per_rule
from vsortd.judging.decide import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vsortd.evaluation.eval_report import Evaluation
    from vsortd.evaluation.measure import Coverage, HitRate

_MOST_RULES: Final = 60
_MOST_MIX_UPS: Final = 12
_MOST_COLUMNS: Final = 10  # of the table at the top level
_MOST_MISTAKES: Final = 8
_MOST_SUGGESTIONS: Final = 6  # of a kind
_COVERAGES: Final = (1.0, 0.9, 0.8, 0.5)
_LEAST_PART: Final = 20  # of the surest: of fewer the interval is wider than what parts differ by
_BAR_CELLS: Final = 20
_VERDICTS: Final = {Verdict.BETTER: "green", Verdict.WORSE: "red"}


def print_evaluation(out: Console, found: Evaluation) -> None:
    """Print everything, the most important first."""
    _print_head(out, found)
    _print_trust(out, found)
    _print_top_confusion(out, found)
    if not (found.is_flat and _shows_all(found)):
        _print_mix_ups(out, found)
    _print_rules(out, found)
    _print_mistakes(out, found)
    if found.rows:
        _print_rows(out, found)
    _print_suggestions(out, found)
    for one in (*found.sampled.failed, *found.sampled.rejected):
        line = Text("failed    " if one.failed else "rejected  ", style="red" if one.failed else "dim")
        out.print(line.append(f"{one.path}  {one.reason}", style="dim"))


def _print_head(out: Console, found: Evaluation) -> None:
    model, count = found.model, len(found.judged)
    line = Text(counted(count, "video"), style="bold")
    line.append(f"  {model.name} / {model.weights} on {model.device}, temperature {found.temperature:.2f}", style="dim")
    out.print(line)
    if not found.is_flat:
        for depth, share in accuracy_at(found.judged, found.tree).items():
            out.print(_share_line(f"right at depth {depth}", share))
    out.print(_share_line("right" if found.is_flat else "right all the way", found.accuracy))
    line = Text(f"undecided {found.undecided.text}", style="yellow" if found.undecided.hits else "")
    if found.undecided.hits and not found.is_flat:
        line.append(f": {found.in_review} in review, {found.stopped} stopped above", style="dim")
    out.print(line)
    line = Text(f"wrong {found.wrong.text}", style="red" if found.wrong.hits else "")
    out.print(line.append(": in a folder where they don't belong", style="dim") if found.wrong.hits else line)
    if found.corrections is not None:
        out.print(Text(found.corrections.sentence, style="dim"))
    adaptive, every = found.frames
    differ = len(found.differing)
    more = f"{counted(differ, 'video')} would go elsewhere" if differ else "nothing would go elsewhere"
    out.print(Text(f"{adaptive:.1f} of {every:.1f} frames looked at on average; with all of them {more}", style="dim"))
    out.print(Text("in brackets: 95 % intervals (Wilson), as long as no two videos are of the same scene", style="dim"))


def _share_line(what: str, share: HitRate) -> Text:
    full = round(share.share * _BAR_CELLS)
    line = Text(f"{what:<18}")
    line.append("█" * full + "░" * (_BAR_CELLS - full), style="green")
    counts, _, interval = share.text.rpartition(" (")
    return line.append(f" {counts}", style="bold").append(f" ({interval}", style="dim")


def _print_trust(out: Console, found: Evaluation) -> None:
    _title(out, "How far scores can be trusted")
    trust = found.trust
    levels = [("calibration error", found.calibration_as_judged(top=True), trust.top_after)]
    if not found.is_flat:
        levels = [
            ("calibration error at the top level", levels[0][1], trust.top_after),
            ("calibration error at the deepest level", found.calibration_as_judged(top=False), trust.deepest_after),
        ]
    for name, before, after in levels:
        learned = f"; with the learned temperature: {after.text}" if after is not None else ""
        out.print(f"{name}: {before.text}{learned}")
    _print_temperature(out, found)
    first = f"the right {'rule' if found.is_flat else 'top rule'} comes first in"
    for point in _curve(found):
        which = f"of the surest {point.right.n:,}" if point.coverage < 1 else "of all"
        line = Text(f"{which} {first} {point.right.text}")
        out.print(line.append(f", scores from {point.least_share:.2f} up", style="dim"))


def _print_temperature(out: Console, found: Evaluation) -> None:
    """Say what could be learned, and what became of it."""
    fit, learned = found.fit, found.learned
    if learned is not None:
        text = f"15 bins of equal width; temperature {found.temperature:.2f}, and {learned.temperature:.2f} as learned"
        kept = "; --calibrate keeps it" if learned.is_better and not found.calibrate else ""
        text += f" from {learned.n} videos, measured on others (5 folds){kept}"
        out.print(Text(text, style="dim"))
    if found.kept is not None:
        use = "but the config's own is used" if found.fixed else "and used from now on"
        out.print(f"temperature {found.kept.temperature:.2f} is kept, {use}")
    elif fit is not None and fit.why_not:
        what = f"{fit.why_not}; what was kept before stays" if found.calibrate else fit.why_not
        out.print(Text(what, style="yellow" if found.calibrate else "dim"))


def _curve(found: Evaluation) -> list[Coverage]:
    """Return the few points of the curve that are shown, each once: all videos, and parts that are more than a few."""
    curve = coverage_curve([claim_of(one, found.tree, top=True) for one in found.judged])
    curve = [point for point in curve if point.coverage >= 1 or point.right.n >= _LEAST_PART]
    nearest = (min(curve, key=lambda point: abs(point.coverage - wanted)) for wanted in _COVERAGES if curve)
    return list(dict.fromkeys(nearest))


def _print_top_confusion(out: Console, found: Evaluation) -> None:
    """Print what is taken for what at the top level; only the rules with most videos where there are many."""
    rules, counts = [rule.name for rule in found.tree.rules], _top_counts(found)
    columns = _top_columns(found, counts)
    if len(columns) > _MOST_COLUMNS:  # those that took the most of others' videos, and review
        taken = {name: sum(row.get(name, 0) for truth, row in counts.items() if truth != name) for name in columns}
        chosen = sorted(columns, key=lambda name: -taken[name])[:_MOST_COLUMNS]
        columns = [name for name in columns if name in chosen]
    _title(out, "What it is, and where it goes" if found.is_flat else "At the top level: what it is, and where it goes")
    order = [name for name in (*rules, NONE) if name in counts]
    shown = [name for name in order if set(counts[name]) != {name}] if len(order) > _MOST_COLUMNS else order
    rows: list[Sequence[str | Text]] = [
        (truth, *(_count(counts[truth].get(name, 0), truth, name) for name in columns))
        for truth in shown[: 2 * _MOST_COLUMNS]
    ]
    print_table(out, _columns("", *columns), rows)


def _top_counts(found: Evaluation) -> dict[str, dict[str, int]]:
    """Count the videos of each top rule by the top rule that they go to."""
    counts: dict[str, dict[str, int]] = {}
    for one in found.judged:
        row = counts.setdefault(name_of(one.truth[:1], NONE), {})
        outcome = name_of(one.placed[:1], REVIEW)
        row[outcome] = row.get(outcome, 0) + 1
    return counts


def _top_columns(found: Evaluation, counts: dict[str, dict[str, int]]) -> list[str]:
    rules = [rule.name for rule in found.tree.rules]
    return [name for name in (*rules, REVIEW) if any(name in row for row in counts.values())]


def _shows_all(found: Evaluation) -> bool:
    """Tell whether the table at the top level has room for every rule, so that nothing is left to be said."""
    counts = _top_counts(found)
    return max(len(_top_columns(found, counts)), len(counts)) <= _MOST_COLUMNS


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
    _title(out, "Rule by rule" if found.is_flat else "Rule by rule (what is below a rule counts for it)")
    rows = []
    for key, one in list(figures.items())[:_MOST_RULES]:
        cells = (rate.text if rate.n else "-" for rate in (one.precision, one.recall))
        depth = key.count("/")
        rows.append(("  " * depth + key.rpartition("/")[2], *cells, one.f1_text))
    print_table(out, _columns("", "right of those filed there", "of its own videos filed there", "F1"), rows)
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


def _print_rows(out: Console, found: Evaluation) -> None:
    rows, ways = found.rows, tried(found.rows)
    _title(out, "Other ways to judge the same videos")
    depths = [] if found.is_flat else sorted({depth for row in rows for depth in row.accuracy_at})
    names = (
        "right" if found.is_flat else "all the way",
        "wrong",
        "undecided",
        "none",
        "error",
        "frames",
        "won",
        "lost",
        "",
    )
    table: list[Sequence[str | Text]] = []
    for row in rows:
        shares = [row.accuracy_at.get(depth) for depth in depths]
        told = row.verdict(ways)
        table.append(
            (
                Text(row.name, style="dim" if row.same and row is not rows[0] else ""),
                *(share.brief if share else "" for share in shares),
                row.accuracy.text,
                row.wrong.brief,
                row.undecided.brief,
                row.none_right.brief if row.none_right else "",
                row.ece.brief,
                f"{row.frames:.1f}",
                *((f"{row.won:g}", f"{row.lost:g}") if not row.same else ("", "")),
                Text(told.value, style=_VERDICTS[told]) if told is not Verdict.UNTOLD else "",
            )
        )
    print_table(out, _columns("", *(f"depth {depth}" for depth in depths), *names), table)
    text = (
        "grey: as the config has it; none: rightly in review; error: of calibration; won and lost: videos, against the"
    )
    text += " first row; better, worse: by more than chance (sign test over all ways), else these videos don't tell"
    out.print(Text(text, style="dim"))


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
