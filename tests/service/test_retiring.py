"""After a reload the services before it are kept until nothing under way uses them."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from vsortd.config.settings import Settings
from vsortd.service.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path


def test_a_search_or_sort_under_way_keeps_the_services_that_it_began_with(tmp_path: Path) -> None:
    values = {"inboxes": [{"path": str(tmp_path / "in")}], "library": str(tmp_path / "lib"), "model": "sample"}
    daemon: Any = Daemon(Settings.model_validate(values | {"rules": [{"name": "a"}]}), tmp_path)
    retired: list[str] = []
    daemon._services = "the present ones"
    daemon._runner = SimpleNamespace(working=0)
    daemon._retired.append(SimpleNamespace(retire=retired.append))
    with daemon._stops_with(threading.Event()):
        daemon._let_go()
        assert [] == retired
    daemon._let_go()
    assert ["the present ones"] == retired
