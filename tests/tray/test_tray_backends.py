"""Every backend of pystray has a module of ours, on desktops that are not here, too."""

from __future__ import annotations

import importlib.util

import pytest

from vsortd.tray import backends


@pytest.mark.parametrize("name", backends._MODULES)
def test_every_backend_has_its_module(name: str) -> None:
    assert importlib.util.find_spec(f"vsortd.tray.{backends._MODULES[name]}") is not None
