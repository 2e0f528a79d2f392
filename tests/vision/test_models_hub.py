"""The hub: cache first, one bounded question, then the download; against a small hub of our own."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.errors import ModelError
from vsortd.vision.hub import within
from vsortd.vision.models import cached_weights, hub_cache, looks_like_path

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = b"weights " * 1000
COMMIT = "0123456789012345678901234567890123456789"

# Another process, because the hub's library reads its endpoint from the environment when it is imported.
ASK = """
import json, sys
from vsortd.errors import ModelError
from vsortd.vision.hub import obtain_weights
try:
    path = obtain_weights("ViT-X", "tag_1", "somebody/tiny", ("a.safetensors", "b.bin"))
    print(json.dumps({"path": str(path)}))
except ModelError as error:
    print(json.dumps({"kind": type(error).__name__, "title": error.title, "remedy": error.remedy}))
assert "torch" not in sys.modules
"""


class Hub(BaseHTTPRequestHandler):
    """Serves one file of one repository."""

    name = "b.bin"

    def do_HEAD(self) -> None:
        """Tell about the file."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """Hand out the file."""
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        found = self.path == f"/somebody/tiny/resolve/main/{self.name}"
        self.send_response(200 if found else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        if found:
            self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
            self.send_header("Content-Length", str(len(CONTENT)))
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
        self.end_headers()
        if body and found:
            self.wfile.write(CONTENT)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    """Run the hub; return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(tmp_path: Path, **environment: str) -> dict[str, str]:
    """Ask for the weights in a process of its own."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    env |= {
        "HF_HUB_CACHE": str(tmp_path),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        **environment,
    }
    done = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True, timeout=50, check=True)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def test_a_file_is_downloaded_once(hub: str, tmp_path: Path) -> None:
    """The preferred name is missing there, so the other is taken; afterwards no network is needed."""
    path = Path(ask(tmp_path, HF_ENDPOINT=hub)["path"])
    assert path.read_bytes() == CONTENT
    assert path == tmp_path / "models--somebody--tiny" / "snapshots" / COMMIT / "b.bin"
    assert ask(tmp_path, HF_HUB_OFFLINE="1") == {"path": str(path)}
    assert ask(tmp_path, HF_ENDPOINT="http://127.0.0.1:9") == {"path": str(path)}


def test_a_repository_without_the_files(hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what was looked for."""
    monkeypatch.setattr(Hub, "name", "something-else")
    answer = ask(tmp_path, HF_ENDPOINT=hub)
    assert answer["kind"] == "ModelUnavailableError"
    assert "holds none of a.safetensors, b.bin" in answer["title"]


def test_offline_by_order(tmp_path: Path) -> None:
    """HF_HUB_OFFLINE: no question is asked at all."""
    answer = ask(tmp_path, HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    assert answer["kind"] == "ModelUnavailableError"
    assert "HF_HUB_OFFLINE forbids" in answer["title"]


def test_offline_by_nature(tmp_path: Path) -> None:
    """Nobody answers: one attempt, and an error that names model, tag, cache and command."""
    answer = ask(tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert answer["kind"] == "ModelUnavailableError"
    assert "ViT-X / tag_1" in answer["title"]
    assert str(tmp_path) in answer["title"]
    assert "vsortd model fetch ViT-X tag_1" in answer["remedy"]
    assert "models--somebody--tiny" in answer["remedy"]


def test_a_hub_that_never_answers(tmp_path: Path) -> None:
    """A server that takes the connection and says nothing is given up on within seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = ask(tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert answer["kind"] == "ModelUnavailableError"
    assert not list(tmp_path.glob("**/*.safetensors"))


def test_waiting_has_an_end() -> None:
    """Work that hangs is left alone after the bound; results and errors come through."""
    release = threading.Event()
    try:
        assert within(0.05, lambda: release.wait(20)) is None
    finally:
        release.set()
    assert within(20, lambda: 42) == 42
    with pytest.raises(ModelError, match="no"):
        within(20, fail)


def fail() -> None:
    """Raise what a hub question raises."""
    raise ModelError("no")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/c/hub"}, "/c/hub"),
        ({"HF_HOME": "/c/home"}, "/c/home/hub"),
        ({"XDG_CACHE_HOME": "/c/xdg"}, "/c/xdg/huggingface/hub"),
        ({"HF_HUB_CACHE": "/c/hub", "HF_HOME": "/c/home"}, "/c/hub"),
        ({"HUGGINGFACE_HUB_CACHE": "/c/old"}, "/c/old"),
    ],
)
def test_the_cache_lies_where_the_hubs_library_has_it(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our import-free answer equals that of huggingface_hub under the same variables."""
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
    env = {key: value for key, value in os.environ.items() if key not in names} | environment
    code = "from huggingface_hub.constants import HF_HUB_CACHE as path; print(path, end='')"
    theirs = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert expected == str(hub_cache()) == theirs


def test_nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder, an empty one, and one without the file: not cached."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert cached_weights("somebody/tiny") is None
    (tmp_path / "models--somebody--tiny" / "snapshots" / COMMIT).mkdir(parents=True)
    assert cached_weights("somebody/tiny") is None


@pytest.mark.parametrize(
    ("weights", "path"),
    [
        ("datacomp_xl_s13b_b90k", False),
        ("openai", False),
        ("laion400m_e32", False),
        ("/models/a.safetensors", True),
        ("a.safetensors", True),
        ("./folder", True),
        ("~/model", True),
        ("model.json", True),
        ("b.PT", True),
    ],
)
def test_tags_and_paths_are_told_apart(weights: str, path: bool) -> None:  # noqa: FBT001
    """A separator or a weights suffix makes a path."""
    assert looks_like_path(weights) is path
