"""A tiny sound model in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.tiny_clap import make_tiny_clap

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def clap_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model's folder that no test changes."""
    folder = tmp_path_factory.mktemp("clap")
    make_tiny_clap(folder)
    return folder
