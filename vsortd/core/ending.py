"""How the end of a video's way is told in one line, by `run` and by whatever else tells it to people."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.home import with_tilde

if TYPE_CHECKING:
    from pathlib import PurePath

_STATE_COLUMNS = 8  # the longest state that a video can end in


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a video: its state, where it went, and why; texts for people, not escaped yet."""

    state: str
    where: str
    why: str

    @classmethod
    def of(
        cls, *, state: str, source: PurePath, destination: PurePath | None, rule: str, reason: str, library: PurePath
    ) -> Ending:
        """Tell of a video by its name: the folder within the library (with the name where that is another), and why.

        A reason that begins with the rule does not repeat it; paths in it are told from the library or from home.
        """
        where = f"{source.name} stays where it is:"
        if destination is not None:
            inside = destination.relative_to(library) if destination.is_relative_to(library) else destination
            goal = inside.parent if destination.name == source.name and inside.parent.parts else inside
            where = f"{source.name} → {with_tilde(goal)} "  # a wider gap: what follows is no part of the name
            reason = reason.removeprefix(f"{rule}: ") if rule else reason
        return cls(state, where, with_tilde(reason.replace(f"{library}{os.sep}", "")))

    @property
    def padded_state(self) -> str:
        """The state, as wide as the widest."""
        return self.state.ljust(_STATE_COLUMNS)
