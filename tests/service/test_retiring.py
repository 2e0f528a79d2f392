"""After a reload the services before it are kept until nothing under way uses them."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tests.support import harness
from vsortd.config.load import load_settings
from vsortd.pipeline.services import Services
from vsortd.service.daemon import DaemonRun, Orders
from vsortd.service.wakeup import Wakeup

if TYPE_CHECKING:
    from pathlib import Path


def test_a_search_or_sort_under_way_keeps_the_services_that_it_began_with(tmp_path: Path, own_state: Path) -> None:
    home = harness.Home.make(tmp_path / "home")
    before = load_settings(home.config)
    after = before.model_copy(update={"place": before.place.model_copy(update={"review": "_Undecided"})})
    with (
        Services.open(before, own_state, keep_trying=True, load_model=False) as services,
        contextlib.closing(Wakeup()) as wakeup,
    ):
        run = DaemonRun(services, Orders(), wakeup, once=False, read_config=lambda: after)
        with run._controller._stops_with(threading.Event()):
            assert ["place"] == run._reloader.reload()["changed"]
            run._close_unused()
            assert run._reloader.replaced
        run._close_unused()
        assert not run._reloader.replaced
        run._workflow.services.retire(services)
