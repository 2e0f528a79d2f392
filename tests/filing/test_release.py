"""Releasing and retrying by what a person names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vsortd.filing.journal import Journal
from vsortd.filing.release import ReleaseVerb, release_or_retry

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("7", "no held item has this id"),
        ("9" * 25, "no held item has this id"),
        ("9" * 5000, "no held item has this id"),
        ("²", "no held file has this name"),
        ("٣", "no held file has this name"),
        ("/in/a.mp4", "no held file has this name"),
    ],
    ids=["an id", "beyond 64 bits", "beyond what int() takes", "superscript", "Arabic digit", "a path"],
)
def test_a_name_that_means_nothing_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        assert [(name, reason)] == release_or_retry(journal, ReleaseVerb.RELEASE, [name], everything=False).refused
