"""The answers to the questions of a first config, checked as `vsortd check` does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vsortd.config.diagnostics import shorten
from vsortd.config.draft import ConfigDraft, RulePath, Rules, check_draft, sentence
from vsortd.core.paths import is_file
from vsortd.errors import UsageError
from vsortd.setup.questions import About, question_of, some_library, whole_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vsortd.config.settings import Settings

_STAND_IN: Final[Rules] = {("forest",): ()}  # no config is valid without a rule; stands in until there are some


def problems_of(draft: ConfigDraft, *, whole: bool = False) -> list[str]:
    """Return what the check finds wrong with a draft; what was not answered yet is stood in for.

    `whole`: that there are no rules is wrong, too.
    """
    found = ["at least one folder is wanted"] if whole and not draft.rules else []
    stood_in = completed(draft)
    found += [sentence(mistake) for mistake in check_draft(stood_in).mistakes]
    places = (stood_in.inbox, stood_in.library)
    for path in places:
        try:
            found += [f"{path} is a file, not a folder"] if is_file(whole_path(path)) else []
        except UsageError as error:
            found.append(error.title.replace(str(whole_path(path)), shorten(path)))
    return found


def completed(draft: ConfigDraft) -> ConfigDraft:
    """Return the draft with something sound wherever nothing was answered yet."""
    inbox = draft.inbox or question_of((About.INBOX, ()), draft).default
    library = draft.library or some_library(inbox)
    return replace(draft, inbox=inbox, library=library, rules=draft.rules or _STAND_IN)


def unknown_words_of(draft: ConfigDraft, rules: Iterable[RulePath]) -> Iterator[tuple[RulePath, list[str]]]:
    """Yield the rules among `rules` with words that the sample model does not know, if that is the model."""
    if draft.model != "sample":
        return
    from vsortd.vision.sample import unknown_words

    for path in rules:
        prompts = draft.rules[path] or (path[-1],)
        if unknown := dict.fromkeys(word for prompt in prompts for word in unknown_words(prompt)):
            yield path, list(unknown)


def folders_to_make(settings: Settings) -> list[Path]:
    """Return the inboxes, and the library, that are not there yet."""
    folders = dict.fromkeys([*(inbox.path for inbox in settings.inboxes), settings.library])
    return [folder for folder in folders if not folder.is_dir()]
