"""The dialogue of `vsortd config init`: the way through its questions, forward and back.

Going back is forgetting that a question was asked: its answer stays in the draft and is offered again. Every answer
goes through the same check as `vsortd check` before it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from vsortd.cli.wizard.questions import (
    About,
    Key,
    Question,
    join_prompts,
    question_of,
    questions,
    some_library,
    whole_path,
)
from vsortd.config.draft import Draft, RulePath, Rules, check_draft, sentence, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

BACK: Final = "b"

_STAND_IN: Final[Rules] = {("forest",): ()}  # no config is valid without a rule; stands in until there are some
_INTRO: Final = (
    "A few questions, then a config that you can go on editing.",
    "Enter takes what is offered, b goes back, Ctrl-C leaves everything as it was.",
)


class Tone(Enum):
    """How something is said."""

    PLAIN = auto()
    QUIET = auto()
    GOOD = auto()
    WARNING = auto()
    WRONG = auto()


class Talk(Protocol):
    """The other side of the dialogue: a terminal, or a test."""

    def ask(self, text: str, *, hints: Sequence[str] = (), default: str = "", folder: bool = False) -> str:
        """Ask for one line and return it stripped, "" for Enter alone; `folder`: a path is wanted.

        Raises KeyboardInterrupt or EOFError where the person leaves.
        """

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Say a line."""

    def show(self, picture: object) -> None:
        """Show something that rich can draw."""


@dataclass(slots=True)
class Interview:
    """A dialogue on its way: the draft so far, and which questions were asked, in order."""

    talk: Talk
    draft: Draft = field(default_factory=Draft)
    asked: list[Key] = field(default_factory=list)

    def greet(self) -> None:
        """Say what is to come."""
        for line in _INTRO:
            self.talk.say(line, Tone.QUIET)

    def run(self) -> Draft:
        """Ask until nothing is left to ask; what comes back has passed the whole check."""
        while True:
            asked = set(self.asked)
            key = next((one for one in questions(self.draft) if one not in asked), None)
            if key is not None:
                self._ask(key)
            elif problems := problems_of(self.draft):  # the disk has changed since it was answered
                self._complain(problems)
                self.back()
            else:
                return self.draft

    def back(self) -> None:
        """Go back by one question."""
        if self.asked:
            self.asked.pop()
        else:
            self.talk.say("This is the first question.", Tone.QUIET)

    def change_prompts(self, path: RulePath) -> None:
        """Ask anew what the videos of one rule show; going back leaves it as it is."""
        self._answer(question_of((About.PROMPTS, path), self.draft))

    def _ask(self, key: Key) -> None:
        if key[0] is About.PROMPTS:
            self.talk.show(tree_of(self.draft, key[1]))
        if self._answer(question_of(key, self.draft)):
            self.asked.append(key)
        else:
            self.back()

    def _answer(self, question: Question) -> bool:
        """Ask until the answer is sound, and put it into the draft; False for going back."""
        about, path = question.key
        folder = about in {About.INBOX, About.LIBRARY}
        hints = question.hints
        while True:
            given = self.talk.ask(question.text, hints=hints, default=question.default, folder=folder)
            hints = ()  # they stand above, with what is wrong below them
            if given == BACK:
                return False
            draft = question.apply(given or question.default)
            problems = [] if about is not About.BELOW or draft.rules else ["at least one folder is wanted"]
            problems += problems_of(draft)
            if problems:
                self._complain(problems)
                continue
            self.draft = draft
            if about is About.PROMPTS and draft.model == "sample":
                self._warn_of_words(draft.rules[path] or (path[-1],))
            return True

    def _complain(self, problems: Sequence[str]) -> None:
        for problem in problems:
            self.talk.say(problem, Tone.WRONG)

    def _warn_of_words(self, prompts: Sequence[str]) -> None:
        from vsortd.vision.sample import unknown_words

        unknown = dict.fromkeys(word for prompt in prompts for word in unknown_words(prompt))
        if unknown:
            words = ", ".join(f'"{word}"' for word in unknown)
            text = f"The sample model does not know {words}; it will be unsure about such videos. (b to go back)"
            self.talk.say(text, Tone.WARNING)


def problems_of(draft: Draft) -> list[str]:
    """Return what the check finds wrong with a draft; what was not answered yet is stood in for."""
    whole = completed(draft)
    found = [sentence(mistake) for mistake in check_draft(whole).mistakes]
    places = (whole.inbox, whole.library)
    return found + [f"{path} is a file, not a folder" for path in places if whole_path(path).is_file()]


def completed(draft: Draft) -> Draft:
    """Return the draft with something sound wherever nothing was answered yet."""
    inbox = draft.inbox or question_of((About.INBOX, ()), draft).default
    library = draft.library or some_library(inbox)
    return replace(draft, inbox=inbox, library=library, rules=draft.rules or _STAND_IN)


def tree_of(draft: Draft, current: RulePath = ()) -> object:
    """Draw the rules so far as the folders that they become, with what was said about each."""
    from rich.tree import Tree

    from vsortd.core.console import Text

    root = Tree(Text(draft.library, style="bold"), guide_style="dim")
    branches: dict[RulePath, Tree] = {(): root}
    for path in walk(draft.rules):
        label = Text(path[-1], style="bold cyan" if path == current else "")
        if draft.rules[path]:
            label.append(f"  {join_prompts(draft.rules[path])}", style="dim")
        branches[path] = branches[path[:-1]].add(label)
    return root
