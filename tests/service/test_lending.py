"""A daemon that lends its model goes on filing and serving whatever it is asked, and ends when it is told to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.asking import video
from tests.support.waiting import PATIENCE_S, until
from vsortd.errors import ExitCode
from vsortd.service import loan_limits
from vsortd.service.borrowed_models import BorrowedEncoder, BorrowedModels
from vsortd.service.client import SOCKET_NAME, Client
from vsortd.service.local_connection import UnixConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither Unix sockets nor such signals"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Here]:
    one = harness.Here(harness.Home.make(tmp_path_factory.mktemp("lending") / "home").folder)
    one.start()
    yield one
    if one.daemon is not None:
        assert 0 == one.stop()


def borrowed(home: harness.Home) -> BorrowedEncoder:
    lent = BorrowedModels(home.folder / "state").encoder("sample", texts=None)
    assert isinstance(lent, BorrowedEncoder)
    return lent


def pictures(home: harness.Home, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    side = borrowed(home).info.preprocess.side_px
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), np.uint8)


def asked(home: harness.Home, target: str, body: bytes, method: str = "POST") -> tuple[int, bytes]:
    """Return the status and the content of an answer."""
    connection = UnixConnection(home.folder / "state" / SOCKET_NAME, PATIENCE_S)
    with contextlib.closing(connection):
        with contextlib.suppress(BrokenPipeError):  # an answer came before all was sent
            connection.request(method, target, body, {"Host": "localhost"})
        response = connection.getresponse()
        return response.status, response.read()


TEXTS = "/v1/embed_texts"
HOSTILE: dict[str, tuple[str, bytes, int, str]] = {
    "no JSON": (TEXTS, b"\xff\x00{", 422, "no JSON"),
    "NaN": (TEXTS, b"NaN", 422, "no JSON object"),
    "texts that are no numbers": (TEXTS, b'{"model": "KEY", "texts": [NaN]}', 422, "texts[0] is nan"),
    "a list": (TEXTS, b"[1]", 422, "no JSON object"),
    "deeply nested": (TEXTS, b"[" * 100_000, 422, "no JSON"),
    "one text": (TEXTS, b'{"model": "KEY", "texts": "sea"}', 422, "valid list"),
    "half a character": (TEXTS, b'{"model": "KEY", "texts": ["\\ud800"]}', 422, "texts[0]"),
    "what isn't known": (TEXTS, b'{"model": "KEY", "text": ["sea"]}', 422, "not known"),
    "many texts": (TEXTS, b'{"model": "KEY", "texts": [%s"sea"]}' % (b'"sea", ' * loan_limits.TEXTS), 422, "at most"),
    "a long text": (TEXTS, b'{"model": "KEY", "texts": ["%s"]}' % (b"x" * 900_000), 422, "at most 1200"),
    "more than a megabyte": (TEXTS, b" " * ((1 << 20) + 1), 413, "larger than 1 MiB"),
    "texts for another model": (TEXTS, b'{"model": "another", "texts": ["sea"]}', 409, "Another model"),
    "texts for no model": (TEXTS, b'{"texts": ["sea"]}', 409, "Another model"),
    "texts for the sound model": (TEXTS, b'{"model": "KEY", "texts": ["sea"], "sound": true}', 409, "Another model"),
    "no picture": ("/v1/embed_pictures?model=KEY", b"", 422, "has 0 bytes"),
    "half a picture": ("/v1/embed_pictures?model=KEY", b"\xff" * 1000, 422, "has 1000 bytes"),
    "many pictures": ("/v1/embed_pictures?model=KEY", b"\xff" * (9 << 20), 422, "at most 16"),
    "ten megabytes": ("/v1/embed_pictures?model=KEY", b"\xff" * ((10 << 20) + 1), 413, "larger than 10 MiB"),
    "pictures for another model": ("/v1/embed_pictures?model=another", b"\xff" * 1000, 409, "Another model"),
    "pictures for no model": ("/v1/embed_pictures", b"\xff" * 1000, 409, "Another model"),
    "a query that isn't known": ("/v1/embed_pictures?key=KEY", b"\xff", 422, "not known"),
    "windows where none listens": ("/v1/embed_windows?model=KEY", b"\xff" * 1000, 409, "Another model"),
    "a model without a name": ("/v1/lend_model", b'{"name": null}', 200, "other_model"),
    "another model": ("/v1/lend_model", b'{"name": "ViT-L-14"}', 200, "other_model"),
    "a file of weights": ("/v1/lend_model", b'{"name": "sample", "weights": "/etc/passwd"}', 200, "other_model"),
    "a name of another kind": ("/v1/lend_model", b'{"name": NaN}', 422, "name is nan"),
}


@pytest.mark.few(8)
@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_wrong_gets_a_clear_answer_and_costs_nothing(home: harness.Here, what: str) -> None:
    lent = borrowed(home)
    target, body, status, told = HOSTILE[what]
    key = lent.info.key
    found, content = asked(home, target.replace("KEY", key), body.replace(b"KEY", key.encode()))
    assert (status, True) == (found, told in content.decode()), content
    document = json.loads(content)
    if status >= 400:
        assert (False, {"ok", "error", "details", "remedy", "exit_code"}) == (document["ok"], set(document))
        assert len(content) < 1000
    assert (1, lent.info.dim) == lent.encode_texts(["a forest"]).shape
    assert home.daemon is not None
    assert home.daemon.poll() is None
    assert "Traceback" not in home.log()


def test_a_video_is_filed_while_bodies_never_end(home: harness.Here) -> None:
    """Each says how much it brings, and brings a part: large ones are read one at a time."""
    shown, lent = pictures(home, 2), borrowed(home)
    path = home.folder / "state" / SOCKET_NAME
    with contextlib.ExitStack() as held:
        for call in (f"embed_pictures?model={lent.info.key}", "embed_windows", "embed_texts", "lend_model"):
            for _ in range(4):
                stuck = held.enter_context(socket.socket(socket.AF_UNIX))
                stuck.connect(str(path))
                stuck.sendall(
                    f"POST /v1/{call} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n{{".encode()
                )
        video(home.inbox, Subject.SEA, 1)
        home.wait(lambda: any(item["state"] == "filed" for item in home.items()), what="the video is filed")
        assert "running" == home.look("status")["state"]
    assert (2, lent.info.dim) == lent.encode_images(shown).shape


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_ctrl_c_ends_a_command_whose_daemon_hangs_and_the_daemon_serves_on(home: harness.Here) -> None:
    """No answer comes at all, not even to whether the model is lent."""
    shown, before = video(home.folder, Subject.FOREST, 5), borrowed(home)
    daemon = home.daemon
    assert daemon is not None
    try:
        daemon.send_signal(signal.SIGSTOP)
        for name in ("explain", "plan"):
            waiting = subprocess.Popen(
                [sys.executable, "-m", "vsortd", name, str(shown)],
                env=home.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            with waiting:
                until(lambda pid=waiting.pid: has_socket(pid), what="the daemon is asked")  # type: ignore[misc]
                waiting.send_signal(signal.SIGINT)
                _, said = waiting.communicate(timeout=PATIENCE_S)
            assert b"interrupted" == said.strip()
            assert ExitCode.INTERRUPTED == waiting.returncode
    finally:
        daemon.send_signal(signal.SIGCONT)
    assert "running" == home.look("status")["state"]
    assert (1, before.info.dim) == before.encode_texts(["a forest"]).shape


def has_socket(pid: int) -> bool:
    """Tell whether a process has a socket open."""
    with contextlib.suppress(FileNotFoundError):
        folder = f"/proc/{pid}/fd"
        return any(os.readlink(f"{folder}/{name}").startswith("socket:") for name in os.listdir(folder))  # noqa: PTH115, PTH208
    return False


@pytest.mark.long
def test_a_daemon_ends_while_loans_are_open_and_who_has_one_goes_on(home: harness.Here) -> None:
    shown, lent = pictures(home, 4), [borrowed(home) for _ in range(3)]
    before = lent[0].encode_images(shown)
    answered, ended, wrong = threading.Semaphore(0), threading.Event(), []

    def ask(encoder: BorrowedEncoder) -> None:
        last = False
        while not last:
            last = ended.is_set()
            wrong.extend([1] if before != pytest.approx(encoder.encode_images(shown), abs=1e-5) else [])
            answered.release()

    asking = [threading.Thread(target=ask, args=(encoder,)) for encoder in lent]
    for one in asking:
        one.start()
    for _ in range(6):
        assert answered.acquire(timeout=PATIENCE_S)
    try:
        assert 0 == home.stop()
    finally:
        ended.set()
        for one in asking:
            one.join()
    assert [] == wrong
    for encoder in lent:
        encoder.close()
    home.start()
    assert "running" == Client(home.folder / "state").resume()["state"]
