"""What waits in the review folder, the best guesses for each video, and deciding on them one after another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.identity import Identity
from vsortd.core.names import nfc
from vsortd.core.text import storable
from vsortd.errors import FilingError, UsageError, VideoError
from vsortd.filing.queries import in_review, item_in_review
from vsortd.filing.undo import Selection, UndoReport, undo
from vsortd.judging.closeness import closeness
from vsortd.judging.example_store import Origin
from vsortd.learning.new_rule import NewRule, add_rule
from vsortd.learning.teaching import Teacher, explained, find_rule

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.config.rules import RuleTree
    from vsortd.core.video_facts import Clip
    from vsortd.filing.journal import Journal
    from vsortd.filing.records import Item
    from vsortd.filing.second_opinion import Opinion
    from vsortd.learning.teaching import Lesson
    from vsortd.pipeline.services import Services

GUESSES: Final = 5
FOUND: Final = 9  # what a single key can choose from


@dataclass(frozen=True, slots=True)
class Guess:
    """A rule that a video may belong to; `score` is the product of the scores on the way down to it."""

    rule: str
    score: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A video in the review folder.

    `level` is the rule among whose rules none was sure enough, "" at the top; `opinion` is what a model elsewhere said
    of it, if one was asked.
    """

    item: int
    path: Path
    time: str
    reason: str
    guesses: tuple[Guess, ...]
    level: str = ""
    opinion: Opinion | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `review --json`."""
        return {
            "id": self.item,
            "time": self.time,
            "path": storable(self.path),
            "reason": self.reason,
            "level": self.level,
            "guesses": [{"rule": guess.rule, "score": guess.score} for guess in self.guesses],
            "second_opinion": None if self.opinion is None else self.opinion.to_json(),
        }


class NotWaitingError(UsageError):
    """What is to be decided on waits for nobody: it was decided elsewhere, taken back, or its file is gone."""

    def __init__(self, number: int) -> None:
        super().__init__(f"#{number} does not wait for review.", remedy="`vsortd review --json` lists what does.")


def waiting_in(journal: Journal, tree: RuleTree) -> list[Waiting]:
    """Return what lies in the review folder and came there undecided, oldest first."""
    found = (_waiting(item, tree) for item in in_review(journal.db))
    return [one for one in found if one is not None]


def waiting_item(journal: Journal, tree: RuleTree, number: int) -> Waiting:
    """Return what waits for review by its item's number. Raises NotWaitingError."""
    item = item_in_review(journal.db, number)
    waiting = None if item is None else _waiting(item, tree)
    if waiting is None:
        raise NotWaitingError(number)
    return waiting


def _waiting(item: Item, tree: RuleTree) -> Waiting | None:
    if item.destination is None or not _is_there(item.destination):
        return None
    opinion = item.second_opinion
    if opinion is not None and opinion.rule and tree.find(opinion.rule) is None:
        opinion = None  # of a rule that is no more
    guesses, level = guesses_of(item, tree), level_of(item, tree)
    return Waiting(item.id, item.destination, item.time, item.reason, guesses, level, opinion)


def level_of(item: Item, tree: RuleTree) -> str:
    """Return the rule below which an item's video was unsure, "" for the top or where that rule has none any more."""
    rule = tree.find(item.rule) if item.rule else None
    return rule.key if rule is not None and rule.rules else ""


def decide(services: Services, number: int, rule: str | None, *, cancel: threading.Event | None = None) -> Lesson:
    """Decide on an item that waits for review: file it under a rule (its key), or with None say that none fits.

    Either is learned from; see `Session.choose` and `Session.nowhere`. Raises NotWaitingError, UsageError where there
    is no such rule, and like `Teacher.teach`.
    """
    waiting = waiting_item(services.journal, services.tree, number)
    known = None if rule is None else find_rule(services.tree, rule)
    return _decided(Teacher(services), waiting, known, cancel)


def _decided(teacher: Teacher, waiting: Waiting, rule: str | None, cancel: threading.Event | None = None) -> Lesson:
    where = waiting.level if rule is None else rule
    try:
        return teacher.teach(waiting.path, where, Origin.REVIEW, none=rule is None, cancel=cancel)
    except VideoError as error:
        raise explained(error, waiting.path) from error


def take_back(services: Services, lesson: Lesson) -> UndoReport:
    """Take a decision back, and with it what was learned: the video waits for review again.

    Returns what moved. Raises FilingError when the file is no longer what it was.
    """
    if lesson.item is None:
        services.examples.set_active([lesson.example], active=False)
        return UndoReport()
    report = undo(services.journal, Selection(ids=(lesson.item,)))
    if report.refused:
        raise FilingError(f"That can't be taken back: {report.refused[0][1]}.")
    services.journal.release(ids=[lesson.item])  # back in the review folder it waits for no sorting
    return report


def _is_there(path: Path) -> bool:
    try:
        return Identity.of(path) is not None
    except OSError:  # not for us to see: nothing to decide on now
        return False


def guesses_of(item: Item, tree: RuleTree) -> tuple[Guess, ...]:
    """Return the best guesses, best first, from the scores of each level that the journal keeps."""
    near = closeness(item.detail)
    guesses = [Guess(key, round(score, 4)) for key, score in near.items() if tree.find(key) is not None]
    return tuple(sorted(guesses, key=lambda guess: -guess.score)[:GUESSES])


def matching(tree: RuleTree, text: str) -> list[str]:
    """Return the keys of rules that hold every word of a text, those whose own name begins with it first."""
    text = nfc(text)
    words = text.casefold().split()
    keys = [rule.key for rule in tree.walk() if all(word in rule.key.casefold() for word in words)]
    begins = text.casefold().strip()
    return sorted(keys, key=lambda key: not key.rpartition("/")[2].casefold().startswith(begins))[:FOUND]


@dataclass
class Session:
    """A person's way through the videos that wait. Every choice is on disk when the method returns."""

    services: Services
    config: Path
    queue: list[Waiting]
    at: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    _chosen: list[tuple[Waiting, Lesson]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._teacher = Teacher(self.services)

    @property
    def current(self) -> Waiting | None:
        """The video to decide on, None when all are through."""
        return self.queue[self.at] if self.at < len(self.queue) else None

    def facts(self, waiting: Waiting) -> Clip | None:
        """Return what the file says of itself, None if it can't be read."""
        try:
            return self.services.media.probe(waiting.path)
        except VideoError:
            return None

    def choose(self, rule: str) -> Lesson:
        """File the current video into a rule's folder and learn from it. Raises VsortdError; it stays current then."""
        return self._decide(rule)

    def nowhere(self) -> Lesson:
        """Learn that none of the rules fits the current video where it was unsure; it is decided, and stays as it is.

        Raises VsortdError; it stays current then.
        """
        return self._decide(None)

    def _decide(self, rule: str | None) -> Lesson:
        waiting = self.queue[self.at]
        lesson = _decided(self._teacher, waiting, rule)
        self._chosen.append((waiting, lesson))
        self.tally[_tallied(lesson)] += 1
        self.at += 1
        return lesson

    def skip(self) -> None:
        """Leave the current video for another time."""
        self.tally["skipped"] += 1
        self.at += 1

    def undo(self) -> Waiting | None:
        """Take the last choice back, and with it what was learned; its video is the current one again.

        Returns it, None if there is nothing to take back. Raises FilingError when the file is no longer what it was.
        """
        if not self._chosen:
            return None
        waiting, lesson = self._chosen[-1]
        take_back(self.services, lesson)
        self._chosen.pop()
        self.tally[_tallied(lesson)] -= 1
        back = self.queue.index(waiting)
        self.tally["skipped"] -= self.at - back - 1  # those come again, too
        self.at = back
        return waiting

    def add_rule(self, new: NewRule) -> None:
        """Write a new rule into the config, and decide by it from now on. Raises ConfigError, ModelError."""
        settings = add_rule(self.config, new)
        old, self.services = self.services, self.services.changed(settings)
        old.retire(self.services)
        self._teacher = Teacher(self.services)


def _tallied(lesson: Lesson) -> str:
    return "nowhere" if lesson.none else "filed"
