"""Fixtures for learning: a person's home with the real commands, killed daemons included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Callable[..., harness.Home]]:
    """Return what makes a home; its daemon ends with the test."""
    made = []

    def make(**options: str) -> harness.Home:
        # prompts that are averaged leave more of the clips unsure: something to decide on and to teach
        options["more"] = "defaults: {ensemble: average}\n" + options.get("more", "")
        made.append(harness.Home.make(tmp_path / f"home{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        if one.daemon is not None:
            one.daemon.kill()
            one.daemon.wait()
