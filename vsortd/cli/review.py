"""`vsortd review`: the undecided videos one after another, a key for each answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    at_terminal,
    console,
    load,
    models,
    print_json,
    state_folder,
    write_csv_of,
)
from vsortd.core.output import note
from vsortd.core.text import counted, printable
from vsortd.errors import ExitCode, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vsortd.cli.keypress import Keys
    from vsortd.config.settings import Settings
    from vsortd.core.console import Text
    from vsortd.core.video_facts import Clip
    from vsortd.learning.review_queue import Session, Waiting

_HELP = (
    ("1-9", "file it there, and learn from it; Enter takes a second opinion"),
    ("/", "find another rule: type a part of its name, then a number or Enter"),
    ("0, x", "it belongs nowhere: none of the rules fits; learn from that, too"),
    ("o", "open it in the player"),
    ("s", "skip it for now"),
    ("n", "make a new rule for it in the config"),
    ("u", "undo the last choice, and what was learned from it"),
    ("q", "quit; what was chosen stays"),
)
_BAR_WIDTH = 10


def review(ctx: click.Context, as_csv: CsvFlag = False, as_json: JsonFlag = False) -> int:
    """Decide on the videos that vsortd was unsure of.

    Each choice files the video, and vsortd learns from it.
    """
    from vsortd.cli.common import open_journal
    from vsortd.config.rules import build_rules
    from vsortd.learning.review_queue import waiting_in

    settings = load(ctx)
    journal = open_journal()
    queue: list[Waiting] = []
    if journal is not None:
        with journal:
            queue = waiting_in(journal, build_rules(settings))
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "items": [one.to_json() for one in queue]})
    elif as_csv:
        columns = ("id", "time", "path", "reason", "level", "guesses", "second_opinion")
        write_csv_of(columns, [one.to_json() for one in queue])
    elif not queue:
        note(console(), "Nothing waits for review.")
    elif at_terminal():
        return _interview(ctx, settings, queue)
    else:
        _print_list(queue)
    return int(ExitCode.OK)


def _print_list(queue: Sequence[Waiting]) -> None:
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table

    out, rows = console(), []
    for one in queue:
        guesses = ", ".join(f"{guess.rule} {guess.score:.2f}" for guess in one.guesses)
        why = Text(f"{one.reason}{f' ({guesses})' if guesses else ''}", style="dim")
        if one.opinion is not None:
            why.append(f"; {one.opinion.sentence}", style="cyan")
        rows.append((f"#{one.item}", str(one.path), why))
    print_table(
        out,
        (Column("", ColumnKind.NUMBER, first=True), Column("", ColumnKind.NAME), Column("", ColumnKind.PROSE)),
        rows,
    )
    note(
        out,
        "Decide on them one by one with `vsortd review` in a terminal, or: vsortd teach FILE RULE, or FILE --none",
    )


def _interview(ctx: click.Context, settings: Settings, queue: list[Waiting]) -> int:
    from vsortd.cli.keypress import keys_of_terminal
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.core.paths import find_config
    from vsortd.learning.review_queue import Session
    from vsortd.pipeline.services import Services

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    config = find_config(ctx.obj.config)
    with Services.open(settings, state_folder(), keep_trying=False, load_model=False, models=models()) as services:
        session = Session(services, config, queue)
        try:
            with keys_of_terminal() as keys:
                _Dialogue(session, keys, console()).run()
        finally:
            session.services.retire(services)  # whoever opened `services` closes what is its own
    return int(ExitCode.OK)


class _Dialogue:
    """The conversation: shows a video, takes a key, does it, says what was done."""

    def __init__(self, session: Session, keys: Keys, out: Console) -> None:
        self._session = session
        self._keys = keys
        self._out = out
        self._choices: list[str] = []
        self._made: list[str] = []  # the rules that were made on the way: the next videos may belong there, too
        self._done = False

    def run(self) -> None:
        """Go on until all are through or the person has enough."""
        self._say(f"{len(self._session.queue)} to decide on. ? for help.", "dim")
        try:
            self._converse()
        except KeyboardInterrupt:
            self._say("interrupted")
            self._farewell()
            raise
        self._farewell()

    def _converse(self) -> None:
        shown = None
        while not self._done and (waiting := self._session.current) is not None:
            if waiting is not shown:
                self._show(waiting)
                shown = waiting
            self._out.print("> ", end="", style="bold") if self._keys.single else None
            try:
                if self._answer(self._keys.read(), waiting):
                    shown = None
            except VsortdError as error:
                for number, line in enumerate(error.lines()):
                    self._say(line, "" if number else "red")

    def _farewell(self) -> None:
        tally, left = self._session.tally, len(self._session.queue) - self._session.at
        parts = [f"{tally['filed']} filed"]
        if nowhere := tally["nowhere"]:
            parts.append(counted(nowhere, "belongs nowhere", "belong nowhere"))
        if tally["skipped"]:
            parts.append(f"{tally['skipped']} skipped")
        parts.append(f"{left} left" if left else "")
        self._say(", ".join(filter(None, parts)) + ".", "bold")

    def _answer(self, key: str, waiting: Waiting) -> bool:
        """Do what a key asks for; returns whether the video is to be shown (anew)."""
        from vsortd.cli.keypress import END, ENTER, ESCAPE

        if key.startswith("/"):
            return self._find(key[1:])
        actions = {
            "x": self._nowhere,
            "o": self._open,
            "s": self._skip,
            "n": self._new_rule,
            "u": self._undo,
            "?": self._help,
        }
        if key in {"", ENTER} and waiting.opinion is not None and waiting.opinion.rule:
            return self._pick(1)
        if key.isdecimal():
            return self._pick(int(key))
        if key.lower() in actions:
            return actions[key.lower()](waiting)
        if key.lower() in {"q", END}:
            self._echo("quit")
            self._done = True
        elif key not in {"", ENTER, ESCAPE}:
            self._echo(f"{key}: no such answer; ? for help")
        elif self._keys.single:
            self._out.print()
        return False

    def _echo(self, text: str) -> None:
        """Say what a single key was taken for; a line shows itself."""
        if self._keys.single or " " in text:
            self._say(text)

    def _pick(self, number: int) -> bool:
        if not number:
            return self._file(None)
        if not 1 <= number <= len(self._choices):
            self._echo(f"{number}: there is no such choice")
            return False
        return self._file(self._choices[number - 1])

    def _file(self, rule: str | None) -> bool:
        """File the video under a rule, None for nowhere."""
        from vsortd.core.console import Text

        lesson = self._session.nowhere() if rule is None else self._session.choose(rule)
        line = Text().append("→ ", style="green").append(lesson.what, style="bold green")
        where = lesson.destination
        if where.is_relative_to(self._session.services.settings.library):
            where = where.relative_to(self._session.services.settings.library)
        what = "stays" if lesson.destination == lesson.source else "filed"
        line.append(f"  {what} as {where}; learned from", style="dim")
        self._out.print(line)
        return True

    def _nowhere(self, _waiting: Waiting) -> bool:
        return self._file(None)

    def _skip(self, _waiting: Waiting) -> bool:
        self._echo("skipped")
        self._session.skip()
        return True

    def _undo(self, _waiting: Waiting) -> bool:
        taken = self._session.undo()
        if taken is None:
            self._echo("there is nothing to undo yet")
            return False
        self._say(f"undone: {taken.path.name} is back, and no longer an example", "magenta")
        return True

    def _help(self, _waiting: Waiting) -> bool:
        from vsortd.core.tables import Column, ColumnKind, print_table

        self._out.print()
        rows = [(f"  {key}", what) for key, what in _HELP]
        print_table(self._out, (Column("", first=True), Column("", ColumnKind.PROSE)), rows)
        return False

    def _open(self, waiting: Waiting) -> bool:
        from vsortd.core.system.desktop_open import open_on_desktop

        self._echo("opening it …" if open_on_desktop(waiting.path) else f"no player found; it lies at {waiting.path}")
        return False

    # Finding a rule

    def _find(self, text: str) -> bool:
        from vsortd.learning.review_queue import matching

        tree = self._session.services.tree
        if not self._keys.single:
            self._choices = matching(tree, text)
            self._print_choices()
            return False
        return self._find_by_keys(text)

    def _find_by_keys(self, text: str) -> bool:
        """Narrow the rules down letter by letter, on one line; a number or Enter chooses, Escape goes back."""
        from vsortd.cli.keypress import BACKSPACE, END, ENTER, ESCAPE
        from vsortd.learning.review_queue import matching

        while True:
            found = matching(self._session.services.tree, text)
            self._redraw(text, found)
            key = self._keys.read()
            if key in {ESCAPE, END} or (key == BACKSPACE and not text):
                self._out.print()
                return False
            if key == BACKSPACE:
                text = text[:-1]
            elif key == ENTER or (key.isdecimal() and int(key) >= 1):
                number = 1 if key == ENTER else int(key)
                if number <= len(found):
                    self._out.print()
                    return self._file(found[number - 1])
            elif key.isprintable():
                text += key

    def _redraw(self, text: str, found: Sequence[str]) -> None:
        rules = "  ".join(f"{number} {printable(rule)}" for number, rule in enumerate(found, start=1))
        line = f"/{printable(text)}_  {rules or 'no rule is called so'}"
        sys.stdout.write("\r\x1b[K" + line[: max(10, self._out.width - 1)])
        sys.stdout.flush()

    # A new rule

    def _new_rule(self, _waiting: Waiting) -> bool:
        from vsortd.cli.review_new_rule import NewRuleQuestions

        self._echo("a new rule; an empty name goes back")
        questions = NewRuleQuestions(self._session, self._keys, self._say)
        new = questions.ask()
        if new is None:
            return False
        self._session.add_rule(new)
        self._made.append(new.key)
        self._say(f"wrote the rule {new.key} into {self._session.config}", "green")
        questions.tell_daemon()
        return self._file(new.key)

    # Showing

    def _show(self, waiting: Waiting) -> None:
        from vsortd.core.console import Text
        from vsortd.learning.review_queue import FOUND
        from vsortd.learning.teaching import none_of

        session = self._session
        self._out.print()
        head = Text().append(f"{session.at + 1}/{len(session.queue)} ", style="dim")
        head.append(waiting.path.name, style="bold")
        self._out.print(head)
        clip = session.facts(waiting)
        size = waiting.path.stat().st_size if waiting.path.exists() else 0
        self._out.print(Text("    ").append(_facts_line(clip, size)))
        self._out.print(Text("    ").append(waiting.reason, style="dim"))
        scores = {guess.rule: guess.score for guess in waiting.guesses}
        said = self._say_opinion(waiting)
        self._choices = list(dict.fromkeys((*said, *scores, *self._made)))[:FOUND]
        self._print_choices(scores)
        self._out.print(_choice_line(0, none_of(waiting.level), 0, None))

    def _say_opinion(self, waiting: Waiting) -> list[str]:
        """Tell what a model elsewhere said; return the rule that it named, in a list."""
        from vsortd.core.console import Text

        opinion = waiting.opinion
        if opinion is None:
            return []
        line = Text("    ").append(opinion.sentence, style="cyan")
        self._out.print(line.append("  (Enter takes it)", style="dim") if opinion.rule else line)
        return [opinion.rule] if opinion.rule else []

    def _print_choices(self, scores: dict[str, float] | None = None) -> None:
        width = max(map(len, self._choices), default=0)
        for number, rule in enumerate(self._choices, start=1):
            self._out.print(_choice_line(number, rule, width, (scores or {}).get(rule)))
        if not self._choices:
            self._say("no guess; / finds a rule by its name", "dim")

    def _say(self, text: str, style: str = "") -> None:
        self._out.print(text, style=style)


def _choice_line(number: int, rule: str, width: int, score: float | None) -> Text:
    from vsortd.core.console import Text

    line = Text().append(f"  {number}  ", style="bold cyan").append(rule.ljust(width))
    if score is not None:
        filled = round(score * _BAR_WIDTH)
        line.append(f"  {'█' * filled}{'░' * (_BAR_WIDTH - filled)} {score:.2f}", style="dim")
    return line


def _facts_line(clip: Clip | None, size_bytes: int) -> str:
    if clip is None:
        return "it can't be read just now"
    from vsortd.core.moments import recorded_moment
    from vsortd.core.units import about_size

    minutes, seconds = divmod(round(clip.duration_s), 60)
    recorded = recorded_moment(clip.recorded_at)
    facts: list[Any] = [
        f"{minutes}:{seconds:02d}",
        f"{clip.shown_width_px}x{clip.shown_height_px} {clip.orientation}",
        clip.video_codec,
        f"{clip.fps:.4g} frames/s" if clip.fps else "",
        "with sound" if clip.has_audio else "no sound",
        clip.camera,
        recorded.date().isoformat() if recorded else "",
        about_size(size_bytes),
    ]
    return " · ".join(filter(None, facts))
