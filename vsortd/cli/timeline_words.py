"""`vsortd timeline --said` and `--text`: when in one video words are said, or visible in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.cli.common import SCHEMA_VERSION, console, opened_index, print_json, write_csv_of
from vsortd.cli.front.output_form import FORM_PARAMETER
from vsortd.cli.search_words import read_one
from vsortd.core.paths import own_name
from vsortd.core.text import counted, storable
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import click

    from vsortd.config.settings import Settings
    from vsortd.library.search.words import WordsKind

_FIELDS: Final = ("prompt", "begin_s", "end_s", "duration_s", "text", "source")
_TAKEN: Final = frozenset({"file", "prompts", "said", "text", "as_csv", "as_json", FORM_PARAMETER})
_MOST_SPANS: Final = 20  # shown of a prompt; --csv and --json have all


def follow_words(ctx: click.Context, settings: Settings, file: Path, prompts: Sequence[str]) -> int:
    """Say when words are said or shown in a video, as it was typed; the video is read where that was not done."""
    from vsortd.core.word_match import SoughtWords, find_words
    from vsortd.library.search.words import WordsKind

    kind = WordsKind.SAID if ctx.params["said"] else WordsKind.TEXT
    _insist_on_words_alone(ctx, kind)
    sought = [SoughtWords.parse(prompt, option=f"--{kind.value}") for prompt in dict.fromkeys(prompts)]
    path = own_name(file)
    with opened_index() as index:
        lines = read_one(settings, index, path, kind)
    found = [
        {
            "prompt": one.text,
            "begin_s": round(hit.begin_s, 3),
            "end_s": round(hit.end_s, 3),
            "duration_s": round(hit.end_s - hit.begin_s, 3),
            "text": hit.text,
            "source": hit.source,
        }
        for one in sought
        for hit in find_words(one, lines)
    ]
    if ctx.params["as_json"]:
        document = {"file": storable(path), "kind": kind.value, "lines": len(lines), "spans": found}
        print_json({"schema_version": SCHEMA_VERSION, **document})
    elif ctx.params["as_csv"]:
        write_csv_of(_FIELDS, found)
    else:
        _print(path, kind, [one.text for one in sought], found, lines=len(lines))
    return int(ExitCode.OK)


def _insist_on_words_alone(ctx: click.Context, kind: WordsKind) -> None:
    """Raise UsageError for options that are about frames and their scores."""
    if ctx.params["said"] and ctx.params["text"]:
        raise UsageError("--said and --text exclude one another.", remedy="Ask for one after the other.")
    for option in ctx.command.params:
        name = option.name or ""
        source = ctx.get_parameter_source(name)
        if name not in _TAKEN and source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{kind.value} and {option.opts[0]} exclude one another.", remedy=f"Ask for --{kind.value} alone."
            )


def _print(path: Path, kind: WordsKind, prompts: Sequence[str], found: Sequence[dict[str, Any]], *, lines: int) -> None:
    from vsortd.core.console import Text
    from vsortd.library.timeline.spans import clock

    out = console()
    what = "said" if kind.value == "said" else "to be read"
    head = Text(path.name, style="bold")
    out.print(head.append(f"  {counted(lines, 'line is', 'lines are')} {what} in it", style="dim not bold"))
    for prompt in prompts:
        own = [one for one in found if one["prompt"] == prompt]
        line = Text(prompt, style="bold").append("  yes" if own else "  no", style="green" if own else "dim")
        out.print(line.append(f", {counted(len(own), 'time')}" if own else "", style="not bold"))
        for one in own[:_MOST_SPANS]:
            span = f"  {clock(one['begin_s'] * 1000)} to {clock(one['end_s'] * 1000)}  "
            out.print(Text(span).append(one["text"], style="dim"))
        if len(own) > _MOST_SPANS:
            out.print(f"  and {len(own) - _MOST_SPANS} more: --csv lists all", style="dim")
