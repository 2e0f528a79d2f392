"""The questions that `vsortd review` asks for a new rule: its name, where it belongs, what its videos show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.cli.common import state_folder
from vsortd.core.text import printable
from vsortd.errors import DaemonUnreachableError, UsageError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.cli.keypress import Keys
    from vsortd.learning.new_rule import NewRule
    from vsortd.learning.review_queue import Session


class NewRuleQuestions:
    """Asks on the terminal until there is a rule that can be made; `say` prints a line in a style."""

    def __init__(self, session: Session, keys: Keys, say: Callable[..., None]) -> None:
        self._session = session
        self._keys = keys
        self._say = say

    def ask(self) -> NewRule | None:
        """Return the rule that is wanted, None for going back."""
        from vsortd.learning.new_rule import NewRule, unknown_words_said

        asked = self._ask_for_name()
        if asked is None:
            return None
        name, below = asked
        prompts = self._keys.line(f"  what its videos show, with commas (Enter: {printable(name)}): ")
        if prompts is None:
            return None
        said = tuple(part for one in prompts.split(",") if (part := one.strip()))
        new = NewRule(name, below, said)
        if unknown := unknown_words_said(self._session.services.settings, new):
            self._say(unknown, "yellow")
        return new

    def _ask_for_name(self) -> tuple[str, str] | None:
        """Ask until there is a name that can be a rule's, and the rule above it; None for going back."""
        while True:
            typed = self._keys.line("  its name (the folder; parent/name for one below another rule): ")
            if not typed or not typed.strip("/ "):
                return None
            above, slash, name = typed.strip("/ ").rpartition("/")
            below = self._rule_above(above) if slash else ""
            if below is not None and self._can_be_named(below, name.strip()):
                below = below if slash else self._ask_for_parent(name)
                if below is None:
                    return None
                if not below or slash or self._can_be_named(below, name.strip()):
                    return name.strip(), below

    def _ask_for_parent(self, name: str) -> str | None:
        while True:
            typed = self._keys.line(f"  below which rule shall {printable(name)} be (Enter: at the top): ")
            if not typed:
                return typed
            if (found := self._rule_above(typed)) is not None:
                return found

    def _rule_above(self, typed: str) -> str | None:
        """Return the rule that was meant; None, and say so, where there is none."""
        from vsortd.learning.teaching import find_rule

        try:
            return find_rule(self._session.services.tree, typed)
        except UsageError as error:
            for line in error.lines():
                self._say(f"  {line}", "red")
            return None

    def _can_be_named(self, below: str, name: str) -> bool:
        from vsortd.learning.new_rule import new_name_problem

        problem = new_name_problem(self._session.services.settings, below, name)
        if problem:
            self._say(f"  {name}: {problem}; another name, or Enter alone to go back", "red")
        return not problem

    def tell_daemon(self) -> None:
        """Have a running daemon sort by the rule that was written."""
        from vsortd.service.client import Client

        try:
            Client(state_folder()).reload()
        except DaemonUnreachableError:
            return  # none runs: the next start reads the config
        except VsortdError as error:
            first, *more = error.lines()
            for line in (f"The daemon did not take it: {first}", *more):
                self._say(line, "yellow")
        else:
            self._say("the daemon sorts by it from now on", "dim")
