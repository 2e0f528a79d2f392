"""The questions of a first config: what each asks and offers, and what an answer makes of the draft.

All folders are named in one line, and what is looked for in them is asked only about those that the person picks.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from vsortd.config.draft import ANY, ConfigDraft, RulePath, Rules, children_of, walk
from vsortd.core.home import with_tilde
from vsortd.core.names import nfc
from vsortd.core.units import about_size
from vsortd.vision.models import AUTO_CPU, AUTO_CUDA, RECOMMENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class About(StrEnum):
    """What a question is about."""

    INBOX = "inbox"
    LIBRARY = "library"
    MODEL = "model"
    FOLDERS = "folders"
    PROMPTS = "prompts"  # of one rule; without one, of whichever the person picks
    ORIENTATION = "orientation"
    MOV = "mov"


Key = tuple[About, RulePath]


@dataclass(frozen=True, slots=True)
class Question:
    """One question: what Enter means, and the draft that an answer makes of the one before."""

    key: Key
    text: str
    hints: tuple[str, ...]
    default: str
    apply: Callable[[str], ConfigDraft]
    choices: tuple[tuple[str, str], ...] = ()  # what may be answered, and what each means; () for anything
    several: bool = False  # more than one of them

    @property
    def title(self) -> str:
        """The question without how a line is to answer it."""
        return self.text.partition(" (")[0]


ORDER: Final = (
    About.INBOX,
    About.LIBRARY,
    About.MODEL,
    About.FOLDERS,
    About.PROMPTS,
    About.ORIENTATION,
    About.MOV,
)
"""Every question, in the order in which they are asked."""


def question_of(key: Key, draft: ConfigDraft) -> Question:
    """Return a question with what it offers for the draft as it is."""
    about, path = key
    return _QUESTIONS[about](draft, path)


def _inbox(draft: ConfigDraft, _: RulePath) -> Question:
    def apply(text: str) -> ConfigDraft:
        inbox = path_text(text)
        library = "" if _overlap(inbox, draft.library) else draft.library
        return replace(draft, inbox=inbox, library=library)

    return Question(
        (About.INBOX, ()),
        "Which folder do your videos come into?",
        ("vsortd watches it, subfolders included, and takes each video once it is complete.",),
        draft.inbox or with_tilde(platformdirs.user_videos_path() / "Inbox"),
        apply,
    )


def _library(draft: ConfigDraft, _: RulePath) -> Question:
    return Question(
        (About.LIBRARY, ()),
        "Where shall they be filed?",
        ("A folder beside the first one, with space for all of them.",),
        draft.library or some_library(draft.inbox),
        lambda text: replace(draft, library=path_text(text)),
    )


def _model(draft: ConfigDraft, _: RulePath) -> Question:
    cpu, cuda = download_sizes()
    choices = (
        ("auto", f"knows nearly everything; downloaded once: {cpu}, with a GPU {cuda}"),
        ("sample", "costs nothing, it is inside vsortd and works offline; for trying out, knows 14 subjects"),
    )
    return Question(
        (About.MODEL, ()),
        "Which model shall look at them? (auto, sample)",
        _listed(choices),
        draft.model,
        lambda text: replace(draft, model=_choice(text, ("auto", "sample"))),
        choices,
    )


def _folders(draft: ConfigDraft, _: RulePath) -> Question:
    hints = ["A folder within one: nature/forest, nature/sea, city"]
    if draft.model == "sample":
        hints.append(f"The sample model knows {', '.join(_sample_subjects())}; by day, at sunset, at night.")
    return Question(
        (About.FOLDERS, ()),
        "Which folders do you want? (separated by commas)",
        tuple(hints),
        join_folders(draft.rules),
        lambda answer: replace(draft, rules=_with_folders(draft.rules, answer)),
    )


def _prompts(draft: ConfigDraft, path: RulePath) -> Question:
    def apply(text: str) -> ConfigDraft:
        prompts = split_prompts(text)
        return replace(draft, rules={**draft.rules, path: () if prompts == (path[-1],) else prompts})

    return Question(
        (About.PROMPTS, path),
        f"What do videos of {'/'.join(path)} show?",
        ("Say it as you would describe a picture; several with commas between, or ; where they have commas.",),
        join_prompts(draft.rules[path] or (path[-1],)),
        apply,
    )


def download_sizes() -> tuple[str, str]:
    """Return how much `auto` downloads on a machine without and with a GPU, for people."""
    sizes = {(model.name, model.tag): about_size(model.size_mb * 1e6) for model in RECOMMENDED}
    return sizes[AUTO_CPU], sizes[AUTO_CUDA]


def _orientation(draft: ConfigDraft, _: RulePath) -> Question:
    choices = (ANY, "portrait", "landscape", "square")

    def apply(text: str) -> ConfigDraft:
        chosen = tuple(dict.fromkeys(_choice(part, choices) for part in split_names(text)))
        return replace(draft, orientation=(ANY,) if ANY in chosen else chosen)

    return Question(
        (About.ORIENTATION, ()),
        "Which videos shall be sorted? (any, portrait, landscape, square, or several)",
        ("By how they are held; the others stay where they are.",),
        ", ".join(draft.orientation),
        apply,
        tuple((choice, "") for choice in choices),
        several=True,
    )


def _mov(draft: ConfigDraft, _: RulePath) -> Question:
    choices = (
        ("remux", "into .mp4 where nothing is lost by it, and the .mov is kept for 30 days; else they stay .mov"),
        ("transcode", "pictures encoded anew: plays everywhere, takes long; the .mov is kept for ever"),
        ("never", "they stay .mov"),
    )
    return Question(
        (About.MOV, ()),
        "What shall become of .mov files? (remux, transcode, never)",
        _listed(choices),
        draft.mov,
        lambda text: replace(draft, mov=_choice(text, ("remux", "transcode", "never"))),
        choices,
    )


def _listed(choices: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return choices as lines, what each means below what the others do."""
    width = max(len(name) for name, _ in choices) + 2
    return tuple(f"{name:<{width}}{what}" for name, what in choices)


_NUMBER_CHARS: Final = 6  # of a rule's number, as people count them
_QUESTIONS: Final[dict[About, Callable[[ConfigDraft, RulePath], Question]]] = {
    About.INBOX: _inbox,
    About.LIBRARY: _library,
    About.MODEL: _model,
    About.FOLDERS: _folders,
    About.PROMPTS: _prompts,
    About.ORIENTATION: _orientation,
    About.MOV: _mov,
}


def split_names(text: str) -> list[str]:
    """Return names that stand between commas."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def split_prompts(text: str) -> tuple[str, ...]:
    """Return prompts that stand between semicolons, or between commas where there is none."""
    parts = text.split(";") if ";" in text else text.split(",")
    return tuple(dict.fromkeys(" ".join(part.split()) for part in parts if part.strip()))


def join_prompts(prompts: Sequence[str]) -> str:
    """Write prompts so that they are split into the same again."""
    if any("," in prompt for prompt in prompts):
        return "; ".join(prompts) + (";" if len(prompts) == 1 else "")
    return ", ".join(prompts)


def path_text(text: str) -> str:
    """Return a path as typed or dropped onto the terminal, which adds quotes or backslashes before spaces."""
    for quote in ("'", '"'):
        if len(text) > 1 and text[0] == text[-1] == quote:
            return text[1:-1]
    text = text.replace("\\ ", " ")
    return text.rstrip("/") or text  # a completed folder ends with a slash


def _choice(text: str, choices: Sequence[str]) -> str:
    """Return the one choice that begins like this; else the text itself, for the check to refuse."""
    fitting = [choice for choice in choices if choice.startswith(text.strip().casefold())]
    return fitting[0] if len(fitting) == 1 else text.strip()


def _with_folders(before: Rules, answer: str) -> Rules:
    """Return rules for these folders and those above them; what was said about those that stay is kept."""
    rules: Rules = {}
    for name in split_names(answer):
        path = tuple(part.strip() for part in name.split("/") if part.strip())
        for depth in range(1, len(path) + 1):
            rules.setdefault(path[:depth], before.get(path[:depth], ()))
    return rules


def join_folders(rules: Rules) -> str:
    """Write folders so that they are read as the same again: those that have others within are in their names."""
    below = children_of(rules)
    return ", ".join("/".join(path) for path in walk(rules) if not below[path])


def rule_named(rules: Sequence[RulePath], given: str) -> RulePath | None:
    """Return the rule of this number (from 1), whole name, or last name where only one has it; None without one."""
    wanted = nfc(given.strip("/ ").casefold())
    for whole in (True, False):
        fitting = [path for path in rules if nfc(("/".join(path) if whole else path[-1]).casefold()) == wanted]
        if len(fitting) == 1:
            return fitting[0]
    number = int(given) if given.isdecimal() and len(given) <= _NUMBER_CHARS else 0
    return rules[number - 1] if 1 <= number <= len(rules) else None


def split_change(given: str) -> tuple[str, str | None]:
    """Take `2 = trees in a wood` apart: which rule, and its words; None where none stand there."""
    which, sign, words = given.partition("=")
    return which.strip(), words.strip() if sign else None


def some_library(inbox: str) -> str:
    """Return a folder that can be the library beside an inbox."""
    ways = [platformdirs.user_videos_path() / "Sorted", whole_path(inbox).parent / "Sorted"]
    return next((with_tilde(way) for way in ways if not _overlap(inbox, str(way))), "~/Sorted videos")


def whole_path(text: str) -> Path:
    """Return a path with its ~ expanded; as it is where there is no such user."""
    with contextlib.suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def _overlap(one: str, other: str) -> bool:
    """Tell whether one of two folders lies in the other; the check itself looks closer."""
    if not one or not other:
        return False
    first, second = whole_path(one), whole_path(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


def _sample_subjects() -> tuple[str, ...]:
    from vsortd.vision.sample import vocabulary

    return tuple(vocabulary().facets["subject"])
