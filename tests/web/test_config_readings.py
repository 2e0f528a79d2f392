"""The config's text is read as YAML once for each request of the page, however many parts of the answer ask of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from tests.support.filed import FiledHome
from vsortd.config import yaml_lines
from vsortd.config.load import load_settings
from vsortd.pipeline.services import Services
from vsortd.service.controller import Controller
from vsortd.service.workflow import Workflow
from vsortd.setup.config_files import read_config_text
from vsortd.web.access import cookie_name
from vsortd.web.app import page_app
from vsortd.web.page import Page
from vsortd.web.sessions import PageSessions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.config.yaml_lines import Document

PORT = 8737


@pytest.fixture
def home(tmp_path: Path) -> FiledHome:
    return FiledHome.at(tmp_path / "home")


@contextmanager
def served(home: FiledHome) -> Iterator[TestClient]:
    """Yield a browser that is logged in to the page of a daemon in this process."""
    nothing: dict[str, Any] = {"on_done": lambda: None, "on_fatal": lambda _: None, "wake": lambda: None}
    own: dict[str, Any] = {
        "reload": lambda: {"changed": [], "retried": []}, "stop": lambda: None, "wake": lambda: None
    }  # fmt: skip
    settings = load_settings(home.config)
    with Services.open(settings, home.folder / "state", keep_trying=False, load_model=False) as services:
        workflow = Workflow(services, once=False, stopping=threading.Event(), **nothing)
        controller, sessions = Controller(workflow, config_path=home.config, **own), PageSessions()
        token = sessions.enter(sessions.new_code())
        assert token is not None
        app = page_app(Page(controller, sessions), port=PORT)
        with TestClient(app, base_url=f"http://localhost:{PORT}", cookies={cookie_name(PORT): token}) as client:
            yield client


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the texts that are read as YAML from now on."""
    texts: list[str] = []
    read = yaml_lines._NodeBuilder.read

    def noted(self: yaml_lines._NodeBuilder) -> Document:
        texts.append(self._text)
        return read(self)

    monkeypatch.setattr(yaml_lines._NodeBuilder, "read", noted)
    return texts


@pytest.mark.parametrize("address", ["/rules", "/rules?rule=nature/forest", "/settings"])
def test_a_view_reads_the_config_once(home: FiledHome, readings: list[str], address: str) -> None:
    with served(home) as client:
        readings.clear()
        answer = client.get(address)
    assert 200 == answer.status_code
    assert 1 == len(readings)


@pytest.mark.parametrize(
    ("address", "text", "times"),
    [
        ("/rules/draft", "the file's", 1),
        ("/rules/draft", "another", 1),
        ("/settings/check", "the file's", 1),
        ("/settings/check", "another", 2),  # the file's own as well: which of its options hold is shown beside it
    ],
)
def test_a_text_that_is_tried_is_read_once(
    home: FiledHome, readings: list[str], address: str, text: str, times: int
) -> None:
    now = read_config_text(home.config)
    posted = now.text if text == "the file's" else now.text + "  - {name: bridges, prompts: [a bridge]}\n"
    with served(home) as client:
        readings.clear()
        headers = {"Origin": f"http://localhost:{PORT}", "Sec-Fetch-Site": "same-origin"}
        answer = client.post(address, data={"text": posted, "etag": now.etag, "at": "0"}, headers=headers)
    assert 200 == answer.status_code
    assert times == len(readings)
