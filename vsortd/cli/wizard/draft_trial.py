"""The end of `vsortd config init`: the draft is tried on some of the person's own videos before it is written.

It is the planner of `vsortd plan` over a draft: nothing is moved, and its state is thrown away at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.tree import Tree

from vsortd.cli.wizard.dialogue import BACK, Interview, MessageTone
from vsortd.config.draft import RulePath, check_draft, walk
from vsortd.core.console import Text
from vsortd.core.home import with_tilde
from vsortd.core.names import nfc
from vsortd.core.text import counted
from vsortd.errors import UsageError, VsortdError
from vsortd.pipeline.gathering import gather
from vsortd.setup.answers import folders_to_make
from vsortd.setup.questions import download_sizes, path_text, rule_named, whole_path
from vsortd.setup.trial_videos import HANDFUL, downloads_model, spread, videos_of_inbox

if TYPE_CHECKING:
    from vsortd.cli.wizard.dialogue import Talk
    from vsortd.config.draft import ConfigDraft
    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome

Planner = Callable[["Settings", Sequence[Path]], Sequence["SortOutcome"]]
"""Says where videos would go, touching none: `sort_paths` as a dry run."""

_SHOWN_FILES: Final = 8  # of one folder; the others are counted
_BAR_CHARS: Final = 10
_STYLES: Final = {"filed": "green", "review": "yellow", "rejected": "dim", "failed": "red", "held": "cyan"}


def ask_all(talk: Talk, planner: Planner) -> ConfigDraft:
    """Hold the whole dialogue and return the draft that was accepted; no file is written by it."""
    interview = Interview(talk)
    interview.greet()
    while True:
        draft = interview.run()
        rules = len(draft.rules)
        tops = sum(len(path) == 1 for path in draft.rules)
        talk.say("")
        talk.say(f"The config is valid: {counted(rules, 'rule')}, {tops} at the top.", MessageTone.GOOD)
        if _Trial(interview, planner).run():
            return interview.draft
        interview.back()


def missing_folders(talk: Talk, settings: Settings) -> list[Path]:
    """Ask whether to make the folders that are not there yet, and return those to make."""
    missing = folders_to_make(settings)
    if not missing:
        return []
    names = " and ".join(with_tilde(folder) for folder in missing)
    what = (
        f"There is no folder {names} yet. Make it?" if len(missing) == 1 else f"{names} are not there yet. Make them?"
    )
    return missing if _yes(talk, what) else []


def _yes(talk: Talk, text: str) -> bool:
    while True:
        given = talk.ask(f"{text} (y, n)", default="y").casefold()
        if given in {"", "y", "yes"}:
            return True
        if given in {"n", "no"}:
            return False
        talk.say("y or n", MessageTone.WRONG)


@dataclass(slots=True)
class _Trial:
    """A draft, the videos that it is tried on, and what the person says to the outcome."""

    interview: Interview
    planner: Planner
    _inbox: list[Path] = field(default_factory=list)  # every video there
    _videos: list[Path] = field(default_factory=list)  # those that are tried

    @property
    def _talk(self) -> Talk:
        return self.interview.talk

    def run(self) -> bool:
        """Try, show and ask until the draft is accepted (True) or questions are to be asked again (False)."""
        settings = self._settings()
        folder = settings.inboxes[0].path
        self._inbox = videos_of_inbox(settings)
        self._videos = spread(self._inbox, HANDFUL)
        if not self._videos and not self._ask_for_videos(folder):
            return False
        if self._videos and downloads_model(settings) and not _yes(self._talk, _download_question()):
            self._videos = []
        self._try(self._videos)
        while True:
            match self._menu():
                case "a":
                    return True
                case "b":
                    return False
                case "p":
                    self._change_prompts()
                case "w":
                    self._try(self._inbox)

    def _settings(self) -> Settings:
        return check_draft(self.interview.draft).settings_or_raise()

    def _ask_for_videos(self, inbox: Path) -> bool:
        """Ask for videos from elsewhere to try the draft on; False for going back, none for not trying."""
        text = f"There are no videos in {inbox} yet. Try the config on some from elsewhere?"
        hints = ("A folder or a video; Enter goes on without trying. Nothing is moved.",)
        while True:
            given = self._talk.ask(text, hints=hints, folder=True)
            if given in {"", BACK}:
                return not given
            path = whole_path(path_text(given))
            try:
                found = [one for one, _, _ in gather(self._settings(), [path])]
            except UsageError:
                self._talk.say(f"{path} is not there.", MessageTone.WRONG)
                continue
            self._videos = spread(found, HANDFUL)
            if self._videos:
                return True
            self._talk.say(f"There are no videos (mp4, mov) in {path}.", MessageTone.WRONG)

    def _try(self, videos: Sequence[Path]) -> None:
        """Plan for these videos and show the outcome; a model that can't be had is said, and no reason to stop."""
        if not videos:
            return
        settings = self._settings()
        self._talk.say(f"Looking at {counted(len(videos), 'video')}; nothing is moved …", MessageTone.QUIET)
        try:
            outcomes = self.planner(settings, videos)
        except VsortdError as error:
            self._talk.say(f"It can't be tried now: {error}", MessageTone.WARNING)
            return
        self._talk.show(tree_of_outcomes(outcomes, settings.library, list(walk(self.interview.draft.rules))))

    def _menu(self) -> str:
        hints = ["a  accept it: write the config"]
        if self._videos:
            hints.append("p  change what a rule's videos show, and look again")
        if len(self._inbox) > len(self._videos):
            hints.append(f"w  look at the whole inbox: {counted(len(self._inbox), 'video')}")
        hints.append("b  back to the questions")
        letters = [hint[0] for hint in hints]
        while True:
            given = self._talk.ask(f"And now? ({', '.join(letters)})", hints=hints, default="a").casefold() or "a"
            if given in letters:
                return given
            self._talk.say(f"One of {', '.join(letters)}", MessageTone.WRONG)

    def _change_prompts(self) -> None:
        path = self._ask_for_rule()
        if path is not None:
            before = self.interview.draft
            self.interview.change_prompts(path)
            if self.interview.draft != before:
                self._try(self._videos)

    def _ask_for_rule(self) -> RulePath | None:
        rules = list(walk(self.interview.draft.rules))
        names = ["/".join(path) for path in rules]
        hints = [f"{number:>3}  {name}" for number, name in enumerate(names, start=1)]
        while True:
            given = nfc(self._talk.ask("Which rule? (its number or name)", hints=hints))
            if given in {"", BACK}:
                return None
            if (path := rule_named(rules, given)) is not None:
                return path
            self._talk.say(f"There is no rule {given}.", MessageTone.WRONG)


def _download_question() -> str:
    cpu, cuda = download_sizes()
    return f"Shall it be tried on some of your videos? The model is downloaded first, once: {cpu}, with a GPU {cuda}."


def tree_of_outcomes(outcomes: Sequence[SortOutcome], library: Path, rules: Sequence[RulePath]) -> Tree:
    """Draw where videos would go, with score, lead and reason: folders as the rules stand, what is undecided last."""
    placed: dict[tuple[str, ...], list[SortOutcome]] = {}
    staying = [one for one in outcomes if not one.destination]
    for one in outcomes:
        if one.destination:
            parts = Path(one.destination).parent.relative_to(library).parts
            placed.setdefault(tuple(map(nfc, parts)), []).append(one)
    order = {path: number for number, path in enumerate(rules)}
    root = Tree(Text(library, style="bold"), guide_style="dim")
    branches: dict[tuple[str, ...], Tree] = {(): root}
    for parts in sorted(placed, key=lambda parts: (order.get(parts, len(order)), parts)):
        for depth in range(1, len(parts) + 1):
            if parts[:depth] not in branches:
                branches[parts[:depth]] = branches[parts[: depth - 1]].add(Text(parts[depth - 1]))
        _add_files(branches[parts], placed[parts])
    if staying:
        _add_files(root.add(Text("would stay where they are", style="dim italic")), staying)
    return root


def _add_files(branch: Tree, outcomes: Sequence[SortOutcome]) -> None:
    for one in outcomes[:_SHOWN_FILES]:
        label = Text(Path(one.destination or one.source).name, style=_STYLES.get(one.state, ""))
        if one.destination and one.rule:
            full = round(one.score * _BAR_CHARS)
            label.append(f"  {'█' * full}{'░' * (_BAR_CHARS - full)} {one.score:.2f} ({one.margin:+.2f})", style="dim")
        branch.add(label.end_line().append(one.reason, style="dim"))
    if len(outcomes) > _SHOWN_FILES:
        branch.add(Text(f"… and {len(outcomes) - _SHOWN_FILES} more", style="dim"))
