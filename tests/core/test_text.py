"""Counts as people read them."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import REPOSITORY
from vsortd.core.text import counted


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (0, ("video",), "0 videos"),
        (1, ("video",), "1 video"),
        (1200, ("video",), "1,200 videos"),
        (1, ("inbox", "inboxes"), "1 inbox"),
        (2, ("inbox", "inboxes"), "2 inboxes"),
        (1, ("video is gone", "videos are gone"), "1 video is gone"),
    ],
)
def test_one_and_many_are_told_apart(number: int, words: tuple[str, ...], told: str) -> None:
    assert told == counted(number, *words)


def test_no_place_has_a_plural_of_its_own() -> None:
    """What glues an s to a word by hand is wrong for one sooner or later."""
    glued = re.compile(r"""\{\s*['"]e?s['"]\s*(\*|if)|['"]e?s['"]\s*\*\s*\(|else\s*['"]e?s['"]""")
    found = []
    for path in sorted((REPOSITORY / "vsortd").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        found += [f"{path.name}:{number}" for number, line in enumerate(lines, 1) if glued.search(line)]
    assert [] == found
