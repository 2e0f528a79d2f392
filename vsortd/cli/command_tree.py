"""The commands as a tree: the one that some words name."""

from __future__ import annotations

import click

from vsortd.cli.front.commands import Group
from vsortd.core.text import storable
from vsortd.errors import UsageError


def context_of(root: click.Context, words: list[str]) -> click.Context:
    """Return the context in which a command below the root would run. Raises UsageError where there is none."""
    found = root
    for number, word in enumerate(words):
        below = found.command.commands if isinstance(found.command, Group) else {}
        if word not in below:
            raise _unknown(words[: number + 1], list(below))
        found = click.Context(below[word], info_name=word, parent=found)
    return found


def _unknown(words: list[str], known: list[str]) -> UsageError:
    from vsortd.config.diagnostics import nearest_of

    *above, word = words
    near = nearest_of(word, known)
    overview = " ".join(["vsortd help", *above])
    remedy = f"Did you mean: vsortd help {' '.join([*above, near])}" if near else f"All there are: {overview}"
    return UsageError(f"There is no command {storable(' '.join(words))!r}.", remedy=remedy)
