"""`vsortd explain`: why one video goes, or went, where it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.addresses import local_file
from vsortd.cli.common import (
    SCHEMA_VERSION,
    STATE_STYLES,
    JsonFlag,
    console,
    load,
    models,
    print_json,
    state_folder,
    waiting,
)
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.out_files import insist_on_ending
from vsortd.cli.outcome_view import foreseen_state
from vsortd.cli.video_argument import video_meant
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted, printable, storable
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console
    from rich.tree import Tree

    from vsortd.core.console import Text
    from vsortd.judging.measured_conditions import MeasuredCondition
    from vsortd.pipeline.explanation import Explanation, LevelView, Speaker

_BAR_CELLS = 20
_MOST_SIBLINGS = 8  # shown of a level; the others have hardly a share


def explain(
    ctx: click.Context,
    file: Annotated[
        str,
        Argument(metavar="FILE", help="A video anywhere, a name of the history or an id; or at an https:// address."),
    ],
    image: Annotated[
        Path | None, Option("--out", "-o", metavar="PATH", help="Draw the frames and their scores: OUT.png.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Say why a video goes, or went, where it does.

    Shows the scores on each level, and the frames for and against the decision.
    """
    settings = load(ctx)
    if image is not None:
        image = as_on_disk(image)
        insist_on_ending(image, ".png")
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.pipeline.explain_sheet import PICTURE_PX
    from vsortd.pipeline.explanation import explain_file

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    video = local_file(ctx, video_meant(file), settings)
    with waiting(f"looking at {video.name}"):
        picture_px = PICTURE_PX if image is not None else 0
        explained = explain_file(settings, state_folder(), video, picture_px=picture_px, models=models())
    drawn = image if image is not None and _draw(explained, image) else None
    if as_json:
        document = explained.to_json()
        if image is not None:
            document["image"] = storable(drawn) if drawn else None
        print_json({"schema_version": SCHEMA_VERSION, **document})
    else:
        _print(explained)
        if image is not None:
            what = f"Drawn into {image}." if drawn else "No picture was drawn: none of its frames was looked at."
            note(console(), what, style="dim")
    return int(ExitCode.FAILURE if explained.outcome.state is ItemState.FAILED else ExitCode.OK)


def _draw(explained: Explanation, image: Path) -> bool:
    """Draw the sheet; return whether there was anything to draw."""
    if not explained.frames:
        return False
    from vsortd.core.system.file_rights import make_for
    from vsortd.pipeline.explain_sheet import explanation_sheet

    sheet = explanation_sheet(explained, name=Path(explained.outcome.source).name)
    make_for(image, [Path(explained.outcome.source)])
    try:
        sheet.save(image, "PNG", optimize=True)
    except OSError as error:
        raise UsageError(f"Can't write {image}: {error.strerror}.", paths=[image]) from error
    return True


# For people


def _print(explained: Explanation) -> None:
    from vsortd.config.choices import placed_words
    from vsortd.core.console import Text, print_tree

    out, outcome = console(), explained.outcome
    line = Text(Path(outcome.source).name, style="bold")
    out.print(line.append(f"  {_facts(explained)}", style="dim not bold"))
    line = Text(foreseen_state(outcome), style=STATE_STYLES.get(outcome.state, ""))
    if outcome.destination:
        line.append(" → ", style="dim").append(outcome.destination, style="bold")
    out.print(line.append("" if outcome.destination else f"  {outcome.reason}"))
    if outcome.destination and (what := "; ".join(filter(None, (outcome.conversion, placed_words(outcome.how))))):
        out.print(Text(what, style="dim"))
    if explained.decision is not None and explained.decision.tags:
        out.print(Text("tags: ").append(", ".join(explained.decision.tags), style="cyan"))
    for key, seen in explained.decision.sightings.items() if explained.decision is not None else ():
        if key.startswith("#"):
            out.print(Text(f"{key[1:]}: {seen}", style="dim"))
    for tag, conditions in explained.tag_conditions.items():
        for words in _conditions(conditions):
            out.print(Text(f"tag {tag}: ").append_text(words))
    _print_journal(out, explained)
    if explained.levels:
        out.print()
        print_tree(out, _tree(explained))
    if explained.facets:
        out.print()
        print_tree(out, _facet_tree(explained))


def _facts(explained: Explanation) -> str:
    """Return what the file is, in a few words."""
    clip = explained.clip
    if clip is None:
        return ""
    parts = [f"{clip.shown_width_px}x{clip.shown_height_px} {clip.orientation}", f"{clip.duration_s:.1f} s"]
    if clip.video_codec:
        parts.append(clip.video_codec)
    if explained.frames:
        parts.append(f"{counted(len(explained.frames), 'frame')} looked at{_of_shots(explained)}")
    return ", ".join(parts)


def _of_shots(explained: Explanation) -> str:
    plan = explained.look_plan
    if plan is None or not (plan.shots or plan.note):
        return ""
    return f" {plan.note}" if plan.note else f" of {counted(plan.shots, 'shot')}"


def _print_journal(out: Console, explained: Explanation) -> None:
    """Say what the journal knows of the file, and where that differs from what would happen now."""
    from vsortd.core.console import Text
    from vsortd.core.moments import local_text
    from vsortd.filing.own_decisions import NOWHERE

    item = explained.known
    if item is None:
        return
    when = local_text(item.time)
    if item.state in PLACED:
        what = f"{'filed' if item.state is ItemState.FILED else 'sent to review'} {when} from {item.source}"
        what += f", as {item.rule}" if item.rule else ""
        what += f" with {item.score:.2f} ({item.margin:+.2f})"
        # what a person said belongs nowhere is decided, however unsure the rules are of it
        state = explained.outcome.state if item.reason.startswith(NOWHERE) else item.state
        changed = (state, item.rule) != (explained.outcome.state, explained.outcome.rule)
        what += "; rules or model have changed since" if changed and item.second_opinion is None else ""
    elif explained.held:
        what = f"undone, on hold since then (filed {when}); `vsortd release` lets it be sorted again"
    else:
        what = f"{item.state} {when}: {item.reason}"
    out.print(Text(f"journal #{item.id}: {what}", style="dim"))
    if item.second_opinion is not None:
        how = "filed by a second opinion" if item.state is ItemState.FILED else "a second opinion"
        out.print(Text(f"{how}: {item.second_opinion.sentence}", style="cyan"))


def _tree(explained: Explanation) -> Tree:
    """Return the levels, each below the rule that won the one above."""
    from rich.tree import Tree

    from vsortd.core.console import Text

    root = Tree(Text("rules", style="bold"))
    branch = root
    for view in explained.levels:
        below = branch
        for name, label, leads_on in _siblings(view):
            added = below.add(label)
            for words in _conditions(view.conditions.get(name, ())):
                added.add(words)
            if leads_on:
                branch = added
        for words in _remarks(view):
            below.add(words)
    return root


def _facet_tree(explained: Explanation) -> Tree:
    """Return the facets with their values, the one that came first on top, and why it won or didn't."""
    from rich.tree import Tree

    from vsortd.core.console import Text

    root = Tree(Text("facets", style="bold"))
    for facet in explained.facets:
        level = facet.level
        branch = root.add(Text(level.parent))
        ranked = facet.ranked
        shown = [*ranked[:_MOST_SIBLINGS], *ranked[max(_MOST_SIBLINGS, len(ranked) - 1) :]]
        width = _name_width(shown)
        for name, score in shown:
            first = name == level.best
            style = ("green" if level.winner else "yellow") if first else "dim"
            line = _score_line(name, score, width, style)
            branch.add(line.append(f"  needs {facet.min_score:.2f}", style="dim") if first else line)
        if len(ranked) > len(shown):
            branch.add(Text(f"and {len(ranked) - len(shown)} more with less", style="dim"))
        why = f"lead {level.margin:+.2f}, needs {facet.min_margin:.2f}" if level.winner else level.reason
        branch.add(Text(why, style="dim"))
    return root


def _conditions(conditions: Iterable[MeasuredCondition]) -> Iterator[Text]:
    """Yield a line for each condition on what was measured: what it asks for, and what was found."""
    from vsortd.core.console import Text

    for one in conditions:
        line = Text(f"{one.option} {one.wanted}: ", style="dim")
        yield line.append(
            f"{one.found}{'' if one.holds else ', so it does not hold'}", style="green" if one.holds else "red"
        )


def _siblings(view: LevelView) -> list[tuple[str, Text, bool]]:
    """Return each sibling's name with a line for it, and whether the way goes on below it."""
    from vsortd.core.console import Text

    level = view.level
    ranked = view.ranked
    shown = [*ranked[:_MOST_SIBLINGS], *(pair for pair in ranked[_MOST_SIBLINGS:] if pair[0].startswith("("))]
    width = _name_width(shown)
    lines = []
    for name, score in shown:
        first = name == level.best
        style = ("green" if level.winner else "yellow") if first else "dim"
        line = _score_line(name, score, width, style)
        if first and view.rule is not None and view.rule.prompts:
            line.append(f"  needs {view.rule.min_score:.2f}", style="dim")
        elif name == level.runner_up:
            line.append("  next", style="dim")
        if name in level.heard:
            line.append(f"  seen {level.seen[name]:.2f}, heard {level.heard[name]:.2f}", style="dim")
        lines.append((name, line, name == level.winner))
    if len(ranked) > len(shown):
        lines.append(("", Text(f"and {len(ranked) - len(shown)} more with less", style="dim"), False))
    for name, share in view.not_found.items():
        closer = view.sightings.get(name)
        best = f"at best {share:.2f} in a frame" if closer is None else str(closer)
        lines.append((name, Text(f"{name}  looked for in vain: {best}", style="dim"), False))
    for name, why in level.excluded.items():
        lines.append((name, Text(f"{name}  left out: {why}", style="dim"), False))
    return lines


def _name_width(shown: Sequence[tuple[str, float]]) -> int:
    return min(32, max((len(printable(_named(name))) for name, _ in shown), default=0))


def _score_line(name: str, score: float, width: int, style: str) -> Text:
    """Return a name with its score as a bar; what did not come first has the style `dim` but for its name."""
    from vsortd.core.console import Text

    line = Text(f"{_named(name):<{width}}  ", style="" if style == "dim" else style)
    return line.append(bar(score, _BAR_CELLS), style=style).append(f" {score:.2f}", style=style)


def _remarks(view: LevelView) -> list[Text]:
    """Return why a level ended as it did: the lead that was needed, the frames for and against."""
    from vsortd.core.console import Text

    level, rule = view.level, view.rule
    why = level.reason
    if level.winner and rule is not None and rule.prompts:
        why = f"lead {level.margin:+.2f}, needs {rule.min_margin:.2f}"
    words = [Text(why, style="dim")]
    for side, style, speakers in (("for", "green", view.for_it), ("against", "red", view.against_it)):
        if speakers:
            line = Text(f"{side:<8}", style=style)
            words.append(line.append(", ".join(_known_prompts(one, side) for one in speakers), style="dim"))
    return words


def _known_prompts(one: Speaker, side: str) -> str:
    rival = f" ({_named(one.rival)} {one.rival_share:.2f})" if side == "against" else ""
    return f"{one.frame.clock} {one.share:.2f}{rival}"


def _named(name: str) -> str:
    """Return a sibling as people read it: none of these is no rule, but needs no brackets either."""
    from vsortd.judging.decide import NONE

    return NONE.strip("()") if name == NONE else name


def bar(share: float, width: int = 10) -> str:
    """Return a bar of so many cells for a share from 0 to 1."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "█" * full + "░" * (width - full)
