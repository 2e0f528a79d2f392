"""Setting aside by the control API: by a path or an id, what listens hears of it, and what is wrong is told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from tests.support.filed import FiledHome
from vsortd.config.load import load_settings
from vsortd.pipeline.services import Services
from vsortd.service.api import control_app
from vsortd.service.controller import Controller
from vsortd.service.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> FiledHome:
    return FiledHome.at(tmp_path / "home")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Return the numbers of the items that those who listen are told of."""
    numbers: list[int | None] = []
    tell = Workflow.tell

    def noted(self: Workflow, *items: int | None) -> None:
        numbers.extend(items)
        tell(self, *items)

    monkeypatch.setattr(Workflow, "tell", noted)
    return numbers


@pytest.fixture
def client(home: FiledHome) -> Iterator[TestClient]:
    settings = load_settings(home.config)
    nothing: dict[str, Any] = {"on_done": lambda: None, "on_fatal": lambda _: None, "wake": lambda: None}
    with Services.open(settings, home.folder / "state", keep_trying=False, load_model=False) as services:
        workflow = Workflow(services, once=False, stopping=threading.Event(), **nothing)
        controller = Controller(
            workflow, reload=lambda: {"changed": [], "retried": []}, stop=lambda: None, wake=lambda: None
        )
        with TestClient(control_app(controller), base_url="http://localhost") as made:
            yield made


def test_by_path_or_id_and_counted_and_taken_back(home: FiledHome, client: TestClient, told: list[int | None]) -> None:
    one, two = (home.file(f"{name}.mp4").destination for name in ("one", "two"))
    first = client.post("/v1/set_aside", json={"path": str(one), "keep": str(two), "batch": "b"}).json()
    assert ("aside", str(one), "b", f"you set it aside; {two} is kept") == (
        first["state"],
        first["source"],
        first["batch"],
        first["reason"],
    )
    second = client.post("/v1/set_aside", json={"id": 2}).json()
    assert ("aside", str(two), [first["id"], second["id"]]) == (second["state"], second["source"], told)
    assert 2 == client.get("/v1/status").json()["counts"]["aside"]
    assert 'vsortd_videos{state="aside"} 2' in client.get("/v1/metrics").text
    shown = client.get("/v1/history?state=aside").json()["items"]
    assert [second["id"], first["id"]] == [item["id"] for item in shown]
    undone = client.post("/v1/undo", json={"last": 2}).json()["undone"]
    assert [False, False] == [item["held"] for item in undone]
    assert {str(one), str(two)} == {item["back_at"] for item in undone}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "The request names no video."),
        ({"id": 1, "path": "/a.mp4"}, "The request names no video."),
        ({"id": 99}, "There is no item 99."),
        ({"path": "a.mp4"}, "an absolute path"),
        ({"path": "/nowhere/a.mp4"}, "/nowhere/a.mp4 is not there."),
        ({"id": 1, "expire": True}, "which is not known here"),
    ],
)
def test_what_is_wrong_is_told(home: FiledHome, client: TestClient, body: dict[str, object], says: str) -> None:
    filed = home.file("one.mp4").destination
    answer = client.post("/v1/set_aside", json=body)
    assert 422 == answer.status_code
    assert says in answer.json()["error"]
    assert filed is not None
    assert filed.exists()
