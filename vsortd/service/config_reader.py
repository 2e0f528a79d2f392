"""The config as the daemon reads it, at its start and for each reload; the log says what is to be known of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loguru import logger

from vsortd.config.check import check_file
from vsortd.config.former_versions import COMMAND, PRESENT

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.check import CheckReport
    from vsortd.config.former_versions import FormerVersion
    from vsortd.config.settings import Settings


class ConfigReader:
    """Reads one config file, again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._former: FormerVersion | None = None

    def read(self) -> Settings:
        """Return what the file says now. Raises InvalidConfigError with every mistake, ConfigError."""
        report = check_file(self._path)
        settings = report.settings_or_raise()
        self.note_version(report)
        return settings

    def note_version(self, report: CheckReport) -> None:
        """Log that the file is of a former version, or that it was brought to the present one, and what was changed."""
        former, self._former = self._former, report.former
        if report.former is not None:
            logger.warning("{}: {}. `{}` takes it over", self._path, report.former.warning().message, COMMAND)
        elif former is not None:
            said = "; ".join(one.sentence() for one in former.changes)
            logger.info(
                "{} was brought from version {} to {}{}", self._path, former.number, PRESENT, said and f": {said}"
            )
