"""What would become of filed videos by other rules, for people: how many, and a table of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from vsortd.core.output import note
from vsortd.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vsortd.core.console import Text
    from vsortd.pipeline.rules_preview import PreviewItem, PreviewOutcome, RulesPreview

FIELDS: Final = (
    "id",
    "path",
    "outcome",
    "certain",
    "state_before",
    "rule_before",
    "decided_by",
    "state",
    "rule",
    "folder",
    "score",
    "margin",
    "reason",
)
_WORDS: Final = {
    "stays": ("stays", "stay", "dim"),
    "moves": ("moves", "move to another folder", "green"),
    "to_review": ("to review", "go to review", "yellow"),
    "from_review": ("from review", "come out of review", "green"),
    "rejected": ("rejected", "are accepted no longer (they stay where they are)", "red"),
    "kept": ("kept", "stay though the rules say otherwise: by your word, or a repair found them there", "cyan"),
    "unknown": ("look again", "have to be looked at again", "magenta"),
    "gone": ("gone", "are not where they were put", "red"),
}
_SHOWN_REASONS: Final = 5


def print_counts(out: Console, found: RulesPreview, *, look: bool, again: str) -> None:
    """Print how many videos have each outcome, and why some can't be told of; `look`: these were looked at just now.

    Else `again` is the command that does.
    """
    from vsortd.core.console import Text

    counts = {outcome: count for outcome, count in found.counts.items() if count}
    widest = max((len(str(count)) for count in counts.values()), default=0)
    for outcome, count in counts.items():
        _, words, style = _WORDS[outcome.value]
        out.print(Text(f"{count:>{widest}} ").append(words, style=style))
    reasons = Counter(item.reason for item in found.items if item.outcome.value == "unknown")
    for reason, count in reasons.most_common(_SHOWN_REASONS):
        out.print(Text(f"  {count} {reason}", style="dim"))
    if reasons and not look:
        note(out, f"Look at those now, which takes as long as sorting them: {again}", style="dim")
    if found.elsewhere:
        note(out, f"{counted(found.elsewhere, 'video')} in another library left out.", style="dim")


def print_changes(out: Console, items: Sequence[PreviewItem], *, limit: int) -> None:
    """Print a table of some videos, `limit` at most (0: all)."""
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table

    if not items:
        return
    columns = (
        Column("id", ColumnKind.NUMBER, first=True),
        Column("", first=True),
        Column("video", ColumnKind.NAME),
        Column("from", ColumnKind.NAME),
        Column("to", ColumnKind.NAME),
        Column("why", ColumnKind.PROSE),
    )
    rows = [
        (str(one.id), _state(one.outcome), one.path.name, one.path.parent.name, _to(one), Text(one.reason, style="dim"))
        for one in (items[:limit] if limit else items)
    ]
    print_table(out, columns, rows)
    if limit and len(items) > limit:
        note(out, f"… and {len(items) - limit} more: --limit 0 lists all of them, --csv as a table.", style="dim")


def _state(outcome: PreviewOutcome) -> Text:
    from vsortd.core.console import Text

    word, _, style = _WORDS[outcome.value]
    return Text(word, style=style)


def _to(one: PreviewItem) -> str:
    return "/".join(one.folder) if one.is_certain and one.outcome.value != "rejected" else ""
