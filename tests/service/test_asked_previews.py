"""`vsortd rules preview` asks a daemon that runs: it prints the same, loads no model, and Ctrl-C ends it there, too."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from tests.support.waiting import PATIENCE_S, until
from vsortd.config.dump import fingerprint
from vsortd.config.load import load_settings
from vsortd.errors import ExitCode
from vsortd.judging.resident_model import ResidentModel
from vsortd.pipeline.services import Services
from vsortd.service.client import Client
from vsortd.service.controller import Controller
from vsortd.service.server import ControlServer
from vsortd.service.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.core.documents import PreviewAnswerDocument
    from vsortd.service.api import Controlled
    from vsortd.service.request_models import PreviewRulesRequest
    from vsortd.vision.encoder import Encoder

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home with sorted videos, and a config of other rules that want more frames than were looked at."""
    made = harness.Here(harness.Home.make(tmp_path_factory.mktemp("asked") / "home").folder)
    for number, subject in enumerate((Subject.FOREST, Subject.SEA, Subject.FIRE)):
        render_scene(made.inbox / f"{subject.value}.mp4", subject, Light.DAY, seed=number + 1, frames=40, fps=10)
    made.run("sort", made.inbox)
    renamed = made.config.read_text().replace("{name: sea,", "{name: ocean,")
    (made.folder / "renamed.yaml").write_text(renamed)
    (made.folder / "more.yaml").write_text(renamed.replace("rules:\n", "sampling: {max_frames: 64}\nrules:\n", 1))
    return made


@contextmanager
def running(home: harness.Here) -> Iterator[Controller]:
    """Serve the control API over services of this process, as the daemon does."""
    state, fatal = home.folder / "state", list[BaseException]()
    nothing: dict[str, Any] = {"on_done": lambda: None, "on_fatal": fatal.append, "wake": lambda: None}
    own: dict[str, Any] = {
        "reload": lambda: {"changed": [], "retried": []}, "stop": lambda: None, "wake": lambda: None
    }  # fmt: skip
    with Services.open(load_settings(home.config), state, keep_trying=True) as services:
        services.model.get(threading.Event())
        workflow = Workflow(services, once=False, stopping=threading.Event(), **nothing)
        controller = Controller(workflow, **own)
        server = ControlServer(controller, state, on_fatal=fatal.append)
        server.start()
        try:
            yield controller
        finally:
            controller.cancel_all()
            workflow.hub.close()
            server.stop()
            controller.close()
    assert [] == fatal


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[ResidentModel]:
    """Return who loads a model from now on."""
    found: list[ResidentModel] = []
    load = ResidentModel._load

    def noted(model: ResidentModel) -> Encoder:
        found.append(model)
        return load(model)

    monkeypatch.setattr(ResidentModel, "_load", noted)
    return found


@pytest.mark.long
def test_the_same_is_printed_and_no_other_model_loaded(home: harness.Here, loads: list[ResidentModel]) -> None:
    renamed, more = ("--config", home.folder / "renamed.yaml"), ("--config", home.folder / "more.yaml")
    asked = [
        ("rules", "preview", "--all"),
        (*renamed, "rules", "preview"),
        (*renamed, "rules", "preview", "--json"),
        (*more, "rules", "preview", "--csv"),
    ]
    alone = [home.run(*words).stdout for words in asked]
    assert ("1 move to another folder" in alone[1], len(asked)) == (True, len(loads))
    loads.clear()
    with running(home):
        assert alone == [home.run(*words).stdout for words in asked]
        looked = home.run(*more, "rules", "preview", "--json", "--look").stdout
    assert 1 == len(loads)  # the daemon's own
    assert '"unknown": 0' in looked
    assert home.run(*more, "rules", "preview", "--json", "--look").stdout == looked  # it was kept


def test_it_leaves_to_the_command_what_it_can_not_tell_as_well(home: harness.Here) -> None:
    """A config that reads otherwise here than there, or names another model."""
    path = home.folder / "renamed.yaml"
    text, config = path.read_text(), fingerprint(load_settings(path))
    other = home.folder / "other.yaml"
    other.write_text(text.replace("model: sample", "model: {name: ViT-B-32-256, weights: datacomp_s34b_b86k}"))
    client = Client(home.folder / "state")
    with running(home) as controller:
        assert client.preview_rules(path, text, config, look=False) is not None
        assert client.preview_rules(path, text, "another", look=False) is None
        named = fingerprint(load_settings(other))
        assert client.preview_rules(other, other.read_text(), named, look=False) is None
        controller.cancel_all()  # the daemon ends
        assert client.preview_rules(path, text, config, look=False) is None


class _Deciding:
    """A daemon that has so much filed that its preview ends only when it is called off."""

    def __init__(self) -> None:
        self.begun, self.called_off = threading.Event(), threading.Event()

    def preview_text(
        self, _asked: PreviewRulesRequest, _on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> PreviewAnswerDocument | None:
        self.begun.set()
        if cancel.wait(PATIENCE_S):
            self.called_off.set()
        return None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_ends_the_daemons_work(home: harness.Here) -> None:
    daemon = _Deciding()
    server = ControlServer(cast("Controlled", daemon), home.folder / "state")
    server.start()
    command = [sys.executable, "-m", "vsortd", "rules", "preview"]
    try:
        with subprocess.Popen(command, env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
            until(daemon.begun.is_set, what="the daemon is asked")
            asking.send_signal(signal.SIGINT)
            asking.communicate(timeout=PATIENCE_S)
        until(daemon.called_off.is_set, what="its work is called off")
    finally:
        server.stop()
    assert ExitCode.INTERRUPTED == asking.returncode
