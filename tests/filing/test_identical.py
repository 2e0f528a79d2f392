"""Videos that are there already: kept, skipped, or put aside."""

from __future__ import annotations

import threading
from typing import Any


def test_both_of_two_equal_videos_are_kept_by_default(either: Any) -> None:
    with either.filer() as (filer, _):
        first = filer.place(either.request(either.drop("a.mp4", b"same")))
        second = filer.place(either.request(either.drop("a.mp4", b"same")))
    assert ["a (2).mp4", "a.mp4"] == sorted([first.destination.name, second.destination.name])


def test_a_duplicate_is_skipped_once_and_named(either: Any) -> None:
    either.on_duplicate = "skip"
    with either.filer() as (filer, journal):
        first = filer.place(either.request(either.drop("a.mp4", b"same")))
        twin = either.drop("elsewhere/b.mp4", b"same")
        for _ in range(2):
            item = filer.place(either.request(twin, folder=("sea",)))
        assert 2 == len(journal.history())
        assert 1 == journal.counts()["rejected"]
    assert "rejected" == item.state
    assert str(first.destination) in item.reason
    assert twin.exists()


def test_a_duplicate_goes_to_its_folder(either: Any) -> None:
    either.on_duplicate = {"to": "_Duplicates"}
    with either.filer() as (filer, _):
        filer.place(either.request(either.drop("a.mp4", b"same")))
        item = filer.place(either.request(either.drop("b.mp4", b"same"), folder=("sea",)))
    assert either.library / "_Duplicates" / "b.mp4" == item.destination
    assert "the same bytes as" in item.reason


def test_equal_size_and_time_is_no_duplicate(bench: Any) -> None:
    bench.on_duplicate = "skip"
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.drop("a.mp4", b"film 1")))
        item = filer.place(bench.request(bench.drop("a.mp4", b"film 2")))
    assert "filed" == item.state
    bench.check()


def test_a_duplicate_of_a_converted_video_is_found_by_its_original(bench: Any) -> None:
    bench.on_duplicate = "skip"
    with bench.filer() as (filer, _):
        video = bench.drop("a.mov", b"same")
        filer.place(bench.request(video, converted=bench.stage(filer, video)))
        item = filer.place(bench.request(bench.drop("b.mov", b"same")))
    assert "rejected" == item.state


def test_a_duplicate_whose_twin_was_deleted_is_filed(bench: Any) -> None:
    bench.on_duplicate = "skip"
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.drop("a.mp4", b"same"))).destination.unlink()
        assert "filed" == filer.place(bench.request(bench.drop("b.mp4", b"same"))).state


def test_of_many_equal_videos_at_once_one_is_filed(bench: Any) -> None:
    bench.on_duplicate = "skip"
    videos = [bench.drop(f"{number}.mp4", b"same") for number in range(6)]
    states: list[str] = []
    with bench.filer() as (filer, _):
        threads = [
            threading.Thread(target=lambda v=v: states.append(filer.place(bench.request(v)).state)) for v in videos
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ["filed", *["rejected"] * 5] == sorted(states)
