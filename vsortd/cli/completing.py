"""What the shell offers on Tab beyond commands and options: names out of the config and the journal.

None of it may fail or say anything: what can't be read is simply not offered.
"""

from __future__ import annotations

import contextlib
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec

import click

from vsortd.cli.completion_scripts import SCRIPTS
from vsortd.core.names import facet_tag
from vsortd.core.outcomes import ItemState
from vsortd.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.filing.records import Item

Offers = list[tuple[str, str]]
"""What may be typed, and what it is."""

_NEWEST = 50
_Given = ParamSpec("_Given")


def _offered(find: Callable[_Given, Offers]) -> Callable[_Given, Offers]:
    """Let no name steer the terminal that the shell shows it on: one that can't be typed plainly is not offered."""

    @wraps(find)
    def safely(*given: _Given.args, **named: _Given.kwargs) -> Offers:
        return [(word, printable(told)) for word, told in find(*given, **named) if word == printable(word)]

    return safely


@_offered
def rule_names(ctx: click.Context, incomplete: str) -> Offers:
    """Offer every rule of the config, as `forest/night`."""
    with contextlib.suppress(Exception):
        from vsortd.config.rules import build_rules

        rules = build_rules(_settings(ctx)).walk()
        return [(rule.key, ", ".join(rule.prompts[:3])) for rule in rules if rule.key.startswith(incomplete)]
    return []


@_offered
def command_words(ctx: click.Context, incomplete: str) -> Offers:
    """Offer the commands below the words that stand there already."""
    with contextlib.suppress(Exception):
        from vsortd.cli.command_tree import context_of

        group = context_of(ctx.find_root(), list(ctx.params.get("words") or ())).command
        below: dict[str, str] = getattr(group, "lines", {})
        return [(name, line) for name, line in below.items() if name.startswith(incomplete)]
    return []


@_offered
def inbox_paths(ctx: click.Context, incomplete: str) -> Offers:
    """Offer the inboxes."""
    with contextlib.suppress(Exception):
        paths = [str(inbox.path) for inbox in _settings(ctx).inboxes]
        return [(path, "inbox") for path in paths if path.startswith(incomplete)]
    return []


@_offered
def tag_names(ctx: click.Context, incomplete: str) -> Offers:
    """Offer the tags of the config."""
    with contextlib.suppress(Exception):
        settings = _settings(ctx)
        named = {tag.name: "tag" for tag in settings.tags}
        named |= {facet_tag(name, value): name for name, facet in settings.facets.items() for value in facet.prompts}
        return [(tag, what) for tag, what in named.items() if tag.startswith(incomplete)]
    return []


_STATES: Final = (
    *(ItemState.FILED, ItemState.REVIEW, ItemState.REJECTED, ItemState.FAILED),
    *(ItemState.ASIDE, ItemState.UNDONE, ItemState.HELD),
)


def item_states(incomplete: str) -> Offers:
    """Offer the states of the history, also behind a comma."""
    begun, comma, last = incomplete.rpartition(",")
    return [(f"{begun}{comma}{state}", "") for state in _STATES if state.startswith(last)]


@_offered
def item_ids(incomplete: str) -> Offers:
    """Offer the newest items of the history."""
    return _items(incomplete, ())


@_offered
def undoable_ids(incomplete: str) -> Offers:
    """Offer the newest items that can be undone, and once something is typed their names."""
    placed = (ItemState.FILED, ItemState.REVIEW, ItemState.ASIDE)
    return _items(incomplete, placed) or (_names(incomplete, placed) if incomplete else [])


@_offered
def video_names(incomplete: str) -> Offers:
    """Offer the names of the newest items' videos; where none fits, the shell offers files."""
    return _names(incomplete, ())


@_offered
def held_ids(incomplete: str) -> Offers:
    """Offer what `release` can let go."""
    return _items(incomplete, (ItemState.UNDONE,))


@_offered
def refused_ids(incomplete: str) -> Offers:
    """Offer what `retry` can try again."""
    return _items(incomplete, (ItemState.FAILED, ItemState.REJECTED))


@_offered
def batches(incomplete: str) -> Offers:
    """Offer the batches of the newest items."""
    with contextlib.suppress(Exception):
        found: dict[str, int] = {}
        for item in _history():
            found[item.batch] = found.get(item.batch, 0) + 1
        return [(batch, f"{count} of the newest") for batch, count in found.items() if batch.startswith(incomplete)]
    return []


def model_words(incomplete: str) -> Offers:
    """Offer the recommended models as `model compare` takes them."""
    with contextlib.suppress(Exception):
        from vsortd.vision.models import AUTO, RECOMMENDED, SAMPLE

        named = {AUTO: "the default here", SAMPLE: "the small one inside vsortd"}
        named |= {f"{model.name}/{model.tag}": model.purpose for model in RECOMMENDED}
        return [(word, purpose) for word, purpose in named.items() if word.startswith(incomplete)]
    return []


def model_names(incomplete: str) -> Offers:
    """Offer the recommended models."""
    with contextlib.suppress(Exception):
        from vsortd.vision.models import AUTO, RECOMMENDED

        named = {AUTO: "what this machine would use", **{model.name: model.purpose for model in RECOMMENDED}}
        return [(name, purpose) for name, purpose in named.items() if name.startswith(incomplete)]
    return []


def model_tags(ctx: click.Context, incomplete: str) -> Offers:
    """Offer the recommended tags of the model that was named before."""
    with contextlib.suppress(Exception):
        from vsortd.vision.models import RECOMMENDED

        name = ctx.params.get("name")
        fitting = [model for model in RECOMMENDED if model.name == name and model.tag.startswith(incomplete)]
        return [(model.tag, model.licence) for model in fitting]
    return []


def levels(incomplete: str) -> Offers:
    """Offer the log's levels."""
    from vsortd.core.logs.reader import LEVELS

    return [(level, "") for level in LEVELS if level.startswith(incomplete)]


def orientations(incomplete: str) -> Offers:
    """Offer the ways in which a video is shown."""
    from vsortd.core.video_facts import Orientation

    return [(one.value, "") for one in Orientation if one.value.startswith(incomplete)]


def shells(incomplete: str) -> Offers:
    """Offer the shells that Tab works in."""
    return [(shell, "") for shell in SHELLS if shell.startswith(incomplete)]


SHELLS = tuple(SCRIPTS)


def _settings(ctx: click.Context) -> Settings:
    """Load the config as the command would; while completing, no callback has run that would know the file."""
    from vsortd.config.load import load_settings
    from vsortd.core.paths import find_config

    named: Path | None = ctx.find_root().params.get("config_file")
    return load_settings(find_config(named))


def _items(incomplete: str, states: tuple[ItemState, ...]) -> Offers:
    with contextlib.suppress(Exception):
        return [
            (str(item.id), f"{item.state}: {item.source.name}")
            for item in _history()
            if (not states or item.state in states) and str(item.id).startswith(incomplete)
        ]
    return []


def _names(incomplete: str, states: tuple[ItemState, ...]) -> Offers:
    found: dict[str, str] = {}
    with contextlib.suppress(Exception):
        for item in _history():
            for path in (item.destination, item.source) if not states or item.state in states else ():
                if path is not None and path.name.startswith(incomplete):
                    found.setdefault(path.name, f"#{item.id} {item.state}")
    return list(found.items())


def _history() -> Iterator[Item]:
    from vsortd.cli.common import open_journal
    from vsortd.filing.history_query import HistoryQuery

    journal = open_journal()
    if journal is not None:
        with journal:
            yield from journal.history(HistoryQuery(last=_NEWEST))
