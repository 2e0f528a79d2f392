"""Groups, the folders and the rules that they become, as people read them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.tree import Tree

from vsortd.core.console import Text, print_tree
from vsortd.core.output import note
from vsortd.core.tables import Column, ColumnKind, NameLabel, print_table
from vsortd.core.text import counted
from vsortd.library.clusters.apply import Fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vsortd.library.clusters.apply import Applied, Prospect
    from vsortd.library.clusters.collect import Collected
    from vsortd.library.clusters.grouping import Grouping
    from vsortd.library.clusters.to_rules import Kept, RulesDraft

_MOST_FOLDERS: Final = 3  # that a group's videos come from, in the table
_MOST_REFUSED: Final = 20  # videos that are named one by one
_MOST_CONFUSED: Final = 12


def print_groups(out: Console, grouping: Grouping, collected: Collected) -> None:
    """Print a line for each group, then what belongs to none, and the time that it took."""
    columns = (
        Column("", ColumnKind.NUMBER, first=True),
        Column("group", ColumnKind.NAME),
        Column("videos", ColumnKind.NUMBER),
        Column("tightness", ColumnKind.NUMBER),
        Column("shows", ColumnKind.PROSE),
        Column("from", ColumnKind.PROSE),
    )
    rows = [
        (
            str(group.number),
            Text(group.name, style="bold"),
            str(len(group.members)),
            f"{group.tightness:.2f}",
            ", ".join(group.prompts[:3]),
            Text(_folders(group.folders, collected.folder), style="dim"),
        )
        for group in grouping.groups
    ]
    if rows:
        print_table(out, columns, rows)
    note(out, _sum(grouping, collected), style="dim")
    for one in collected.failed[:_MOST_REFUSED]:
        out.print(f"{one.path} can't be looked at: {one.reason}", style="red")
    _say_more(out, len(collected.failed) - _MOST_REFUSED, "that can't be looked at")


def _folders(folders: dict[str, int], base: Path | None) -> str:
    said = [f"{_short(Path(name), base)} ({count})" for name, count in list(folders.items())[:_MOST_FOLDERS]]
    more = len(folders) - len(said)
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def _short(folder: Path, base: Path | None) -> str:
    """Return a folder from the one that was asked for on, else its last two names."""
    if base is not None and folder.is_relative_to(base):
        return Path(base.name, folder.relative_to(base)).as_posix()
    return Path(*folder.parts[-2:]).as_posix()


def _sum(grouping: Grouping, collected: Collected) -> str:
    count = len(grouping.groups)
    groups = counted(count, "group") if count else "no group: too few videos look alike"
    said = f"{counted(len(grouping.films), 'video')}: {groups}, {len(grouping.noise)} in none."
    if grouping.sampled:
        said += f" Groups were found among {grouping.sampled:,} of them, by chance; the others joined by their nearest."
    if collected.looked_at:
        said += f" {counted(collected.looked_at, 'was', 'were')} new to the index."
    if collected.gone:
        gone = counted(collected.gone, "video of the index is", "videos of the index are")
        said += f" {gone} gone or changed: vsortd index --prune"
    spent = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in grouping.seconds.items())
    return f"{said} ({spent})" if spent else said


def print_next(out: Console, command: str, *, drawn: bool) -> None:
    """Print what may be typed next; `command` finds the same groups again, which are `drawn` already or not."""
    for more, what in (
        ("--out groups", "look at them"),
        ("--preview", "see the folders they would become"),
        ("--out groups.yaml", "write rules that sort new videos likewise"),
    ):
        if not (drawn and more == "--out groups"):
            note(out, Text(f"{command} {more}").append(f"  {what}", style="dim"))


def print_prospects(out: Console, prospects: Sequence[Prospect], library: Path) -> None:
    """Print the folders as a tree, each with its counts and some typical members."""
    root = Tree(Text(library, style="bold"))
    nodes: dict[tuple[str, ...], Tree] = {(): root}
    for one in sorted(prospects, key=lambda one: one.pile.parts):
        parts = one.pile.parts
        for depth in range(1, len(parts)):
            if parts[:depth] not in nodes:
                nodes[parts[:depth]] = nodes[parts[: depth - 1]].add(Text(parts[depth - 1], style="bold"))
        node = nodes[parts] = nodes[parts[:-1]].add(_prospect_line(one))
        for member in one.typical:
            node.add(NameLabel(Text(member.film.path, style="dim")))
        rest = len(one.going or one.there) - len(one.typical)
        if rest > 0:
            node.add(Text(f"and {rest} more", style="dim"))
    print_tree(out, root)
    _print_refused(out, [(member.film.path, reason) for one in prospects for member, reason in one.refused])


def _prospect_line(one: Prospect) -> Text:
    groups = ", ".join(f"{group.number}" for group in one.pile.groups)
    line = Text(one.pile.parts[-1], style="bold green" if one.is_new else "bold")
    line.append(f"  {len(one.going)}", style="bold")
    notes = [f"{'group' if len(one.pile.groups) == 1 else 'groups'} {groups}"]
    notes += ["new folder"] if one.is_new else []
    notes += [f"{len(one.there)} there already"] if one.there else []
    notes += [f"{len(one.refused)} refused"] if one.refused else []
    return line.append(f"  {', '.join(notes)}", style="dim not bold")


def print_applied(out: Console, applied: Applied, library: Path) -> None:
    """Print what was filed, or would be, the refused ones with their reasons, and how to take it back."""
    filed = applied.of(Fate.COPIED if applied.copies else Fate.FILED)
    done = "copied into" if applied.copies else "filed in"
    if applied.dry_run:
        for one in filed:
            line = Text(one.member.film.path).append(" → ", style="dim")
            out.print(line.append(one.destination))
    _print_refused(out, [(one.member.film.path, one.reason) for one in applied.of(Fate.REFUSED)])
    counts = Counter(one.pile.key for one in filed)
    would = "would be " if applied.dry_run else ""
    said = ", ".join(f"{count} into {key}" for key, count in counts.most_common())
    there = len(applied.of(Fate.THERE))
    also = f" {counted(there, 'lies', 'lie')} there already." if there else ""
    note(out, f"{counted(len(filed), 'video')} {would}{done} {library}{f': {said}' if said else ''}.{also}")
    if applied.dry_run:
        note(out, "Nothing was touched: this was a dry run.", style="dim")
    elif filed and not applied.copies:
        note(out, f"Undo all of it with: vsortd undo --batch {applied.batch}", style="dim")


def _print_refused(out: Console, refused: Sequence[tuple[Path, str]]) -> None:
    for path, reason in refused[:_MOST_REFUSED]:
        out.print(f"{path} refused: {reason}", style="red")
    _say_more(out, len(refused) - _MOST_REFUSED, "refused")


def print_rules(out: Console, draft: RulesDraft, kept: Kept | None, path: Path) -> None:
    """Print how well the rules sort the groups' own members, what is confused, and what to do with the file."""
    check = draft.check
    note(out, f"Wrote {counted(len(draft.piles), 'rule')} into {path}.")
    for share, what in ((check.examples, "with the examples"), (check.texts, "by the prompts alone")):
        low, high = share.interval
        numbers = f"{share.share:.1%} of {share.n} ({low:.0%} to {high:.0%})"
        note(out, f"  {numbers} are right {what}", style="dim")
    if check.strangers:
        strangers = counted(len(check.strangers), "video")
        said = f"  {check.filed_strangers} of {strangers} in no group would be filed all the same"
        note(out, said, style="dim")
    if check.is_poor:
        out.print("The check is poor: these rules don't sort as the groups do.", style="yellow")
    for sentence in check.confused()[:_MOST_CONFUSED]:
        if check.is_poor:
            out.print(f"  {sentence}", style="yellow")
        else:
            note(out, f"  {sentence}", style="dim")
    _say_more(out, len(check.confused()) - _MOST_CONFUSED, "of such rules")
    if kept is None:
        if check.examples.hits > check.texts.hits:
            note(out, "Examples would help: add --learn to keep some of each group.")
    else:
        note(out, f"Examples: {kept.sentence()}")
        for film, rule in kept.left_out[:_MOST_REFUSED]:
            note(out, f"  {film.path} left out: it was taught as {rule}", style="dim")
    note(out, "Put the rules into your config (vsortd edit), then: vsortd check")


def _say_more(out: Console, count: int, what: str) -> None:
    if count > 0:
        out.print(f"and {count} more {what}", style="dim")
