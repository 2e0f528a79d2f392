"""What downloads and sync tools leave beside a video as long as it is not finished: names, then the waiting itself."""

from __future__ import annotations

import os
import time
import unicodedata
from typing import TYPE_CHECKING

import pytest

from tests.watch.test_watch_settle import Bench, VideoMaker
from vsortd.core.sidecar_forms import listing_keys, video_keys
from vsortd.watch.candidates import NameRules, is_private
from vsortd.watch.neighbour_wait import STALE_S, STREAM_S
from vsortd.watch.neighbours import Neighbour, is_stream, neighbour_of
from vsortd.watch.settle import SettleOutcome, SettleTimes, SettleVerdict

if TYPE_CHECKING:
    from pathlib import Path

DECOMPOSED = unicodedata.normalize("NFD", "Übung")
# video, what lies beside it, whether the video itself is being written
PAIRS = [
    ("X.mp4", "X.mp4.part", False),  # Firefox before 2021, KIO, JDownloader
    ("X.mp4", "X.aBc1-_dE.mp4.part", False),  # Firefox
    ("X y.mp4", "X y.9SNnW2aQ.mp4.part", False),
    ("X.mp4", "X.mp4.crdownload", False),
    ("X.mp4", "X.mp4.opdownload", False),
    ("X.mp4", "X.mp4.download", False),  # Safari's folder
    ("X.mp4", "X.mp4.6abcdef.partial", False),  # Internet Explorer, rclone
    ("X.mp4", "X.mp4.partial~", False),  # Radarr
    ("X.mp4", "X.mp4.fdmdownload", False),
    ("X.mp4", "X.mp4.!qB", False),
    ("X.mp4", "X.mp4.!ut", False),
    ("X.mp4", "X.mp4.!sync", False),
    ("X.mp4", "X.mp4.filepart", False),
    ("X.mp4", "X.mp4.ocTransferId123.part", False),  # Nextcloud's server
    ("X.mp4", "X.mp4.sb-1a2b3c4d-Xyz123", False),  # macOS
    ("X.mp4", ".X.mp4.Xq3b2a", False),  # rsync
    ("X.mp4", ".X.mp4.~1a2b3c4d", False),  # Nextcloud, ownCloud
    ("X.mp4", ".syncthing.X.mp4.tmp", False),
    ("X.mp4", "~syncthing~X.mp4.tmp", False),
    ("X.mp4", ".pending-1700000000-X.mp4", False),  # Android
    ("X.mp4", ".in.X.mp4.", False),  # ProFTPD
    ("X.mp4", ".X.mp4.icloud", False),
    ("X.mp4", "X.temp.mp4", False),  # yt-dlp's work on the finished file
    ("X.mp4", "X.mp4.part-Frag3", False),
    ("X.mp4", "X.mp4.part-Frag3.part", False),
    ("X.mp4", "X.mp4.ytdl", False),
    ("X.mp4", "X.en.vtt.part", False),  # a sidecar that comes
    ("X.mp4", "X.f140.m4a.part", False),
    ("X.mp4", "X.mp4.aria2", True),
    ("X.mp4", "X.mp4.st", True),  # axel
    ("X.mp4", "X.mp4.lftp-pget-status", True),
    ("X.mp4", "X.mp4.xltd.cfg", True),
    ("X.f137.mp4", "X.f140.m4a.part", True),
    ("X.f137.mp4", "X.f140.m4a.part-Frag12", True),
    ("X.f137.mp4", "X.f140.m4a.ytdl", True),
    ("X.f137.mp4", "X.temp.mp4", True),
    ("X [a.b].fhls-1080p.mp4", "X [a.b].fhls-audio.mp4.part", True),
    ("Übung.mp4", f"{DECOMPOSED}.mp4.part", False),
    (f"{DECOMPOSED}.mp4", ".Übung.mp4.Xq3b2a", False),
    ("X.MP4", "x.mp4.PART", False),  # a card's upper case
]


@pytest.mark.parametrize(("video", "beside", "in_place"), PAIRS)
def test_what_lies_beside_says_that_a_video_is_not_finished(video: str, beside: str, *, in_place: bool) -> None:
    assert Neighbour(beside, in_place=in_place) == neighbour_of(video, [video, "Other.mp4", beside])
    assert video_keys(video) & listing_keys(beside), "the listing would not have it"
    assert not NameRules(("mp4",)).takes_path(beside), "and it is no video itself"


@pytest.mark.parametrize(
    ("video", "beside"),
    [
        ("X.mp4", "Y.mp4.part"),
        ("X.mp4", "X2.mp4.part"),
        ("X.mp4", "X y.mp4.part"),
        ("2024.mp4", "2024.12 a party.mp4.part"),
        ("X.mp4", "._X.mp4"),  # what a Mac keeps beside each file on a foreign disk
        ("X.mp4", ".DS_Store"),
        ("X.mp4", ".X.mp4.swap-file"),
        ("X.mp4", "X.srt"),
        ("X.mp4", "X.mp4.xmp"),
        ("X.mp4", "X.f137.mp4"),
        ("X.mp4", "X.st"),
        ("X.mp4", "aria2"),
        ("X.f137.mp4", "X.f140.m4a"),  # nothing comes any more: see the waiting below
        ("X.final.mp4", "X.mp4.part"),
    ],
)
def test_what_else_lies_about_says_nothing(video: str, beside: str) -> None:
    assert neighbour_of(video, [video, beside]) is None


@pytest.mark.parametrize(
    "name", ["X.f137.mp4", "X [id].f399.mp4", "X.f22-drc.mp4", "X.fhls-1080.mp4", "X.fdash-v=1.mp4"]
)
def test_streams_are_known_by_their_names(name: str) -> None:
    assert is_stream(name)


@pytest.mark.parametrize("name", ["X.final.mp4", "X.fr.mp4", "f137.mp4", "X.full.mp4", "Xf137.mp4", "X.f.mp4"])
def test_other_names_are_no_streams(name: str) -> None:
    assert not is_stream(name)


@pytest.mark.parametrize(
    "name", ["_UNPACK_Film", "Film.mp4.sb-1a2b3c4d-Xyz123", "Film.mp4.part-Frag3", "Film.mp4.xltd", "Film.mp4.bc!"]
)
def test_names_of_what_is_not_finished_are_not_looked_at(name: str) -> None:
    assert is_private(name)


@pytest.mark.parametrize("name", ["trip.part1.mp4", "Film.st.mp4", "Film.td.mp4", "my.downloading.mp4", "unpack.mp4"])
def test_names_like_them_are_videos(name: str) -> None:
    assert NameRules(("mp4",)).takes_path(name)


@pytest.fixture
def bench(tmp_path: Path, video: VideoMaker) -> Bench:
    return Bench(tmp_path, video)


def beside(bench: Bench, name: str) -> Path:
    path = bench.folder / name
    path.write_bytes(b"half")
    return path


def test_a_placeholder_waits_in_silence_until_its_data_comes(bench: Bench) -> None:
    """As Firefox does it: an empty file under the name, and the data beside it, which takes its place in the end."""
    data = beside(bench, "film.aBc1-_dE.mp4.part")
    path = bench.drop(data=b"")
    assert [] == bench.until(59.0)
    assert [] == bench.settler.waits()
    (told,) = bench.until(3_000.0)
    assert SettleOutcome.WAITING is told.outcome
    assert [(path, f"a download or copy is under way: {data.name} lies beside it")] == bench.settler.waits()
    data.write_bytes(bench.video(100))
    data.rename(path)
    bench.see(path)
    assert [SettleOutcome.READY] == bench.outcomes(3_020.0)
    assert [] == bench.settler.waits()


def test_an_unfinished_file_beside_a_leftover_is_never_called_failed(bench: Bench) -> None:
    beside(bench, "film.mp4.part")
    bench.drop(data=b"")
    assert [SettleOutcome.WAITING] == bench.outcomes(3 * STALE_S)
    ((_, reason),) = bench.settler.waits()
    assert "the file is empty, and film.mp4.part lies beside it" == reason


def test_when_the_neighbour_is_gone_a_placeholder_is_told(bench: Bench) -> None:
    data = beside(bench, "film.mp4.part")
    bench.drop(data=b"")
    bench.until(50.0)
    data.unlink()
    (told,) = bench.until(100.0)
    assert (SettleOutcome.INCOMPLETE, "the file is empty") == (told.outcome, told.reason)


def test_streams_wait_until_they_are_merged(bench: Bench) -> None:
    """As yt-dlp does it: one stream, the next, both into a third file, which takes the name in the end."""
    picture = bench.drop("film.f137.mp4")
    sound = beside(bench, "film.f140.m4a.part")
    assert [] == bench.until(50.0)
    sound = sound.rename(bench.folder / "film.f140.m4a")
    assert [] == bench.until(200.0 - 1)[1:]
    merged = beside(bench, "film.temp.mp4")
    bench.until(400.0)
    merged.write_bytes(bench.video(100))
    merged = merged.rename(bench.folder / "film.mp4")
    picture.unlink()
    sound.unlink()
    bench.see(merged)
    found = {one.path.name: one.outcome for one in bench.until(500.0)}
    assert {"film.f137.mp4": SettleOutcome.GONE, "film.mp4": SettleOutcome.READY} == found


def test_a_stream_that_stays_alone_is_filed_in_the_end(bench: Bench) -> None:
    """Who keeps the streams (yt-dlp -k) has videos without sound."""
    bench.drop("film.f137.mp4")
    beside(bench, "film.f140.m4a")
    found = bench.until(STREAM_S + 60)
    assert [SettleOutcome.WAITING, SettleOutcome.READY] == [one.outcome for one in found]


def test_a_file_of_which_something_is_missing_waits_however_long(bench: Bench) -> None:
    """Of full length, with its index first: nothing else shows that aria2 has not finished it."""
    control = beside(bench, "film.mp4.aria2")
    bench.drop()
    assert [SettleOutcome.WAITING] == bench.outcomes(30 * STALE_S)
    ((_, reason),) = bench.settler.waits()
    assert "unchanged for 29 h (remove it if nothing is)" in reason
    control.unlink()
    assert [SettleOutcome.READY] == bench.outcomes(30 * STALE_S + 20)


def test_a_folder_of_which_something_is_missing_holds_its_files_back(tmp_path: Path, video: VideoMaker) -> None:
    folder = tmp_path / "torrent" / "disc"
    folder.mkdir(parents=True)
    control = tmp_path / "torrent.aria2"
    control.write_bytes(b"")
    bench = Bench(folder, video)
    bench.drop()
    assert [] == bench.until(50.0)
    control.unlink()
    assert [SettleOutcome.READY] == bench.outcomes(70.0)


def test_a_whole_video_does_not_wait_for_a_leftover(bench: Bench) -> None:
    beside(bench, ".film.mp4.Xq3b2a")
    bench.drop()
    assert [SettleOutcome.WAITING, SettleOutcome.READY] == bench.outcomes(STALE_S + 60)


def test_a_leftover_of_last_week_holds_nothing_up(bench: Bench) -> None:
    leftover = beside(bench, "film.mp4.part")
    before_s = time.time() - 7 * 86_400
    os.utime(leftover, (before_s, before_s))
    bench.drop()
    assert [SettleOutcome.READY] == bench.outcomes(2.0)


def test_a_download_that_goes_on_is_no_leftover(bench: Bench) -> None:
    data = beside(bench, "film.mp4.part")
    bench.drop()
    for hour in range(1, 5):
        data.write_bytes(b"x" * hour)
        os.utime(data, (time.time(),) * 2)
        bench.until(hour * STALE_S - 100)
    assert 1 == len(bench.settler)


def test_draining_tells_at_once_and_goes_on_with_the_others(tmp_path: Path, video: VideoMaker) -> None:
    bench = Bench(tmp_path, video, SettleTimes(2.0, 100.0, 10.0, drain=True))
    beside(bench, "film.mp4.crdownload")
    bench.drop(data=b"")
    bench.drop("other.mp4")
    bench.drop("stream.f137.mp4")
    found: list[SettleVerdict] = bench.until(2.0)
    told = {one.path.name: one.outcome for one in found}
    waits = SettleOutcome.WAITING
    assert {"film.mp4": waits, "other.mp4": SettleOutcome.READY, "stream.f137.mp4": waits} == told
    assert 0 == bench.settler.unsettled()


@pytest.mark.parametrize("name", ["Unconfirmed 123456.crdownload", "aBc1-_dE.mp4.part"])
def test_an_empty_file_waits_for_a_download_that_has_no_name_yet(bench: Bench, name: str) -> None:
    data = beside(bench, name)
    bench.drop("whole.mp4")
    path = bench.drop(data=b"")
    assert [SettleOutcome.READY] == bench.outcomes(50.0)
    data.write_bytes(bench.video(100))
    data.rename(path)
    bench.see(path)
    assert [SettleOutcome.READY] == bench.outcomes(60.0)
