"""What the scripts of `vsortd.cli.completion_scripts` are answered: offers as lines of data, in a shell's own form.

A value is offered only if it is printable as it is; its description is made so. Nothing is said on any other way.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, Final

from vsortd.cli.completion_scripts import SEPARATOR
from vsortd.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED_BY: Final = "_VSORTD_COMPLETE"
ASKED_WORDS: Final = "_VSORTD_COMPLETE_WORDS"

_Offer = tuple[str, str]
_TOLD_CHARACTERS: Final = 100  # of a description: more is no help in a list
# What bash and its readline take as it stands, anywhere in a word.
_BASH_PLAIN: Final = re.compile(r"[A-Za-z0-9_./=+%@,:-]|[^\x00-\x7f]")
_BASH_PIECES: Final = re.compile(
    r"""(?P<blank>[ \t\n]+)
    | (?P<single>\$?'[^']*(?P<closing>'?))      # of $'…' the escapes stay: nothing is offered within it
    | (?P<double>\$?"(?:\\.|[^"\\]|\\\Z)*(?P<closed>"?))
    | (?P<plain>\\.?|[^ \t\n])""",
    re.VERBOSE | re.DOTALL,
)


def answer(shell: str) -> int:
    """Write the offers for a shell on stdout, whose request lies in the environment; returns the exit code.

    A script of another making (the name of a shell is not ours then) gets no answer: one of those evaluated it.
    """
    typed = os.environ.get(ASKED_WORDS, "").split(SEPARATOR)
    lines: list[str] = []
    with contextlib.suppress(Exception):
        if shell == "bash":
            lines = _for_bash(*typed)
        elif shell in _FORMS:
            lines = _FORMS[shell](_offers(typed[:-1], typed[-1]))
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode("utf-8", "ignore"))
    sys.stdout.flush()
    return 0 if shell in {"bash", *_FORMS} else 1


def _offers(words: list[str], incomplete: str) -> list[_Offer]:
    """Return (word, description) of what may stand in place of the last word, as typed without its quotes."""
    from click.shell_completion import ShellComplete

    from vsortd.cli.app import command, hoist_config

    head = ""
    if incomplete.startswith("--") and "=" in incomplete and "--" not in words:
        option, _, incomplete = incomplete.partition("=")
        words, head = [*words, option], f"{option}="
    words = hoist_config(words)
    offered = ShellComplete(command(), {}, "vsortd", ASKED_BY).get_completions(list(words), incomplete)
    found = [(str(one.value), str(one.help or "")) for one in offered]
    # A name that begins with a dash is an option to the command, wherever no option waits for its value.
    dashed = "--" in words or incomplete.startswith("-") or (bool(words) and words[-1].startswith("-"))
    return [
        (head + word, _told(told))
        for word, told in found
        if word and word == printable(word) and (dashed or not word.startswith("-"))
    ]


def _told(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _TOLD_CHARACTERS else f"{line[: _TOLD_CHARACTERS - 1]}…"


def _for_zsh(offers: list[_Offer]) -> list[str]:
    """Return lines `value:description` as `_describe` reads them, which takes every backslash for an escape."""
    escaped = [(re.sub(r"([\\:])", r"\\\1", word), told.replace("\\", "\\\\")) for word, told in offers]
    return [f"{word}:{told}" if told else word for word, told in escaped]


def _for_fish(offers: list[_Offer]) -> list[str]:
    """Return lines with tabs, but no name that begins with a tilde, which fish would put in as somebody's home."""
    return _with_tabs([offer for offer in offers if not offer[0].startswith("~")])


def _with_tabs(offers: list[_Offer]) -> list[str]:
    return [f"{word}\t{told}" if told else word for word, told in offers]


_FORMS: Final[dict[str, Callable[[list[_Offer]], list[str]]]] = {
    "zsh": _for_zsh,
    "fish": _for_fish,
    "powershell": _with_tabs,
}


def _for_bash(line: str, replaced: str) -> list[str]:
    """Return what readline may put in place of `replaced`, the end of a line up to the cursor, quoted as fits there."""
    words, quote = bash_words(line)
    if not words or quote.startswith("$"):
        return []
    last = words[-1]
    (tail, *_), _ = bash_words(quote + replaced)
    if not last.endswith(tail):
        return []
    head = last.removesuffix(tail)
    return [_bash_quoted(word[len(head) :], quote) for word, _ in _offers(words[1:-1], last) if word.startswith(last)]


def bash_words(line: str) -> tuple[list[str], str]:
    """Split the start of a command as bash does, evaluating nothing; returns the words and the quote left open.

    The last word is the one that is being typed, empty behind a blank.
    """
    words, quote, begun = [""], "", False
    for piece in _BASH_PIECES.finditer(line):
        kind, text = piece.lastgroup, piece[0]
        quote = ""
        if kind == "blank":
            words += [""] if begun else []
        elif kind == "plain":
            words[-1] += text.removeprefix("\\")
        else:
            opening = text[: text.index(text.lstrip("$")[0]) + 1]
            quote = "" if piece["closing" if kind == "single" else "closed"] else opening
            inner = text[len(opening) : len(text) - (0 if quote else 1)]
            words[-1] += inner if kind == "single" else re.sub(r'\\(["\\$`])', r"\1", inner)
        begun = kind != "blank"
    return words, quote


def _bash_quoted(text: str, quote: str) -> str:
    if not quote:
        return "".join(char if _BASH_PLAIN.fullmatch(char) else f"\\{char}" for char in text)
    within_double = re.sub(r'([\\"$`])', r"\\\1", text).replace("!", '"\\!"')
    quoted = within_double if quote == '"' else text.replace("'", "'\\''")
    # readline closes the quote, but not where its character stands at the end already, whatever that one means there.
    return quoted + quote if quoted.endswith(quote) else quoted
