"""The dialogue of `vsortd config init`: the way through its questions, forward and back.

Going back is forgetting that a question was asked: its answer stays in the draft and is offered again. Every answer
goes through the same check as `vsortd check` before it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from vsortd.config.draft import ConfigDraft, RulePath, walk
from vsortd.setup.answers import problems_of, unknown_words_of
from vsortd.setup.questions import ORDER, About, Question, join_prompts, question_of, rule_named, split_change

if TYPE_CHECKING:
    from collections.abc import Sequence

BACK: Final = "b"

_WHICH_PROMPTS: Final = "Shall other words describe the videos of any of them? (its number or name)"
_WHICH_HINTS: Final = ("Enter keeps what stands above. At once: 2 = a forest, trees in a wood",)
_INTRO: Final = (
    "A few questions, then a config that you can go on editing.",
    "Enter takes what is offered, b goes back, Ctrl-C leaves everything as it was.",
)


class MessageTone(Enum):
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

    def say(self, text: str, tone: MessageTone = MessageTone.PLAIN) -> None:
        """Say a line."""

    def show(self, picture: object) -> None:
        """Show something that rich can draw."""


@dataclass(slots=True)
class Interview:
    """A dialogue on its way: the draft so far, and which questions were asked, in order."""

    talk: Talk
    draft: ConfigDraft = field(default_factory=ConfigDraft)
    asked: list[About] = field(default_factory=list)

    def greet(self) -> None:
        """Say what is to come."""
        for line in _INTRO:
            self.talk.say(line, MessageTone.QUIET)

    def run(self) -> ConfigDraft:
        """Ask until nothing is left to ask; what comes back has passed the whole check."""
        while True:
            about = next((one for one in ORDER if one not in self.asked), None)
            if about is not None:
                self._ask(about)
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
            self.talk.say("This is the first question.", MessageTone.QUIET)

    def change_prompts(self, path: RulePath) -> None:
        """Ask anew what the videos of one rule show; going back leaves it as it is."""
        if self._answer(question_of((About.PROMPTS, path), self.draft)):
            self._warn_of_words([path])

    def _ask(self, about: About) -> None:
        picks = about is About.PROMPTS
        if self._pick_prompts() if picks else self._answer(question_of((about, ()), self.draft)):
            self.asked.append(about)
        else:
            self.back()

    def _pick_prompts(self) -> bool:
        """Show what is looked for in every folder, and change it where that is wished; False for going back."""
        rules = list(walk(self.draft.rules))
        shown: ConfigDraft | None = None
        while True:
            if shown != self.draft:
                self.talk.show(tree_of(self.draft, numbered=True))
                if shown is None:
                    self._warn_of_words(rules)
                shown = self.draft
            given = self.talk.ask(_WHICH_PROMPTS, hints=_WHICH_HINTS)
            if given in {"", BACK}:
                return not given
            which, words = split_change(given)
            path = rule_named(rules, which)
            if path is None:
                self.talk.say(f"There is no folder {which} above.", MessageTone.WRONG)
            elif not words:
                self.change_prompts(path)
            elif self._take(question_of((About.PROMPTS, path), self.draft), words):
                self._warn_of_words([path])

    def _answer(self, question: Question) -> bool:
        """Ask until the answer is sound, and put it into the draft; False for going back."""
        folder = question.key[0] in {About.INBOX, About.LIBRARY}
        hints = question.hints
        while True:
            given = self.talk.ask(question.text, hints=hints, default=question.default, folder=folder)
            hints = ()  # they stand above, with what is wrong below them
            if given == BACK:
                return False
            if self._take(question, given or question.default):
                return True

    def _take(self, question: Question, answer: str) -> bool:
        """Put an answer into the draft if it is sound; else say what is wrong with it."""
        draft = question.apply(answer)
        problems = problems_of(draft, whole=question.key[0] is About.FOLDERS)
        if problems:
            self._complain(problems)
            return False
        self.draft = draft
        return True

    def _complain(self, problems: Sequence[str]) -> None:
        for problem in problems:
            self.talk.say(problem, MessageTone.WRONG)

    def _warn_of_words(self, rules: Sequence[RulePath]) -> None:
        """Name the words that the sample model does not know, if that is the model."""
        for path, words in unknown_words_of(self.draft, rules):
            named = ", ".join(f'"{word}"' for word in words)
            text = f"{'/'.join(path)}: the sample model does not know {named}; it will be unsure about such videos."
            self.talk.say(text, MessageTone.WARNING)


def tree_of(draft: ConfigDraft, *, numbered: bool = False) -> object:
    """Draw the rules as the folders that they become, with the words that describe the videos of each."""
    from rich.tree import Tree

    from vsortd.core.console import Text

    root = Tree(Text(draft.library, style="bold"), guide_style="dim")
    branches: dict[RulePath, Tree] = {(): root}
    for number, path in enumerate(walk(draft.rules), start=1):
        label = Text(f"{number} ", style="cyan") if numbered else Text()
        label.append(path[-1], style="bold").append(f"  {join_prompts(draft.rules[path] or (path[-1],))}", style="dim")
        branches[path] = branches[path[:-1]].add(label)
    return root
