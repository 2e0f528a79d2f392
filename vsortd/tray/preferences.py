"""What of the config concerns the tray. A broken one doesn't end it: the daemon, too, goes on by the last good one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which notifications there are, and the name of the library's folder of undecided videos."""

    batches: bool = True
    failures: bool = True
    review: str = "_Review"


def read_preferences(config: Path | None, last: Preferences | None = None) -> Preferences:
    """Read them anew from `--config` or where a config is found; if it can't be read: the `last` ones, or defaults."""
    from vsortd.config.load import load_settings
    from vsortd.core.paths import find_config

    try:
        settings = load_settings(find_config(config))
    except ConfigError as error:
        logger.debug("the config can't be used, the tray goes on as before: {}", error.title)
        return last or Preferences()
    return Preferences(settings.notify.batches, settings.notify.failures, settings.place.review)
