"""Files of labels: a list of one label a line, and categories that compete within units.

    [Mood]                              [Mood] (Calm) still water, an empty road
    (Calm)                              [Mood] (Tense) somebody runs; a dark corridor
    Still water, and nobody near.
    (Tense)
    Somebody runs away.

Both forms of categories may stand in one file. Each unit is a question of its own. A category's prompts are those
behind it, as in `vsortd.config.category_file`, and those below it, one a line; without any its name is its prompt.
Headers without parentheses that have prompts (`[Sea] waves`) are the categories of one unit without a name. A file with
mistakes is refused whole, with every mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vsortd.config.category_file import (
    decode_words,
    prompt_problem,
    read_words,
    split_header,
    split_header_prompts,
    words_of_line,
)
from vsortd.config.diagnostics import Mistake, shorten
from vsortd.core.text import counted
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MAX_PROMPTS: Final = 10_000  # each is embedded in several sentences: these take minutes without a GPU

_FORM: Final = "[Question], (Category), prompts below, one a line; or [Question] (Category) prompt, prompt"
_CATEGORY: Final = re.compile(r"\((?P<name>[^()]*)\)\s*:?")


@dataclass(frozen=True, slots=True)
class LabelCategory:
    """One of the answers of a unit: its name, and the prompts that mean it, at least one."""

    name: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelUnit:
    """A question whose answers compete; `name` is "" for a list of labels.

    `exclusive`: of categories only the one that leads counts in a frame; of labels each that is sure enough does.
    """

    name: str
    categories: tuple[LabelCategory, ...]
    exclusive: bool = True


class InvalidLabelFileError(ConfigError):
    """The file has mistakes; `mistakes` holds every one, in the order of the file."""

    def __init__(self, file: Path, mistakes: Sequence[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(mistakes)
        super().__init__(
            f"{file.name} has {counted(len(mistakes), 'mistake')}, so no video was looked at:",
            details=[line for mistake in mistakes for line in mistake.lines(str(file))],
            remedy="Correct them and ask again.",
            paths=[file],
        )


def is_category_line(text: str) -> bool:
    """Tell whether a line, as `words_of_line` returns it, is a category in parentheses that stands alone."""
    return _CATEGORY.fullmatch(text) is not None


def label_unit(labels: Iterable[str]) -> LabelUnit:
    """Return labels as the unit in which they compete, each its own prompt, each once."""
    return LabelUnit("", tuple(LabelCategory(label, (label,)) for label in dict.fromkeys(labels)), exclusive=False)


def read_labels(path: Path) -> LabelUnit:
    """Read a list of labels: one a line, blank lines skipped.

    Raises InvalidLabelFileError with every mistake, ConfigError where it can't be read, UsageError where it is not
    there.
    """
    unit, mistakes = parse_labels(read_words(path, "file with a label on each line"))
    if mistakes:
        raise InvalidLabelFileError(path, mistakes)
    return unit


def parse_labels(data: bytes) -> tuple[LabelUnit, tuple[Mistake, ...]]:
    """Parse the bytes of a list of labels; return them with every mistake."""
    lines, unreadable = decode_words(data)
    if unreadable is not None:
        return label_unit(()), (unreadable,)
    labels: dict[str, int] = {}
    mistakes = []
    for number, content in enumerate(lines, start=1):
        label = " ".join(content.split())
        problem = _header_among_labels(label) or prompt_problem(label)
        if problem is not None:
            mistakes.append(Mistake(number, "", shorten(label), *problem))
        elif label:
            labels.setdefault(label, number)
    if not mistakes and not labels:
        mistakes.append(Mistake(1, "", None, "there is no label in this file", "a label on each line"))
    if len(labels) > MAX_PROMPTS:
        mistakes.append(_too_many(list(labels.values())[MAX_PROMPTS], "labels"))
    return label_unit(labels), tuple(mistakes)


def _header_among_labels(label: str) -> tuple[str, str] | None:
    if not (label.startswith("[") and "]" in label):
        return None
    return "a list of labels has no [Question]", "a label; categories are for --categories"


def _too_many(line: int, what: str) -> Mistake:
    message = f"from here on there are more than {MAX_PROMPTS:,} {what}"
    return Mistake(line, "", None, message, f"at most {MAX_PROMPTS:,}")


def read_units(path: Path) -> tuple[LabelUnit, ...]:
    """Read a file of categories; raises like `read_labels`."""
    units, mistakes = parse_units(read_words(path, "file of categories"))
    if mistakes:
        raise InvalidLabelFileError(path, mistakes)
    return units


def parse_units(data: bytes) -> tuple[tuple[LabelUnit, ...], tuple[Mistake, ...]]:
    """Parse the bytes of a file of categories; return its units in their order with every mistake."""
    lines, unreadable = decode_words(data)
    if unreadable is not None:
        return (), (unreadable,)
    reader = _UnitReader()
    for number, content in enumerate(lines, start=1):
        reader.take(number, content)
    reader.end()
    if not reader.mistakes and not reader.units:
        reader.wrong(1, None, "there is no category in this file")
    return tuple(reader.read()), tuple(sorted(reader.mistakes, key=lambda mistake: mistake.line))


@dataclass(slots=True)
class _UnitReader:
    """The file as read so far: by unit and category the prompts, in a dict for their order and to have each once."""

    units: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    _unit: str | None = None  # whose categories come
    _unit_line: int = 0
    _category: tuple[str, str] | None = None  # unit and name of the one whose prompts come
    _empty: bool = False  # the unit's header had nothing behind it, and nothing has come below it
    _broken: bool = False  # the last header was a mistake: what follows it is not reported, too
    _count: int = 0

    def wrong(self, line: int, value: str | None, message: str, allowed: str = _FORM) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(line, "", value, message, allowed))

    def read(self) -> Iterator[LabelUnit]:
        """Yield the units."""
        for unit, categories in self.units.items():
            yield LabelUnit(
                unit, tuple(LabelCategory(name, tuple(prompts) or (name,)) for name, prompts in categories.items())
            )

    def take(self, line: int, content: str) -> None:
        """Take one line."""
        text = words_of_line(content)
        if not text:
            return
        if text.startswith("["):
            self._take_header(line, text)
        elif text.startswith("("):
            self._take_category(line, text)
        elif self._category is None and self._unit is None:
            if not self._broken:
                self._broken = True
                self.wrong(line, shorten(text), "there is no [Question] before these words")
        elif not self._broken:
            if self._category is None:  # they are the header's own: it is a category of the unit without a name
                self._begin("", self._unit or "")
            self._take_prompts(line, text.split(";"))

    def end(self) -> None:
        """Close the last unit."""
        if self._empty and self._unit is not None:
            self.wrong(self._unit_line, f"[{shorten(self._unit)}]", "there is no (Category) below this question")
        self._unit, self._category, self._empty = None, None, False

    def _take_header(self, line: int, text: str) -> None:
        self.end()
        self._broken = True
        header = split_header(text)
        if isinstance(header, str):
            self.wrong(line, shorten(text), header)
            return
        unit, name, prompts = (None if part is None else " ".join(part.split()) for part in header)
        if not unit:
            self.wrong(line, shorten(text), "the question has no name")
        elif name == "":
            self.wrong(line, shorten(text), "there is nothing in the parentheses")
        elif self._can_be_named(line, unit) and (name is None or self._can_be_named(line, name)):
            self._broken = False
            if name is not None:
                self._unit, self._unit_line = unit, line
                self._begin(unit, name)
            elif prompts:
                self._begin("", unit)
            else:
                self._unit, self._unit_line, self._empty = unit, line, True
            if prompts:
                self._take_prompts(line, split_header_prompts(prompts))

    def _take_category(self, line: int, text: str) -> None:
        found, unit, orphaned = _CATEGORY.fullmatch(text), self._unit, self._unit is None and self._broken
        self._category, self._broken, self._empty = None, True, False
        name = " ".join(found["name"].split()) if found else ""
        if found is None:
            self.wrong(line, shorten(text), "a category in parentheses stands alone on its line")
        elif not name:
            self.wrong(line, shorten(text), "there is nothing in the parentheses")
        elif unit is None:
            if not orphaned:
                self.wrong(line, shorten(text), "there is no [Question] before this category")
        elif unit in self.units.get("", {}) and unit not in self.units:
            self.wrong(line, shorten(text), f'"{shorten(unit)}" above it has prompts that belong to no (Category)')
        elif self._can_be_named(line, name):
            self._broken = False
            self._begin(unit, name)

    def _begin(self, unit: str, category: str) -> None:
        self._category, self._empty = (unit, category), False
        self.units.setdefault(unit, {}).setdefault(category, {})

    def _can_be_named(self, line: int, name: str) -> bool:
        problem = prompt_problem(name)
        if problem is not None:
            self.wrong(line, shorten(name), *problem)
        return problem is None

    def _take_prompts(self, line: int, texts: Sequence[str]) -> None:
        assert self._category is not None
        unit, name = self._category
        for text in texts:
            prompt = " ".join(text.split())
            if problem := prompt_problem(prompt):
                self.wrong(line, shorten(prompt), *problem)
            elif prompt and prompt not in self.units[unit][name]:
                self.units[unit][name][prompt] = None
                self._count += 1
                if self._count == MAX_PROMPTS + 1:
                    self.mistakes.append(_too_many(line, "prompts"))
