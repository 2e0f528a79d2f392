"""Putting a config file of a former version into the words of the present one; the former file stays beside it."""

from __future__ import annotations

import difflib
import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.check import check_bytes
from vsortd.config.former_versions import PRESENT, with_version
from vsortd.core.system.atomic_file import whole_file
from vsortd.errors import ConfigError
from vsortd.setup.config_files import ConfigChangedError, put_in_place

if TYPE_CHECKING:
    from vsortd.config.former_versions import Change

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ConfigMigration:
    """What becomes of a config file: its bytes as they are and as they will be, and what changes in words.

    `former` is the version that it says; None where it says none. `changed` is False for one of the present version.
    """

    path: Path
    before: bytes
    after: bytes
    former: int | None
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, path: Path) -> ConfigMigration:
        """Read a config file. Raises InvalidConfigError with every mistake, ConfigError where it can't be read."""
        try:
            before = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"The config file {path} can't be read: {error.strerror or error}.",
                remedy="Make it readable, or name another with --config.",
                paths=[path],
            ) from error
        report = check_bytes(path, before)
        settings = report.settings_or_raise()
        says = None if report.document.options is None else report.document.options.get("version")
        mark = _BOM if before.startswith(_BOM) else b""
        after = mark + with_version(report.document.text).encode()
        changes = () if report.former is None else report.former.changes
        if check_bytes(path, after).settings != settings:
            raise ConfigError(
                f"{path} is written in a form that can't be changed safely; nothing was changed.",
                details=["Change it yourself:", *(one.sentence() for one in changes)] if changes else [],
                remedy=f"Then let it say: version: {PRESENT}",
                paths=[path],
            )
        if report.former is None:
            return cls(path, before, after, None if says is None else PRESENT, ())
        return cls(path, before, after, report.former.number if report.former.line else None, changes)

    @property
    def changed(self) -> bool:
        """Whether the file has to be written anew."""
        return self.before != self.after

    def lines(self) -> list[str]:
        """Say what changes, a sentence each, with the file's lines as they are."""
        said = [one.sentence() for one in self.changes]
        if self.former is None:
            return [*said, f"the file says now that it is of version {PRESENT}"]
        return [*said, f"version {self.former} is now version {PRESENT}"]

    def difference(self) -> str:
        """Return what changes, as diff -u says it."""
        before, after = (data.decode("utf-8-sig").splitlines() for data in (self.before, self.after))
        name = self.path.name
        return "\n".join(difflib.unified_diff(before, after, name, f"{name}, version {PRESENT}", lineterm=""))

    def write(self) -> Path:
        """Put the file in its place, whole or not at all; return where the former one lies from now on.

        Raises ConfigChangedError where somebody changed it meanwhile, or ConfigError; the file is as it was then.
        """
        real = Path(os.path.realpath(self.path))
        try:
            kept = self._keep(real)
            if real.read_bytes() != self.before:
                raise ConfigChangedError(
                    f"{self.path} was changed by somebody else meanwhile; it is as they left it.",
                    remedy="Try again.",
                    paths=[self.path],
                )
            put_in_place(real, self.after, like=real)
        except OSError as error:
            raise ConfigError(
                f"{self.path} can't be written: {error.strerror or error}. It is as it was.",
                remedy="Do it as its owner, and make its folder writable.",
                paths=[self.path],
            ) from error
        return kept

    def _keep(self, real: Path) -> Path:
        """Keep the file as it was beside it, under a name that nothing has, or that it has there already."""
        for number in itertools.count(1):
            kept = real.with_name(f"{real.name}.v{self.former or 1}{'' if number == 1 else f'.{number}'}")
            if not os.path.lexists(kept):
                with whole_file(kept, replace=False) as file:
                    file.write(self.before)
                kept.chmod(real.stat().st_mode & 0o777)
                return kept
            if kept.is_file() and kept.read_bytes() == self.before:
                return kept
        raise AssertionError
