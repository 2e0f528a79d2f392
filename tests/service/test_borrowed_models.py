"""Commands ask a daemon that has the model loaded: they print the same, load none, and go on when it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from tests.support import harness
from tests.support.asking import Asking
from tests.support.ears import PitchEncoder
from tests.support.imports import run_telling_imports
from tests.support.tiny_models import make_tiny
from tests.support.waiting import PATIENCE_S, until
from vsortd.config.load import load_settings
from vsortd.config.settings import ModelChoice
from vsortd.errors import DaemonUnreachableError, ExitCode, ModelError, VsortdError
from vsortd.judging.model_source import OwnModels
from vsortd.media.sound_windows import WINDOW_SAMPLES
from vsortd.pipeline.services import Services
from vsortd.service import loan_limits
from vsortd.service.borrowed_models import BorrowedEncoder, BorrowedModels, BorrowedSoundEncoder
from vsortd.service.client import Client
from vsortd.service.controller import Controller
from vsortd.service.server import ControlServer
from vsortd.service.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.service.api import Controlled
    from vsortd.vision.encoder import ModelInfo

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
NEVER_TOLD = {"batch", "time", "id"}  # they differ from one run to the next
HEAVY = {"torch", "open_clip", "transformers"}


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Asking:
    return Asking(tmp_path_factory.mktemp("asking") / "home")


@pytest.fixture(scope="module")
def alone(asking: Asking) -> dict[str, Any]:
    """Return what each command prints where no daemon runs."""
    asking.put_back()
    return {name: told(asking.home.run(*words, code=None).stdout) for name, words in asking.commands.items()}


@pytest.fixture(scope="module")
def daemon(asking: Asking, alone: dict[str, Any]) -> Iterator[harness.Here]:
    """Run a daemon with the state as it was before those."""
    del alone
    asking.put_back()
    asking.home.start()
    yield asking.home
    if asking.home.daemon is not None:
        assert 0 == asking.home.stop()


def told(text: str) -> Any:
    """Return a JSON document without what differs from one run to the next."""
    return _plain(json.loads(text))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key not in NEVER_TOLD}
    return [_plain(one) for one in value] if isinstance(value, list) else value


@pytest.mark.few(1)
@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize(
    "name",
    [
        *("corrections", "explain", "plan", "sort", "timeline", "classify", "analyze", "eval", "teach", "refile"),
        *("search", "duplicates"),
    ],
)
def test_a_command_prints_the_same_and_loads_no_model(asking: Asking, alone: dict[str, Any], name: str) -> None:
    done, modules = run_telling_imports(*asking.commands[name], environment=asking.home.environment)
    assert (0, alone[name]) == (done.returncode, told(done.stdout)), done.stderr
    assert not HEAVY & modules


@contextmanager
def serving(home: harness.Here) -> Iterator[tuple[Controller, Services]]:
    """Serve the control API over services of this process, as the daemon does."""
    fatal = list[BaseException]()
    nothing: dict[str, Any] = {"on_done": lambda: None, "on_fatal": fatal.append, "wake": lambda: None}
    own: dict[str, Any] = {
        "reload": lambda: {"changed": [], "retried": []}, "stop": lambda: None, "wake": lambda: None
    }  # fmt: skip
    settings, state = load_settings(home.config), home.folder / "state"
    with Services.open(settings, state, keep_trying=True, load_model=False) as services:
        workflow = Workflow(services, once=False, stopping=threading.Event(), **nothing)
        controller = Controller(workflow, **own)
        server = ControlServer(controller, state, on_fatal=fatal.append)
        server.start()
        try:
            yield controller, services
        finally:
            controller.cancel_all()
            workflow.hub.close()
            server.stop()
            controller.close()
    assert [] == fatal


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here(harness.Home.make(tmp_path / "home", more="sound_model: some/clap\n").folder)


def pictures(count: int, side: int) -> npt.NDArray[np.uint8]:
    """Return pictures of noise."""
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), np.uint8)


def test_a_lent_model_answers_as_one_of_ones_own(home: harness.Here) -> None:
    own = OwnModels().encoder("sample", texts=None)
    shown = pictures(2 * loan_limits.PICTURES + 3, own.info.preprocess.side_px)
    texts = [f"a {'very ' * (number % 7)}old forest, number {number}" for number in range(2 * loan_limits.TEXTS + 3)]
    with serving(home):
        lent = BorrowedModels(home.folder / "state").encoder("sample", texts=None)
        assert isinstance(lent, BorrowedEncoder)
        assert (own.info, own.unknown_words("a zeppelin")) == (lent.info, lent.unknown_words("a zeppelin"))
        assert own.encode_images(shown) == pytest.approx(lent.encode_images(shown), abs=1e-5)
        assert own.encode_texts(texts) == pytest.approx(lent.encode_texts(texts), abs=1e-5)
        assert (0, own.info.dim) == lent.encode_images(shown[:0]).shape == lent.encode_texts([]).shape
        with pytest.raises(ValueError, match="wants uint8"):
            lent.encode_images(shown[:, :8])
        lent.close()
        with pytest.raises(ModelError, match="closed"):
            lent.encode_images(shown)
    own.close()


def test_a_lent_sound_model_answers_as_one_of_ones_own(home: harness.Here, monkeypatch: pytest.MonkeyPatch) -> None:
    own = PitchEncoder({3000.0: "thunder"})
    monkeypatch.setattr("vsortd.hearing.sound_factory.load_sound_encoder", lambda *_, **__: own)
    heard = np.random.default_rng(3).integers(-900, 900, (loan_limits.WINDOWS + 1, WINDOW_SAMPLES), np.int16)
    heard[1] = (900 * np.sin(2 * np.pi * 3000 * np.arange(WINDOW_SAMPLES) / 48_000)).astype(np.int16)
    with serving(home):
        models = BorrowedModels(home.folder / "state")
        lent = models.sound_encoder("some/clap", texts=None)
        assert isinstance(lent, BorrowedSoundEncoder)
        assert own.info == lent.info
        assert np.array_equal(own.encode_windows(heard), lent.encode_windows(heard))
        assert np.array_equal(own.encode_texts(["thunder", "rain"]), lent.encode_texts(["thunder", "rain"]))
        assert own is models.sound_encoder("another/clap", texts=None)


def test_another_model_than_the_daemons_is_loaded_here(home: harness.Here, tmp_path: Path) -> None:
    make_tiny(tmp_path / "tiny.safetensors")
    with serving(home):
        models = BorrowedModels(home.folder / "state")
        own = models.encoder(ModelChoice(name="tiny", weights=str(tmp_path / "tiny.safetensors")), texts=None)
        assert not isinstance(own, BorrowedEncoder)
        own.close()


@pytest.mark.parametrize("folder", ["", "./"])
def test_a_model_that_the_daemon_can_not_have_is_looked_for_here(home: harness.Here, folder: str) -> None:
    """A path that is relative is another file to it; with one that isn't there it has none to lend."""
    weights = f"{folder or home.folder}/absent.safetensors"
    home.config.write_text(
        home.config.read_text().replace("model: sample", f"model: {{name: ViT-B-32, weights: {weights}}}")
    )
    with serving(home) as (_, services):
        with pytest.raises(ModelError, match="absent"):
            BorrowedModels(home.folder / "state").encoder(services.settings.model, texts=None)
        assert bool(services.model.trouble) is (not folder)


@pytest.mark.long
def test_a_command_by_another_model_loads_it_and_prints_the_same(
    asking: Asking, daemon: harness.Here, tmp_path: Path
) -> None:
    make_tiny(tmp_path / "tiny.safetensors")
    config = tmp_path / "tiny.yaml"
    weights = f"model: {{name: tiny, weights: {tmp_path / 'tiny.safetensors'}}}"
    config.write_text(asking.home.config.read_text().replace("model: sample", weights))
    command = ("--config", config, *asking.commands["explain"])
    done, modules = run_telling_imports(*command, environment=daemon.environment, timeout_s=120)
    assert 0 == done.returncode, done.stderr
    assert "torch" in modules
    elsewhere = {**daemon.environment, "VSORTD_STATE_DIR": str(tmp_path / "state")}
    by_itself, _ = run_telling_imports(*command, environment=elsewhere, timeout_s=120)
    assert told(by_itself.stdout) == told(done.stdout)
    assert "running" == daemon.look("status")["state"]


@pytest.mark.long
def test_a_command_goes_on_when_the_daemon_is_killed(asking: Asking, daemon: harness.Here) -> None:
    lent = BorrowedModels(asking.state).encoder("sample", texts=None)
    assert isinstance(lent, BorrowedEncoder)
    shown = pictures(8, lent.info.preprocess.side_px)
    before, forest = lent.encode_images(shown), lent.encode_texts(["a forest"])
    assert daemon.daemon is not None
    daemon.stop(how=signal.SIGKILL)
    assert before == pytest.approx(lent.encode_images(shown), abs=1e-5)
    assert np.array_equal(forest, lent.encode_texts(["a forest"]))
    assert 1 == pytest.approx((forest @ lent.encode_texts(["A forest"]).T).item(), abs=0.01)
    lent.close()
    daemon.start()


# A daemon that dies of the first pictures that it is shown.
_DYING = """
import os, signal, sys
from vsortd.service.lending import ModelLender
ModelLender.pictures = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = ["vsortd", "run"]
from vsortd.__main__ import script
script()
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["explain", "plan", "timeline", "classify", "analyze", "eval"])
def test_a_command_of_which_the_daemon_dies_goes_on_alone(asking: Asking, name: str) -> None:
    home = asking.home
    if home.daemon is not None:
        home.stop()
    asking.put_back()
    expected = told(home.run(*asking.commands[name]).stdout)
    asking.put_back()
    with (home.folder / "daemon.log").open("ab") as log:
        home.daemon = subprocess.Popen(
            [sys.executable, "-c", _DYING], env=home.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        home.wait(lambda: home.look("status", code=None)["state"] == "running", what="the daemon answers")
        done, modules = run_telling_imports(*asking.commands[name], environment=home.environment, timeout_s=200)
        assert -signal.SIGKILL == home.daemon.wait(PATIENCE_S)
    finally:
        home.daemon.kill()
        home.daemon.wait()
        home.daemon = None
    assert (0, _rounded(expected)) == (done.returncode, told(done.stdout)), done.stderr
    assert "torch" in modules


@pytest.mark.long
def test_a_command_goes_on_when_the_daemon_comes_to_work_by_another_model(
    asking: Asking, alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if asking.home.daemon is not None:
        asking.home.stop()
    asking.put_back()
    with serving(asking.home) as (controller, _):
        asked: list[int] = []
        lend = controller.lender.pictures

        def once(key: str, body: bytes) -> npt.NDArray[np.float32] | None:
            asked.append(len(body))
            return lend(key, body) if len(asked) == 1 else None

        monkeypatch.setattr(controller.lender, "pictures", once)
        done, modules = run_telling_imports(*asking.commands["plan"], environment=asking.home.environment)
    assert (0, 2) == (done.returncode, len(asked)), done.stderr
    assert "torch" in modules
    assert _rounded(alone["plan"]) == _rounded(told(done.stdout))


def _rounded(value: Any) -> Any:
    """Return a document with its numbers as exact as they are when pictures are embedded in other company."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return pytest.approx(value, abs=1e-4) if isinstance(value, float) else value


def test_one_whose_model_is_another_by_then_says_so(home: harness.Here, tmp_path: Path) -> None:
    make_tiny(tmp_path / "tiny.safetensors")
    with serving(home):
        lent = BorrowedModels(home.folder / "state").encoder("sample", texts=None)

    def load() -> Any:
        return OwnModels().encoder(ModelChoice(name="tiny", weights=str(tmp_path / "tiny.safetensors")), texts=None)

    other = BorrowedEncoder(Client(home.folder / "state"), lent.info, load)
    with pytest.raises(ModelError, match="lends its model"):
        other.encode_texts(["a forest"])


def test_what_is_lent_has_bounds(home: harness.Here) -> None:
    with serving(home) as (_, services):
        client = Client(home.folder / "state")
        key = services.model.get(threading.Event()).key
        side = services.model.get(threading.Event()).encoder.info.preprocess.side_px
        one = side * side * 3
        for count in (0, one - 1, one + 1, (loan_limits.PICTURES + 1) * one):
            with pytest.raises(VsortdError, match=f"has {count} bytes"):
                client.embed_pictures(key, memoryview(bytes(count)))
        for size in (loan_limits.BODY_BYTES + 1, 40 << 20):
            with pytest.raises(DaemonUnreachableError):
                client.embed_pictures(key, memoryview(bytes(size)))
        with pytest.raises(VsortdError, match="texts"):
            client.embed_texts(key, ["a"] * (loan_limits.TEXTS + 1))
        with pytest.raises(VsortdError, match=r"texts\[1\]"):
            client.embed_texts(key, ["a", "a" * (loan_limits.TEXT_CHARACTERS + 1)])
        for ask in _with_another_key(client):
            with pytest.raises(DaemonUnreachableError):
                ask()
        assert services.model.classifier is not None
        rows = client.embed_pictures(key, memoryview(bytes(one)))
        assert 4 * services.model.classifier.encoder.info.dim == len(rows)


def test_a_text_that_is_too_long_to_be_lent_is_embedded_here(home: harness.Here) -> None:
    own = OwnModels().encoder("sample", texts=None)
    texts = ["a forest", "forest " * loan_limits.TEXT_CHARACTERS]
    with serving(home):
        lent = BorrowedModels(home.folder / "state").encoder("sample", texts=None)
        assert own.encode_texts(texts) == pytest.approx(lent.encode_texts(texts), abs=1e-5)
        lent.close()
    own.close()


def _with_another_key(client: Client) -> list[Callable[[], bytes]]:
    return [
        lambda: client.embed_pictures("another", memoryview(b"123")),
        lambda: client.embed_windows("another", memoryview(b"123")),
        lambda: client.embed_texts("another", ["a forest"]),
        lambda: client.embed_texts("another", ["a forest"], sound=True),
    ]


def test_of_all_that_is_lent_one_request_is_at_the_model(home: harness.Here, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(home) as (_, services):
        encoder = services.model.get(threading.Event()).encoder
        encode, at_once, most = encoder.encode_images, [0], [0]
        counting = threading.Lock()

        def counted(shown: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            with counting:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            rows = encode(shown)
            with counting:
                at_once[0] -= 1
            return rows

        monkeypatch.setattr(encoder, "encode_images", counted)
        shown = pictures(4 * loan_limits.PICTURES, encoder.info.preprocess.side_px)
        models = BorrowedModels(home.folder / "state")
        commands = [
            threading.Thread(target=models.encoder("sample", texts=None).encode_images, args=(shown,)) for _ in range(4)
        ]
        for command in commands:
            command.start()
        for command in commands:
            command.join()
        assert [1] == most


class _Stuck:
    """A daemon that lends its model, and never comes to an answer to one kind of request."""

    def __init__(self, info: ModelInfo, kind: str) -> None:
        self._info = info
        self._kind = kind
        self.asked, self.end = threading.Event(), threading.Event()
        self.lender = self

    def model(self, _asked: object) -> dict[str, Any]:
        return self._info.to_json()

    def texts(self, asked: Any) -> npt.NDArray[np.float32]:
        self._never("texts")
        return np.eye(self._info.dim, dtype=np.float32)[: len(asked.texts)]

    def pictures(self, _key: str, _body: bytes) -> None:
        self._never("pictures")

    def _never(self, kind: str) -> None:
        if kind == self._kind:
            self.asked.set()
            self.end.wait(PATIENCE_S)


@pytest.mark.few(1)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "pictures") for name in ("explain", "plan", "sort", "timeline", "classify", "analyze", "eval")),
        *((name, "texts") for name in ("teach", "corrections")),
    ],
)
def test_ctrl_c_ends_a_command_that_waits_for_the_daemon(asking: Asking, name: str, kind: str) -> None:
    if asking.home.daemon is not None:
        asking.home.stop()
    asking.put_back()
    own = OwnModels().encoder("sample", texts=None)
    stuck = _Stuck(own.info, kind)
    own.close()
    server = ControlServer(cast("Controlled", stuck), asking.state)
    command = [sys.executable, "-m", "vsortd", *map(str, asking.commands[name])]
    server.start()
    try:
        with subprocess.Popen(
            command, env=asking.home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as waiting:
            until(stuck.asked.is_set, what="the daemon is asked")
            waiting.send_signal(signal.SIGINT)
            waiting.communicate(timeout=PATIENCE_S)
        assert not stuck.end.is_set()
        assert ExitCode.INTERRUPTED == waiting.returncode
    finally:
        stuck.end.set()
        server.stop()
