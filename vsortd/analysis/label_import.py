"""Files of labels and categories as parts of a config: each label a rule, several units questions of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vsortd.analysis.label_files import is_category_line, parse_labels, parse_units
from vsortd.analysis.label_reading import ImportAs
from vsortd.config.category_file import (
    InvalidCategoryFileError,
    decode_words,
    folder_name,
    lend_prompts,
    parse_categories,
    read_words,
    words_of_line,
)
from vsortd.config.diagnostics import Mistake, nearest_of, shorten
from vsortd.config.error_messages import keys_of
from vsortd.config.tag_options import Facet
from vsortd.core.names import RESERVED_FIELDS, folder_key, nfc, tag_part, tag_part_problem
from vsortd.core.text import counted
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vsortd.analysis.label_files import LabelUnit
    from vsortd.config.draft import Facets, RulePath, Rules


_AS_FACETS: Final = "a question of its own, whose answer is a tag"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file says: rules, or else facets; what had to be changed for names, and a note on how it was read."""

    rules: Rules = field(default_factory=dict)
    facets: Facets = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    note: str = ""


class _UnusableNameError(Exception):
    """A name of which nothing is left that a config could take."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message


def import_labels(path: Path, wanted: ImportAs | None = None) -> Imported:
    """Read a list of labels, or categories in either form, as what is `wanted` or else fits them best.

    That is facets for several `[Question]`s with their `(Category)` lines, and rules for all else. Raises
    InvalidCategoryFileError with every mistake, ConfigError where it can't be read or can't be what is wanted,
    UsageError where it is not there.
    """
    data = read_words(path, "category file")
    lines, _ = decode_words(data)
    try:
        return _imported(path, data, [words_of_line(line) for line in lines], wanted)
    except _UnusableNameError as error:
        line = next((number for number, text in enumerate(lines, 1) if error.name in " ".join(text.split())), 1)
        mistake = Mistake(line, "", shorten(error.name), error.message, "a name with a letter or a digit")
        raise InvalidCategoryFileError(path, [mistake]) from error


def _imported(path: Path, data: bytes, texts: Sequence[str], wanted: ImportAs | None) -> Imported:
    in_lines = any(is_category_line(text) for text in texts)
    has_headers = in_lines or any(text.startswith("[") for text in texts)
    if texts and not has_headers:
        return _from_list(path, data, wanted)
    if wanted is ImportAs.FACETS or in_lines:
        return _from_units(path, data, wanted)
    categories, mistakes = parse_categories(data)
    if mistakes:
        raise InvalidCategoryFileError(path, mistakes)
    return Imported(categories.rules, changes=categories.changes, note=_offer(data))


def _offer(data: bytes) -> str:
    """Say that categories which are folders now could be questions, where all of them have answers to choose from."""
    units, mistakes = parse_units(data)
    if mistakes or len(units) == 1 or not all(unit.name and len(unit.categories) > 1 for unit in units):
        return ""
    return f"{len(units)} categories became folders that compete; --as facets makes each {_AS_FACETS}"


def _from_list(path: Path, data: bytes, wanted: ImportAs | None) -> Imported:
    unit, mistakes = parse_labels(data)
    if mistakes:
        raise InvalidCategoryFileError(path, mistakes)
    if wanted is ImportAs.FACETS:
        raise ConfigError(
            f"{path.name} is a list of labels without a [Question], so a facet would have no name.",
            remedy="Write [Question] above them, and each label in parentheses; or leave out --as facets.",
            paths=[path],
        )
    rules, changes = _rules([(unit, ())])
    return Imported(rules, changes=changes, note=counted(len(rules), "label became a rule", "labels became rules"))


def _from_units(path: Path, data: bytes, wanted: ImportAs | None) -> Imported:
    units, mistakes = parse_units(data)
    if mistakes:
        raise InvalidCategoryFileError(path, mistakes)
    if wanted is ImportAs.FACETS or (wanted is None and len(units) > 1):
        facets, changes = _facets(units, path)
        one, many = "question became a facet, whose answer is a tag", "questions became facets, whose answers are tags"
        note = counted(len(facets), one, many)
        more = "" if wanted else "; --as rules makes them folders that compete"
        return Imported(facets=facets, changes=changes, note=note + more)
    if len(units) == 1:
        rules, changes = _rules([(units[0], ())])
        note = f"the categories of [{shorten(units[0].name)}] became rules" if units[0].name else ""
        more = f"; --as facets makes it {_AS_FACETS}" if note and not wanted else ""
        return Imported(rules, changes=changes, note=note + more)
    rules, changes = _rules([(unit, (unit.name,) if unit.name else ()) for unit in units])
    return Imported(lend_prompts(rules), changes=changes)


def _rules(units: Iterable[tuple[LabelUnit, RulePath]]) -> tuple[Rules, tuple[str, ...]]:
    """Return categories as rules, each below the folders beside its unit; names that are one folder become one."""
    rules: dict[RulePath, dict[str, None]] = {}
    folders: dict[RulePath, RulePath] = {}
    changes: dict[str, None] = {}
    for unit, above in units:
        for category in unit.categories:
            here: RulePath = ()
            for name in (*above, category.name):
                folder = folder_name(name, at_top=not here)
                if not folder:
                    raise _UnusableNameError(name, "no folder can have this name")
                here = folders.setdefault((*here, folder_key(folder)), (*here, folder))
                rules.setdefault(here, {})
                if here[-1] != name:
                    changes[f'"{name}" became "{"/".join(here)}"'] = None
            rules[here] |= dict.fromkeys(category.prompts)
    # where the name says it all, it is the prompt anyway
    found = {rule: () if list(prompts) == [rule[-1]] else tuple(prompts) for rule, prompts in rules.items()}
    return found, tuple(changes)


def _facets(units: Sequence[LabelUnit], path: Path) -> tuple[Facets, tuple[str, ...]]:
    """Return units as facets; what no facet or value can be called gets the nearest name, told as a change."""
    nameless = next((unit.categories[0].name for unit in units if not unit.name), None)
    if nameless is not None:
        raise ConfigError(
            f'{path.name} has categories without a [Question], such as "{shorten(nameless)}"; a facet needs a name.',
            remedy="Write [Question] (Category) before their prompts; or make folders of them with --as rules.",
            paths=[path],
        )
    facets: dict[str, dict[str, dict[str, None]]] = {}
    changes: dict[str, None] = {}
    for unit in units:
        facet = _as_known(_facet_name(unit.name), unit.name, facets, changes)
        values = facets.setdefault(facet, {})
        for category in unit.categories:
            value = _as_known(_value_name(category.name), category.name, values, changes)
            values.setdefault(value, {}).update(dict.fromkeys(category.prompts))
    found = {facet: {value: tuple(prompts) for value, prompts in values.items()} for facet, values in facets.items()}
    return found, tuple(changes)


def _facet_name(name: str) -> str:
    """Return what a facet may be called; the fields of the name template are something else."""
    fitted = tag_part(name)
    return fitted.capitalize() if fitted in RESERVED_FIELDS else fitted


def _value_name(name: str) -> str:
    """Return what a value may be called; what is nearly an option would be taken for it."""
    fitted = tag_part(name)
    options = keys_of(Facet)
    is_near = "_" in fitted and (fitted in options or nearest_of(fitted, options))
    return fitted.replace("_", " ") if is_near else fitted


def _as_known(fitted: str, name: str, known: Iterable[str], changes: dict[str, None]) -> str:
    """Return a name as one that is `known` has it where only case or form differ; tells what became of the file's."""
    if tag_part_problem(fitted):
        raise _UnusableNameError(name, "nothing is left of this name")
    found = next((one for one in known if folder_key(one) == folder_key(fitted)), fitted)
    if found != nfc(name):
        changes[f'"{name}" became "{found}"'] = None
    return found
