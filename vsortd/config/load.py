"""Loading a config: checked whole, or an error that lists every mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.config.check import check_file

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.settings import Settings


def load_settings(path: Path) -> Settings:
    """Load the config file at `path`.

    Raises InvalidConfigError (a ConfigError) that lists every mistake, `.mistakes`; ConfigError where it
    can't be read.
    """
    return check_file(path).settings_or_raise()
