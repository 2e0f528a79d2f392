"""A first config on its way: what was answered, its text, which may be changed by hand, and what a trial showed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.draft import ConfigDraft, config_yaml, walk
from vsortd.setup.answers import problems_of
from vsortd.setup.questions import About, question_of
from vsortd.setup.trial_videos import HANDFUL, spread, videos_of_inbox

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome
    from vsortd.setup.questions import Key, Question


@dataclass(frozen=True, slots=True)
class SetupStep:
    """Questions that are asked together."""

    name: str
    title: str
    about: tuple[About, ...]

    def keys(self, draft: ConfigDraft) -> list[Key]:
        """Return its questions: of the rules' words one for each rule."""
        if self.about == (About.PROMPTS,):
            return [(About.PROMPTS, path) for path in walk(draft.rules)]
        return [(about, ()) for about in self.about]

    def questions(self, draft: ConfigDraft) -> list[Question]:
        """Return its questions with what they offer for the draft as it is."""
        return [question_of(key, draft) for key in self.keys(draft)]


STEPS: Final = (
    SetupStep("where", "Folders", (About.INBOX, About.LIBRARY)),
    SetupStep("model", "Model", (About.MODEL,)),
    SetupStep("rules", "Rules", (About.FOLDERS,)),
    SetupStep("words", "Words", (About.PROMPTS,)),
    SetupStep("more", "More", (About.ORIENTATION, About.MOV)),
)
"""Every question, in the order of the dialogue."""


@dataclass(slots=True)
class FirstConfig:
    """The draft so far, and what came of trying it; of one person, on one thread at a time."""

    draft: ConfigDraft = field(default_factory=ConfigDraft)
    tried: list[SortOutcome] = field(default_factory=list)
    _text: str = ""

    @property
    def text(self) -> str:
        """The config as it would be written."""
        return self._text or config_yaml(self.draft)

    @text.setter
    def text(self, text: str) -> None:
        self._text = "" if text == config_yaml(self.draft) else text

    @property
    def by_hand(self) -> bool:
        """Whether the text is another than the answers make."""
        return bool(self._text)

    def answer(self, answers: Mapping[Key, str]) -> list[str]:
        """Take answers, all of them or none; return what is wrong with them. "" stands for what was offered."""
        draft = self.draft
        for key, text in answers.items():
            question = question_of(key, draft)
            draft = question.apply(text.strip() or question.default)
        about = {key[0] for key in answers}
        problems = problems_of(draft, whole=About.FOLDERS in about)
        if not problems and draft != self.draft:
            self.draft, self._text, self.tried = draft, "", []
        return problems

    def reached(self) -> SetupStep | None:
        """Return the first step whose answers are still needed, None once a config can be written."""
        missing = {"where": not self.draft.inbox or not self.draft.library, "rules": not self.draft.rules}
        return next((step for step in STEPS if missing.get(step.name)), None)


def videos_to_try(settings: Settings, clips: Callable[[], Sequence[Path]]) -> tuple[list[Path], bool]:
    """Return a handful of the inbox's videos, or where it has none some of `clips`; whether they are own."""
    own = spread(videos_of_inbox(settings), HANDFUL)
    return (own, True) if own else (list(clips())[:HANDFUL], False)


def foresee(
    settings: Settings,
    videos: Sequence[Path],
    *,
    on_progress: Callable[[int, int], None],
    cancel: threading.Event,
) -> list[SortOutcome]:
    """Return where videos would go; nothing is moved, and what is kept meanwhile is thrown away."""
    from vsortd.pipeline.batch import sort_paths

    with tempfile.TemporaryDirectory(prefix="vsortd-setup-") as state:
        return sort_paths(settings, Path(state), videos, dry_run=True, on_progress=on_progress, cancel=cancel)
