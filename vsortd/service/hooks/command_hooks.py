"""What is to be done after videos that a command has filed while no daemon runs: at its end, each once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vsortd.config.rules import build_rules
from vsortd.core.paths import journal_path
from vsortd.filing.journal import Journal
from vsortd.service.hooks.delivery_queue import DeliveryQueue
from vsortd.service.hooks.hook_runner import HookRunner

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.settings import Settings


@contextlib.contextmanager
def hooks_of_command(settings: Settings, state_folder: Path) -> Iterator[Callable[[threading.Event], list[str]]]:
    """Lend what tries all that is to be done after the videos that end from here on, until its event is set.

    It returns a sentence for each that failed, which is kept for the next time. Where a daemon does that, or nothing is
    to be done, it does nothing.
    Raises StoreError where the journal can't be read.
    """
    tree = build_rules(settings)
    if not tree.does_something_after:
        yield lambda _: []
        return
    with Journal.open(journal_path(state_folder)) as journal:
        hooks = HookRunner(
            DeliveryQueue(journal, state_folder, lambda: tree), state_folder, activity=lambda: (True, False)
        )
        hooks.config_changed()
        try:
            yield hooks.drain
        finally:
            hooks.close()
