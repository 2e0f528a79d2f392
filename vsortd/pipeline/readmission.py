"""Rejected videos that the config may take now: `accept` was widened, or duplicates are no longer skipped.

What was rejected stays in its inbox and is not looked at again until it changes. When the config is read, the facts
that it was rejected for are held against what is accepted now; only what may fit is looked at anew.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.config.choices import OnDuplicate
from vsortd.core.outcomes import ItemState
from vsortd.filing.identical import policy_of
from vsortd.filing.place import DUPLICATE_REASON
from vsortd.judging.conditions import AcceptFacts, admit, statement

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.filing.records import Item
    from vsortd.pipeline.services import Services

_MOST_NAMED = 10
# How a rejection ends that has no facts beside it: recorded before facts were kept.
_OPTION = re.compile(r"accept\.(\w+) is [^;]+$")


def readmit(services: Services) -> list[Path]:
    """Let rejected videos of the inboxes be looked at again that may fit now; return them. Raises StoreError."""
    settings = services.settings
    folders = tuple(inbox.path for inbox in settings.inboxes)
    fitting = [
        item
        for item in services.journal.refused()
        if item.item_state is ItemState.REJECTED
        and any(item.source.is_relative_to(folder) for folder in folders)
        and may_fit(item, settings)
        and os.path.lexists(item.source)
    ]
    freed = services.journal.retry(ids=[item.id for item in fitting]) if fitting else []
    if freed:
        names = ", ".join(path.name for path in freed[:_MOST_NAMED])
        more = f" and {len(freed) - _MOST_NAMED} more" if len(freed) > _MOST_NAMED else ""
        logger.info("{} rejected before may fit the config now, looked at again: {}{}", len(freed), names, more)
    return freed


def may_fit(item: Item, settings: Settings) -> bool:
    """Tell whether the reason that a video was rejected for no longer holds."""
    facts = item.detail.get(AcceptFacts.KEY)
    if facts is not None:
        return admit(AcceptFacts(**facts), settings.accept) is None
    if item.reason.startswith(DUPLICATE_REASON):
        return policy_of(settings.place.on_duplicate)[0] is not OnDuplicate.SKIP
    named = _OPTION.search(item.reason)
    return named is not None and named[0] != statement(named[1], settings.accept)
