"""Category files: `[Category] (Name) prompts`, one a line, as the simplest sorters take them.

    [Nature] (Forest) a forest, trees in a wood
    [Nature] (Sea) the sea, calm or rough; a beach
    [Nature/Mountains] (Snowy)
    - snow-covered peaks
    # comment

A header's prompts are separated by commas, or by semicolons where they have commas themselves; words that end with
a full stop are one sentence. They may go on in the lines below, one prompt a line, until the next header; where that
is not sure to be meant, it is told. Headers of one folder add up. A file with mistakes is refused whole, with every
mistake.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from vsortd.config.diagnostics import Mistake, shorten
from vsortd.config.draft import RulePath, Rules, children_of, walk
from vsortd.core.names import NAME_MAX_BYTES, OWN_FOLDER, cut, folder_key, folder_name_problem, without_unseen
from vsortd.core.text import counted
from vsortd.core.units import about_size
from vsortd.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


MAX_BYTES: Final = 1_000_000  # as much as a config may have
MAX_LEVELS: Final = 400  # a config can't hold more than 440
MAX_PROMPT_CHARS: Final = 1_000
LENT_PROMPTS: Final = 24  # an average of more says little about any of them
REVIEW_FOLDER: Final = "_Review"  # where the config puts the undecided; no rule may share it

_HEADER = re.compile(r"\[(?P<category>[^\[\]]*)\]\s*(?:\((?P<name>[^()]*)\))?\s*:?(?P<prompts>.*)")
_COMMENT = re.compile(r"(?:^|\s)(?:#|//)(?:\s.*|$)|^(?:#|//).*")
_BULLET = re.compile("^[-*\u2022\u2013]\\s+")
# Writers of Chinese and Japanese get brackets, colon and semicolon in full width from their keyboards.
_FULL_WIDTH = str.maketrans("\u3010\u3011\uff3b\uff3d\uff08\uff09\uff1a\uff1b", "[][]():;") | {0xFF0C: ", "}
_STOPS = " .\u3002\uff0e\uff61"
_FORM = "[Category] (Name) prompt, prompt"


@dataclass(frozen=True, slots=True)
class Categories:
    """What a category file says: the rules, and what had to be changed to make folders of its names."""

    rules: Rules
    changes: tuple[str, ...]


class InvalidCategoryFileError(ConfigError):
    """The category file has mistakes; `mistakes` holds every one, in the order of the file."""

    def __init__(self, file: Path, mistakes: Sequence[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(mistakes)
        super().__init__(
            f"The category file has {counted(len(mistakes), 'mistake')}, so nothing was written:",
            details=[line for mistake in mistakes for line in mistake.lines(str(file))],
            remedy="Correct them and import it again.",
            paths=[file],
        )


def read_words(path: Path, what: str) -> bytes:
    """Return the bytes of a file of words, at most one more than it may have; `what` names its kind.

    Raises UsageError where it is not there, ConfigError where it can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        why = "is a folder" if isinstance(error, IsADirectoryError) else "is not there"
        raise UsageError(f"{path} {why}.", remedy=f"Name a {what}.", paths=[path]) from error
    except OSError as error:
        raise ConfigError(
            f"The {what} {path} can't be read: {error.strerror or error}.",
            remedy="Make it readable.",
            paths=[path],
        ) from error


def decode_words(data: bytes) -> tuple[list[str], Mistake | None]:
    """Return the lines of a file of words, whatever byte order mark it begins with; none, and why, where it is none."""
    if len(data) > MAX_BYTES:
        size = about_size(MAX_BYTES)
        message, allowed = f"the file is larger than {size}, so it was not read", f"a file of at most {size}"
        return [], Mistake(1, "", None, message, allowed)
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # what Notepad once called Unicode
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return [], Mistake(line, "", None, "this is no text in UTF-8", "a text file saved as UTF-8")
    return re.split(r"\r\n|\r|\n", text), None


def parse_categories(data: bytes) -> tuple[Categories, tuple[Mistake, ...]]:
    """Parse the bytes of a category file into its rules and every mistake in it."""
    reader = _CategoryReader()
    lines, unreadable = decode_words(data)
    if unreadable is not None:
        reader.mistakes.append(unreadable)
    for line, content in enumerate(lines, start=1):
        reader.take(line, content)
    if not reader.mistakes and not reader.prompts:
        reader.wrong(1, None, "there is no category in this file")
    rules = {path: tuple(prompts) for path, prompts in reader.prompts.items()}
    lent = lend_prompts(rules)
    notes = (
        f'"{"/".join(path)}" has no prompts of its own; it got those below it'
        for path in lent
        if lent[path] != rules[path]
    )
    return Categories(lent, (*reader.changes.values(), *reader.stray_notes(), *notes)), tuple(reader.mistakes)


@dataclass(slots=True)
class _CategoryReader:
    """The file as read so far; prompts of a rule in a dict, for its order and to have each once."""

    prompts: dict[RulePath, dict[str, None]] = field(default_factory=dict)
    changes: dict[tuple[str, RulePath], str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    _folders: dict[RulePath, RulePath] = field(default_factory=dict)  # what names share → the rule that has it
    _header: RulePath | None = None
    _full: bool = False  # the last header had prompts on its own line, or an empty line came after it
    _stray: dict[RulePath, list[tuple[int, str]]] = field(default_factory=dict)  # lines that may belong to no header
    _broken: bool = False  # the last header was a mistake: what follows it is not reported, too

    def wrong(self, line: int, value: str | None, message: str, allowed: str = _FORM) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(line, "", value, message, allowed))

    def take(self, line: int, content: str) -> None:
        """Take one line."""
        self._full = self._full or not content.strip()
        text = words_of_line(content)
        if not text:
            return
        if text.startswith("["):
            self._take_header(line, text)
        elif text.startswith("("):
            self.wrong(line, shorten(text), "a name in parentheses needs its category before it")
        elif self._header is not None:
            if self._full and not content[0].isspace() and not _BULLET.match(content):
                self._stray.setdefault(self._header, []).append((line, text))
            self._take_prompts(line, self._header, text.split(";"))
        elif not self._broken:
            self._broken = True
            self.wrong(line, shorten(text), "there is no [Category] before these words")

    def stray_notes(self) -> Iterator[str]:
        """Say which lines were taken as prompts though they may belong to no category."""
        for path, found in self._stray.items():
            first, text = found[0]
            more = f" and {counted(len(found) - 1, 'more line')}" if len(found) > 1 else ""
            taken = f"taken as {'prompts' if more else 'a prompt'} of"
            yield f'line {first}: "{shorten(text)}"{more} without a [Category], {taken} "{"/".join(path)}"'

    def _take_header(self, line: int, text: str) -> None:
        self._header, self._broken, self._full = None, True, False
        header = split_header(text)
        if isinstance(header, str):
            self.wrong(line, shorten(text), header)
            return
        category, name, prompts = header
        names = [part.strip() for part in re.split(r"[/\\]", category) if part.strip()]
        if not names:
            self.wrong(line, shorten(text), "the category has no name")
        elif name is not None and not name.strip():
            self.wrong(line, shorten(text), "there is nothing in the parentheses", f"{_FORM}; or no parentheses")
        elif len(names) >= MAX_LEVELS:
            self.wrong(line, shorten(text), f"this lies {len(names)} folders deep", f"at most {MAX_LEVELS} folders")
        else:
            path = self._path(line, [*names, *([name.strip()] if name else [])])
            if path is not None:
                self._header, self._broken = path, False
                self.prompts.setdefault(path, {})
                self._full = bool(prompts.strip())
                self._take_prompts(line, path, split_header_prompts(prompts))

    def _path(self, line: int, names: Sequence[str]) -> RulePath | None:
        """Return where a header's prompts go, its parents made; the spelling that came first counts."""
        path: RulePath = ()
        for name in names:
            folder = folder_name(name, at_top=not path)
            if not folder:
                self.wrong(line, name, "no folder can have this name", "a name with a letter or a digit")
                return None
            wanted = (*path, folder)
            path = self._folders.setdefault((*path, folder_key(folder)), wanted)
            self.prompts.setdefault(path, {})
            if path[-1] != name:
                why = folder_name_problem(name) or _clash(name, path[-1])
                self.changes.setdefault((name, path), f'line {line}: "{name}" became "{"/".join(path)}": {why}')
        return path

    def _take_prompts(self, line: int, path: RulePath, texts: Sequence[str]) -> None:
        for text in texts:
            prompt = " ".join(text.split()).rstrip(_STOPS)
            if problem := prompt_problem(prompt):
                self.wrong(line, shorten(prompt), *problem)
            elif prompt:
                self.prompts[path][prompt] = None


def words_of_line(content: str) -> str:
    """Return what a line says: without a comment or bullet, and brackets as they are told from words."""
    return _without_bullet(_COMMENT.sub("", content.strip())).translate(_FULL_WIDTH)


def split_header(text: str) -> tuple[str, str | None, str] | str:
    """Return a header's category, name (None without parentheses) and prompts as they stand, or what is wrong."""
    found = _HEADER.fullmatch(text)
    if found is None:
        return "the brackets around the category don't match"
    category, name, prompts = found["category"], found["name"], found["prompts"]
    if name is None and prompts.count("(") != prompts.count(")"):
        return "the parentheses around the name don't match"
    return category, name, prompts


def prompt_problem(prompt: str) -> tuple[str, str] | None:
    """Return why words can be no prompt, and what may stand there instead; None where they can."""
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in prompt):
        return "there is a control character in these words", "words"
    if len(prompt) > MAX_PROMPT_CHARS:
        return f"this prompt is {len(prompt):,} characters long", f"at most {MAX_PROMPT_CHARS:,}"
    return None


def split_header_prompts(text: str) -> list[str]:
    """Return the prompts behind a header: between semicolons, else commas; a sentence with its full stop is one."""
    text = _without_bullet(text)
    if ";" in text or text.endswith(tuple(_STOPS.strip())):
        return text.split(";")
    return re.split(r",\s+", text.rstrip(","))  # 1,000 people are one prompt


def folder_name(name: str, *, at_top: bool = False) -> str:
    """Return `name` if it can be a folder's, else the nearest that can, "" if nothing is left of it.

    `at_top`: beside the library's own folders, whose names are taken.
    """
    folder = "".join("-" if char in "/\\" else char for char in name)
    folder = "".join(char for char in without_unseen(folder, "") if unicodedata.category(char) != "Cs")
    folder = cut(folder, NAME_MAX_BYTES - 1).strip(" ").rstrip(". ")
    taken = {OWN_FOLDER, folder_key(REVIEW_FOLDER)} if at_top else {OWN_FOLDER}
    if folder_key(folder) in taken:
        folder = folder.lstrip("._")
    elif folder and folder_name_problem(folder):  # a device's name: the only problem that is left
        folder = f"_{folder}"
    return "" if folder_name_problem(folder) else folder


def _clash(name: str, folder: str) -> str:
    """Say why `name` went into a folder of another name that is a sound one itself."""
    if folder_key(name) == folder_key(folder):
        return "they are the same folder on some systems"
    return "vsortd has a folder of this name"


def _without_bullet(text: str) -> str:
    return _BULLET.sub("", text.strip(), count=1) if _BULLET.match(text.strip()) else text.strip()


def lend_prompts(rules: Rules) -> Rules:
    """Give a rule that has no words of its own, but rules below it, theirs.

    A video must win the outer rule before the inner ones are asked, and a name such as "B-roll" describes no
    picture; what its rules show does. They take turns, so that each is heard.
    """
    lent = dict(rules)
    below = children_of(rules)
    for path in reversed(list(walk(rules))):  # children first, so that theirs are there
        if not lent[path] and below[path]:
            turns = zip_longest(*(lent[child] or (child[-1],) for child in below[path]))
            words = dict.fromkeys(prompt for turn in turns for prompt in turn if prompt is not None)
            lent[path] = tuple(words)[:LENT_PROMPTS]
    return lent
