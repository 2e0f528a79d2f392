"""`vsortd plan`: the tree of what would happen, and its page."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support import harness
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.pipeline.batch import SortOutcome
from vsortd.pipeline.plan_report import THERE_ALREADY, Gatherer, folders, staying

LIBRARY = Path("/library")
EVIL = '<script>alert("1")</script>&amp;.mp4'


def outcome(name: str, destination: str = "", *, score: float = 0.5, **more: Any) -> SortOutcome:
    fields: dict[str, Any] = {"state": ItemState.FILED, "reason": "because", **more}
    where = str(LIBRARY / destination) if destination else ""
    return SortOutcome(None, "b", "t", source=f"/in/{name}", destination=where, rule="", score=score, margin=0.1,
                   converted=ConversionKind.NONE, **fields)  # fmt: skip


def test_folders_count_what_is_in_them_and_below_and_average_it() -> None:
    found = folders(
        [
            outcome("a", "wood/day/a.mp4", score=0.6),
            outcome("b", "wood/b.mp4", score=0.8),
            outcome("c", "sea/c.mp4", score=1.0),
        ],
        LIBRARY,
    )
    told = {folder.parts: (folder.count, round(folder.mean_score, 9)) for folder in found}
    assert {(): (3, 0.8), ("sea",): (1, 1.0), ("wood",): (2, 0.7), ("wood", "day"): (1, 0.6)} == told


def test_parents_come_before_children_and_what_is_undecided_last() -> None:
    found = folders(
        [
            outcome("u", "_Review/u.mp4", state=ItemState.REVIEW),
            outcome("a", "wood/day/a.mp4"),
            outcome("z", "zoo/z.mp4"),
        ],
        LIBRARY,
    )
    assert [(), ("wood",), ("wood", "day"), ("zoo",), ("_Review",)] == [folder.parts for folder in found]


def test_what_stays_is_grouped_by_the_kind_of_reason() -> None:
    found = staying(
        [
            outcome("a", state=ItemState.FAILED, reason="155170 bytes are missing at its end (in box mdat)"),
            outcome("b", state=ItemState.FAILED, reason="12 bytes are missing at its end (in box moov)"),
            outcome("c", state=ItemState.REJECTED, reason="it is a link, not a file of its own"),
            outcome("d", reason="sea: 0.92, clear; it is there already"),
            outcome("e", "sea/e.mp4"),
        ]
    )
    assert [
        ("… bytes are missing at its end", 2),
        ("it is a link, not a file of its own", 1),
        (THERE_ALREADY, 1),
    ] == [(group.reason, len(group.outcomes)) for group in found]


class Page(HTMLParser):
    """Collects what a page would load or run, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "srcset", "action", "data"}:
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_names_and_reasons_are_escaped_in_the_page() -> None:
    evil = outcome(EVIL, f"{EVIL[:-4]}/x.mp4", reason=f"ahead of {EVIL}")
    page = Page(Gatherer().page([evil, outcome(EVIL, state=ItemState.FAILED, reason=EVIL)], LIBRARY, when="<now>"))
    assert "script" not in page.tags
    assert [] == page.handlers
    assert 4 <= page.words.count('<script>alert("1")')
    assert "<now>" in page.words


@pytest.mark.timeout(180)
def test_a_plan_as_text_and_as_a_page(tmp_path: Path, clips: Path) -> None:
    home = harness.Here.make(tmp_path / "home", more="defaults: {min_score: 0, min_margin: 0}\n")
    good = [home.inbox / "one <b>.mp4", home.inbox / "zwei 森.mp4"]
    for target, name in zip(good, ("rails__video.mp4", "decord__video_90.mov"), strict=True):
        shutil.copy2(clips / name, target)
    (home.inbox / "broken.mp4").write_bytes((clips / "rails__video.mp4").read_bytes()[:50_000])
    before = harness.snapshot(home.inbox)
    report = tmp_path / "report.html"
    text = home.run("plan", home.inbox, "--out", report, code=3).stdout
    page = Page(report.read_text(encoding="utf-8"))

    assert "2 would be filed, 0 sent to review, 1 would stay. Nothing was touched." in text
    assert re.search(r"Stays: .*missing at its end.*  1\n", text)
    assert f"Written to {report}." in text
    for name in (path.name for path in (*good, home.inbox / "broken.mp4")):
        assert name in text
        assert name in page.words
    assert 2 == page.tags.count("img") == sum(one.startswith("data:image/jpeg;base64,") for one in page.addresses)
    assert 2 == len(page.addresses), "the page loads something"
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert before == harness.snapshot(home.inbox)
    assert [] == home.items()


def test_a_page_never_lands_on_something_that_is_no_page(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home")
    video = home.inbox / "a.mp4"
    video.write_text("precious")
    assert "does not end in .csv or .html" in home.run("plan", home.inbox, "--out", video, code=2).stderr
    assert "precious" == video.read_text()
