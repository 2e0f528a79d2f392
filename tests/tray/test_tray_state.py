"""Icon, tooltip and menu follow from what the daemon told."""

from __future__ import annotations

import time

import pytest

from tests.support.tray import item, status
from vsortd.tray.state import SEPARATOR, TOOLTIP_CHARS, Action, Connection, Entry, IconState, TrayState, shortened

NOW_S = time.mktime((2026, 11, 25, 14, 0, 0, 0, 0, -1))
SICK = {"inboxes": [{"path": "/in", "health": "missing", "reason": "there is no such folder"}]}


def _state(state: str = "running", **more: object) -> TrayState:
    return TrayState().with_status(status(state, **more))


def _texts(state: TrayState) -> list[str]:
    return [entry.text for entry in state.menu(NOW_S) if entry is not SEPARATOR]


def _entry(state: TrayState, action: Action) -> Entry:
    return next(entry for entry in state.menu(NOW_S) if entry.action is action)


@pytest.mark.parametrize(
    ("state", "icon", "headline"),
    [
        (TrayState(), IconState.WATCHING, "vsortd: asking the daemon"),
        (TrayState().gone(), IconState.TROUBLE, "vsortd is not running"),
        (_state().gone(), IconState.TROUBLE, "vsortd is not running"),
        (_state(), IconState.WATCHING, "vsortd: watching 1 inbox"),
        (_state(working=2, queued=5), IconState.WORKING, "vsortd: 2 under way, 5 waiting"),
        (_state(queued=1), IconState.WATCHING, "vsortd: 0 under way, 1 waiting"),
        (_state("paused"), IconState.PAUSED, "vsortd: paused"),
        (_state("paused", trouble=["/in/a.mp4: full"]), IconState.PAUSED, "vsortd: paused"),
        (_state("stopped"), IconState.TROUBLE, "vsortd is not running"),
        (_state(**SICK), IconState.TROUBLE, "vsortd: watching 1 inbox"),
        (
            _state(trouble=["/in/a.mp4: the disk is full"], working=1),
            IconState.TROUBLE,
            "vsortd: 1 under way, 0 waiting",
        ),
        (_state(model={"name": "x", "reason": "no weights"}), IconState.TROUBLE, "vsortd: watching 1 inbox"),
        (_state(inboxes=[{"path": "/in", "health": "paused", "reason": ""}]), IconState.WATCHING, "vsortd: watching 1"),
    ],
)
def test_icon_and_headline_say_what_the_daemon_does(state: TrayState, icon: IconState, headline: str) -> None:
    assert icon is state.icon
    assert state.headline(NOW_S).startswith(headline)
    assert state.tooltip(NOW_S).startswith(headline)


def test_the_tooltip_counts() -> None:
    state = _state(counts={"filed": 23, "review": 2, "failed": 1})
    assert "vsortd: watching 1 inbox · 23 filed · 2 to review · 1 failed" == state.tooltip(NOW_S)


def test_the_tooltip_fits_windows_whatever_goes_wrong() -> None:
    state = _state(trouble=["/in/" + "x" * 500 + ": the disk is full"], counts={"filed": 10**9})
    assert TOOLTIP_CHARS == len(state.tooltip(NOW_S))
    assert state.tooltip(NOW_S).endswith("the disk is full")


def test_a_name_of_a_stranger_stays_on_its_line() -> None:
    state = TrayState().with_history([item(1, source="/in/a\nb\u202e.mp4")])
    filing = next(entry for entry in state.menu(NOW_S) if entry.children)
    assert "a\\nb\\u202e.mp4 → forest" == filing.text


def test_a_pause_says_until_when() -> None:
    today = status("paused", paused={"all": True, "until": NOW_S + 1800, "inboxes": []})
    later = status("paused", paused={"all": True, "until": NOW_S + 86_400, "inboxes": []})
    assert "vsortd: paused until 14:30" == TrayState().with_status(today).headline(NOW_S)
    assert "vsortd: paused until 2026-11-26 14:00" == TrayState().with_status(later).headline(NOW_S)


def test_the_menu_has_everything_in_its_order() -> None:
    state = _state(counts={"filed": 1, "review": 2}).with_history([item(1), item(2, "review")])
    assert [
        "vsortd: watching 1 inbox",
        "1 filed · 2 to review",
        "Pause",
        "Pause for an hour",
        "clip1.mp4 → forest",
        "clip2.mp4 → review",
        "Open page",
        "Review (2)",
        "Open library",
        "Open log",
        "Quit tray",
    ] == _texts(state)


def test_the_page_can_be_opened_where_there_is_one() -> None:
    assert _entry(_state(), Action.PAGE).enabled
    assert not _entry(_state(page={"address": "", "reason": "the port is taken"}), Action.PAGE).enabled
    assert not _entry(_state().gone(), Action.PAGE).enabled
    setup = _state("setup", inboxes=[], trouble=["the config is not there yet"])
    assert _entry(setup, Action.PAGE).enabled
    assert "vsortd: to be set up" == setup.headline(NOW_S)


def test_paused_the_menu_offers_to_resume() -> None:
    state = _state("paused")
    assert "Resume" in _texts(state)
    assert "Pause" not in _texts(state)
    assert not _entry(state, Action.PAUSE_HOUR).enabled


def test_single_inboxes_that_are_paused_can_be_resumed() -> None:
    state = _state(paused={"all": False, "until": None, "inboxes": [{"path": "/in", "until": None}]})
    assert IconState.WATCHING is state.icon
    assert "Resume 1 paused inbox" in _texts(state)
    assert "1 inbox paused" in state.tooltip(NOW_S)


def test_without_a_daemon_only_what_needs_none_is_offered() -> None:
    state = _state().with_history([item(1)]).gone()
    enabled = {entry.action: entry.enabled for entry in state.menu(NOW_S) if entry.action}
    assert {
        Action.PAUSE: False,
        Action.PAUSE_HOUR: False,
        Action.PAGE: False,
        Action.REVIEW: True,
        Action.LIBRARY: True,
        Action.LOG: True,
        Action.QUIT: True,
    } == enabled
    filing = next(entry for entry in state.menu(NOW_S) if entry.children)
    assert {"Open": True, "Undo": False} == {child.text: child.enabled for child in filing.children}
    assert () == state.troubles


def test_the_last_five_filings_are_shown_newest_first() -> None:
    state = _state().with_history([item(number) for number in range(9, 0, -1)]).with_item(item(10))
    shown = [entry.text for entry in state.menu(NOW_S) if entry.children]
    assert [f"clip{number}.mp4 → forest" for number in (10, 9, 8, 7, 6)] == shown


def test_an_undone_filing_leaves_the_menu_and_the_next_older_one_comes() -> None:
    state = _state().with_history([item(number) for number in range(6, 0, -1)]).with_item(item(6, "held"))
    assert [5, 4, 3, 2, 1] == [one.id for one in state.recent]


def test_what_was_not_filed_is_no_filing() -> None:
    state = TrayState().with_history([item(3, "failed"), item(2, "rejected"), item(1)]).with_item(item(4, "failed"))
    assert [1] == [one.id for one in state.recent]


def test_a_video_told_twice_is_one_filing() -> None:
    state = TrayState().with_history([item(2), item(1)]).with_item(item(1, "review"))
    assert [(1, "review"), (2, "forest")] == [(one.id, one.where) for one in state.recent]


def test_many_troubles_are_three_and_how_many_more() -> None:
    told = _texts(_state(trouble=[f"/in/{number}.mp4: full" for number in range(5)]))
    assert ["/in/0.mp4: full", "/in/1.mp4: full", "/in/2.mp4: full", "and 2 more; see `vsortd status`"] == told[2:6]


def test_the_menu_does_not_change_with_each_number_of_a_backlog() -> None:
    assert _state(working=1, queued=900).menu(NOW_S) == _state(working=2, queued=899).menu(NOW_S)


def test_back_and_gone_are_told() -> None:
    state = TrayState().gone().with_status(status())
    assert Connection.THERE is state.connection
    assert Connection.GONE is state.gone().connection


@pytest.mark.parametrize(
    ("text", "most", "short"), [("abc", 3, "abc"), ("abcdefghij", 7, "abcd…ij"), ("abcdefghij", 4, "ab…j")]
)
def test_what_is_too_long_loses_its_middle(text: str, most: int, short: str) -> None:
    assert short == shortened(text, most)
