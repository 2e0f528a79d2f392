"""One notification a batch, failures once, nothing of what is switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.tray import item
from vsortd.tray.notes import FAILURE_LONGEST_S, LONGEST_QUIET_S, QUIET_S, STALLED_S, TROUBLE_AGAIN_S, Note, Notes

if TYPE_CHECKING:
    from collections.abc import Iterable


class Daemon:
    """Plays a daemon to the notes, second by second, as the desk does; gathers what is shown, and when."""

    def __init__(self, notes: Notes | None = None) -> None:
        self.notes = notes or Notes()
        self.now_s = 1000.0
        self.shown: list[tuple[float, Note]] = []

    def ends(self, *items: dict[str, object]) -> Daemon:
        for one in items:
            self.notes.item(one, self.now_s)
        return self

    def does(self, *, idle: bool, working: bool = False, troubles: Iterable[str] = ()) -> Daemon:
        self.notes.status(idle=idle, working=working, troubles=troubles, now_s=self.now_s)
        return self

    def passes(self, seconds: float) -> Daemon:
        end_s = self.now_s + seconds
        while (wait_s := self.notes.wait_s(self.now_s)) is not None and self.now_s + wait_s <= end_s:
            self.now_s += wait_s
            told = self.notes.due(self.now_s)
            self.shown += [(self.now_s - 1000, note) for note in told]
        self.now_s = end_s
        return self

    @property
    def titles(self) -> list[str]:
        return [note.title for _, note in self.shown]


def test_a_batch_is_one_notification() -> None:
    """25 videos that end a second apart, while more wait, are told once, when all is done."""
    daemon = Daemon()
    for number in range(25):
        daemon.does(idle=False, working=True).ends(item(number, "review" if number < 2 else "filed")).passes(1)
    daemon.does(idle=True).passes(60)
    assert ["23 videos filed, 2 to review"] == daemon.titles
    assert "forest 23" == daemon.shown[0][1].body


def test_files_that_are_copied_one_after_another_are_one_batch() -> None:
    """The daemon is idle between them, each time for less than the quiet that ends a batch."""
    daemon = Daemon()
    for number in range(10):
        daemon.does(idle=False, working=True).passes(1).ends(item(number)).does(idle=True).passes(QUIET_S - 1)
    daemon.passes(60)
    assert ["10 videos filed"] == daemon.titles


def test_two_batches_are_two_notifications() -> None:
    daemon = Daemon().ends(item(1), item(2)).passes(QUIET_S + 1).ends(item(3)).passes(60)
    assert ["2 videos filed", "1 video filed"] == daemon.titles


def test_a_single_video_is_named() -> None:
    daemon = Daemon().ends(item(1, rule="forest/night")).passes(60)
    assert [Note("1 video filed", "clip1.mp4: forest/night")] == [note for _, note in daemon.shown]


def test_videos_for_review_alone_say_so() -> None:
    daemon = Daemon().ends(item(1, "review"), item(2, "review")).passes(60)
    assert ["2 videos to review"] == daemon.titles


def test_videos_that_were_not_accepted_are_told_only_beside_others() -> None:
    assert [] == Daemon().ends(item(1, "rejected")).passes(60).titles
    assert ["1 video filed, 1 not accepted"] == Daemon().ends(item(1), item(2, "rejected")).passes(60).titles


def test_what_was_undone_before_it_was_told_is_not_told() -> None:
    assert [] == Daemon().ends(item(1)).passes(1).ends(item(1, "held")).passes(60).titles


def test_many_folders_are_the_fullest_four() -> None:
    rules = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2 + ["e", "f"]
    daemon = Daemon().ends(*(item(number, rule=rule) for number, rule in enumerate(rules))).passes(60)
    assert "a 5, b 4, c 3, d 2, and 2 other folders" == daemon.shown[0][1].body


def test_one_long_conversion_does_not_cut_a_batch() -> None:
    daemon = Daemon().ends(item(1)).does(idle=False, working=True).passes(120).ends(item(2)).does(idle=True).passes(60)
    assert ["2 videos filed"] == daemon.titles


def test_what_waits_without_being_worked_on_does_not_keep_the_news() -> None:
    """A recording that still grows, or a pause, leaves videos waiting for hours."""
    daemon = Daemon().ends(item(1)).does(idle=False, working=False).passes(600)
    assert [(STALLED_S, "1 video filed")] == [(at_s, note.title) for at_s, note in daemon.shown]


def test_one_endless_video_does_not_keep_the_news_forever() -> None:
    daemon = Daemon().ends(item(1)).does(idle=False, working=True).passes(3600)
    assert [(LONGEST_QUIET_S, "1 video filed")] == [(at_s, note.title) for at_s, note in daemon.shown]


def test_a_daemon_that_goes_ends_its_batch() -> None:
    daemon = Daemon().ends(item(1)).does(idle=False, working=True).passes(1)
    daemon.notes.gone()
    assert ["1 video filed"] == daemon.passes(60).titles


def test_failures_of_one_moment_are_told_together_with_their_reasons() -> None:
    daemon = Daemon().does(idle=False, working=True)
    daemon.ends(*(item(number, "failed", reason="no video in it") for number in range(5))).passes(60)
    assert ["5 videos could not be filed"] == daemon.titles
    lines = daemon.shown[0][1].body.splitlines()
    assert [f"clip{number}.mp4: no video in it" for number in range(3)] + ["and 2 more; see `vsortd history`"] == lines


def test_a_failure_is_told_once_however_often_it_is_tried() -> None:
    daemon = Daemon()
    for number in range(10):
        daemon.ends(item(number, "failed", source="/in/bad.mp4")).passes(60)
    assert ["1 video could not be filed"] == daemon.titles


def test_a_failure_after_a_success_is_another_one() -> None:
    daemon = Daemon().ends(item(1, "failed")).passes(60).ends(item(1)).passes(60).ends(item(1, "failed")).passes(60)
    assert ["1 video could not be filed", "1 video filed", "1 video could not be filed"] == daemon.titles


def test_a_failure_that_was_overcome_at_once_is_not_told() -> None:
    assert ["1 video filed"] == Daemon().ends(item(1, "failed")).passes(1).ends(item(1)).passes(60).titles


def test_failures_that_go_on_and_on_are_told_in_time() -> None:
    daemon = Daemon()
    for number in range(30):
        daemon.ends(item(number, "failed")).passes(1)
    daemon.passes(60)
    assert FAILURE_LONGEST_S == daemon.shown[0][0]
    assert 2 == len(daemon.shown)


def test_trouble_is_told_once_though_it_comes_and_goes() -> None:
    daemon = Daemon()
    for _ in range(20):
        daemon.does(idle=True, troubles=["/in: there is no such folder"]).passes(10).does(idle=True).passes(10)
    assert ["vsortd needs you"] == daemon.titles
    daemon.passes(TROUBLE_AGAIN_S + 1).does(idle=True, troubles=["/in: there is no such folder"]).passes(10)
    assert 2 == len(daemon.shown)


def test_what_is_switched_off_is_not_shown_and_not_kept() -> None:
    off = Daemon(Notes(batches=False, failures=False))
    off.ends(item(1), item(2, "failed")).does(idle=True, troubles=["x"]).passes(60)
    assert [] == off.titles
    off.notes.batches = off.notes.failures = True
    assert [] == off.passes(60).titles


def test_each_kind_is_switched_off_by_itself() -> None:
    only_failures = Daemon(Notes(batches=False)).ends(item(1), item(2, "failed")).passes(60)
    only_batches = Daemon(Notes(failures=False)).ends(item(1), item(2, "failed")).does(idle=True, troubles=["x"])
    assert ["1 video could not be filed"] == only_failures.titles
    assert ["1 video filed"] == only_batches.passes(60).titles


def test_nothing_gathered_needs_no_waking() -> None:
    assert Notes().wait_s(0.0) is None
