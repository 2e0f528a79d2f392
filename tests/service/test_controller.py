"""What the control API asks of the daemon, answered over a workflow that has not begun."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.browser import CLIPS
from vsortd.config.dump import fingerprint
from vsortd.config.load import load_settings
from vsortd.core.documents import CountsDocument, InboxDocument, ModelDocument, StatusDocument
from vsortd.core.identity import Identity
from vsortd.core.paths import previews_path
from vsortd.errors import Cancelled, UsageError
from vsortd.library.search.requests import Request
from vsortd.media.preview_cache import PreviewCache
from vsortd.pipeline.services import Services
from vsortd.service.controller import Controller
from vsortd.service.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Desk:
    """A controller, and what it asks of the rest of the daemon."""

    def __init__(self, services: Services) -> None:
        self.said: list[str] = []
        self.services = services
        self.workflow = Workflow(
            services,
            once=False,
            stopping=threading.Event(),
            wake=lambda: self.said.append("wake"),
            on_done=lambda: None,
            on_fatal=lambda error: self.said.append(str(error)),
        )
        self.controller = Controller(
            self.workflow,
            reload=lambda: {"changed": ["rules"], "retried": []},
            stop=lambda: self.said.append("stop"),
            wake=lambda: self.said.append("wake"),
        )


@pytest.fixture
def ledger(tmp_path: Path, own_state: Path) -> Iterator[Desk]:
    home = harness.Home.make(tmp_path / "home")
    absent = f"model: {{name: ViT-B-32, weights: {tmp_path / 'absent.safetensors'}}}"  # whoever asks for it waits
    home.config.write_text(home.config.read_text().replace("model: sample", absent))
    with Services.open(load_settings(home.config), own_state, keep_trying=True, load_model=False) as services:
        yield Desk(services)
    for thread in threading.enumerate():
        if thread.name == "model-loader":  # closing calls it off, and waits for no load
            thread.join(60)


def test_the_status_has_its_keys_and_no_others(ledger: Desk) -> None:
    status = ledger.controller.status()
    assert StatusDocument.__annotations__.keys() == status.keys()
    assert ModelDocument.__annotations__.keys() == status["model"].keys()
    assert CountsDocument.__annotations__.keys() == status["counts"].keys()
    assert [InboxDocument.__annotations__.keys()] == [inbox.keys() for inbox in status["inboxes"]]
    assert ("running", 1, "ViT-B-32") == (status["state"], status["schema_version"], status["model"]["name"])


def test_a_pause_begins_and_ends_and_wakes_the_daemon(ledger: Desk) -> None:
    (inbox,) = ledger.services.settings.inboxes
    assert "paused" == ledger.controller.pause()["state"]
    assert ["wake"] == ledger.said
    paused = ledger.controller.resume()
    assert ("running", []) == (paused["state"], paused["paused"]["inboxes"])
    paused = ledger.controller.pause(inbox.path, 60.0)
    assert ("running", True) == (paused["state"], paused["inboxes"][0]["paused"])
    assert [str(inbox.path)] == [one["path"] for one in paused["paused"]["inboxes"]]
    with pytest.raises(UsageError, match="is not an inbox"):
        ledger.controller.pause(inbox.path.parent)
    with pytest.raises(UsageError, match="A pause takes a hundred years at most"):
        ledger.controller.pause(for_s=1e300)


def test_another_config_is_left_to_the_command(ledger: Desk) -> None:
    assert ledger.controller.search(Request(("sea",)), "another") is None
    assert ledger.controller.sort([], "another", lambda _done, _total: None, threading.Event()) is None
    assert not ledger.controller.busy


def test_the_end_calls_off_what_is_under_way_and_what_still_comes(ledger: Desk) -> None:
    mine, ended = fingerprint(ledger.services.settings), list[BaseException]()

    def search() -> None:
        try:
            ledger.controller.search(Request(("sea",)), mine)
        except Cancelled as error:
            ended.append(error)

    begun = [threading.Thread(target=search) for _ in range(2)]
    for thread in begun:
        thread.start()
    while not ledger.controller.busy:
        threading.Event().wait(0.01)
    ledger.controller.cancel_all()
    for thread in begun:
        thread.join(10)
    assert 2 == len(ended)
    search()
    assert 3 == len(ended)
    assert not ledger.controller.busy


def test_reload_and_stop_are_the_daemons_own(ledger: Desk) -> None:
    assert ["rules"] == ledger.controller.reload()["changed"]
    ledger.controller.stop()
    assert ["stop"] == ledger.said


@pytest.mark.parametrize(("web", "most_bytes"), [("{cache: 10MB}", 5 * 10**6), ("{}", 10**9), ("off", 10**9)])
def test_as_much_of_pictures_is_kept_as_the_config_says(
    tmp_path: Path, own_state: Path, web: str, most_bytes: int
) -> None:
    home = harness.Home.make(tmp_path / "home", more=f"web: {web}\n")
    kept = PreviewCache(previews_path(own_state) / "pictures", 10**9)
    for number in range(8):
        kept.put(f"old-{number}", "jpg", bytes(10**6))
    video = CLIPS / "summit.mp4"
    identity = Identity.of(video)
    assert identity is not None
    with Services.open(load_settings(home.config), own_state, keep_trying=True, load_model=False) as services:
        controller = Desk(services).controller
        assert controller.previews.thumb(video, identity).is_file()
        controller.close()
    left_bytes = PreviewCache(previews_path(own_state) / "pictures", 10**9).total_bytes
    assert left_bytes <= most_bytes
    assert most_bytes < 10**9 or left_bytes > 8 * 10**6
