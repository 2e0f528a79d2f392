"""A home whose videos are filed by the filing alone: for what is asked of the history, no model is needed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support import harness
from vsortd.config.place_options import Place
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.paths import journal_path
from vsortd.filing.journal import Journal
from vsortd.filing.place import Filer
from vsortd.filing.placement import ConvertedFile, FilingRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.filing.records import Item


class FiledHome(harness.Here):
    """The real commands, over a history that is made without a look at any video."""

    @classmethod
    def at(cls, folder: Path) -> FiledHome:
        """Make inbox, library and config."""
        return cls(harness.Home.make(folder).folder)

    @contextmanager
    def filer(self) -> Iterator[tuple[Filer, Journal]]:
        """Open the journal and file into the library."""
        with Journal.open(journal_path(self.folder / "state")) as journal:
            filer = Filer(journal, self.library, Place())
            try:
                yield filer, journal
            finally:
                filer.close()

    def drop(self, name: str, mtime_s: int = 1_700_000_000) -> Path:
        """Put a file into the inbox; its content is its own name."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))
        os.utime(path, (mtime_s, mtime_s))
        return path

    def file(self, name: str, rule: str = "sea", *sidecars: str, converted: bool = False, **more: Any) -> Item:
        """Drop a video and file it under a rule, as MP4 if it is `converted`; `more` goes into the request."""
        source = self.drop(name, more.pop("mtime_s", 1_700_000_000))
        beside = tuple(self.drop(one) for one in sidecars)
        identity = Identity.of(source)
        assert identity is not None
        values: dict[str, Any] = {"score": 0.9, "margin": 0.5, "reason": "looks like it", "batch": "one", **more}
        with self.filer() as (filer, _):
            if converted:
                staged = filer.staging_path(source)
                staged.write_bytes(b"mp4 of " + source.read_bytes())
                values["converted"] = ConvertedFile(path=staged, kind=ConversionKind.REMUX)
            folder = ("_Review",) if values.get("outcome") is ItemState.REVIEW else tuple(rule.split("/"))
            return filer.place(FilingRequest(source, identity, folder, sidecars=beside, rule=rule, **values))

    def refuse(self, name: str, state: ItemState, reason: str) -> Item:
        """Drop a video and record that it stays where it is."""
        source = self.drop(name)
        identity = Identity.of(source)
        assert identity is not None
        with self.filer() as (filer, _):
            return filer.record(source, identity, state, reason, batch="one")
