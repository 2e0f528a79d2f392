"""The commands as a tree: the one that some words name."""

from __future__ import annotations

from typing import Any

from vsortd.core.text import storable
from vsortd.errors import UsageError


def context_of(root: Any, words: list[str]) -> Any:  # noqa: ANN401 - typer's own types change their place
    """Return the context in which a command below the root would run. Raises UsageError where there is none."""
    found = root
    for number, word in enumerate(words):
        command = found.command.get_command(found, word) if hasattr(found.command, "get_command") else None
        if command is None:
            raise _unknown(words[: number + 1], list(getattr(found.command, "commands", {})))
        found = type(root)(command, info_name=word, parent=found)
    return found


def _unknown(words: list[str], known: list[str]) -> UsageError:
    from vsortd.config.diagnostics import nearest_of

    *above, word = words
    near = nearest_of(word, known)
    overview = " ".join(["vsortd help", *above])
    remedy = f"Did you mean: vsortd help {' '.join([*above, near])}" if near else f"All there are: {overview}"
    return UsageError(f"There is no command {storable(' '.join(words))!r}.", remedy=remedy)
