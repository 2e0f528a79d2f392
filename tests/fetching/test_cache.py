"""The cache of fetched videos: each once, whole or not at all, within its limit, never taken from who uses it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.errors import StoreError
from vsortd.fetching import cache as cache_module
from vsortd.fetching.cache import VideoCache, key_of, title_name
from vsortd.fetching.delivery import deliver
from vsortd.fetching.download import FetchedFiles, FoundVideo
from vsortd.fetching.origins import keep_origin, origin_of, origins_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KB = 1_000


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[VideoCache]:
    opened = VideoCache(tmp_path / "state", 100 * KB)
    yield opened
    opened.close()


def found(number: int, *, site: str = "Site", title: str = "", page: str = "") -> FoundVideo:
    return FoundVideo(1, 1, site, f"id{number}", title or f"Film {number}", page or f"https://a.example/{number}")


def put(cache: VideoCache, one: FoundVideo, size: int = 30 * KB, languages: tuple[str, ...] = ()) -> Path:
    """Store a video as if it had been fetched; returns its file."""
    folder = cache.working_folder() / "1"
    folder.mkdir()
    (folder / "video.mp4").write_bytes(os.urandom(size))
    for language in languages:
        (folder / f"video.{language}.vtt").write_text("WEBVTT\n")
    subtitles = tuple((f"video.{language}.vtt", language) for language in languages)
    return cache.store(one.page, one, FetchedFiles(folder, "video.mp4", subtitles)).path


def again(cache: VideoCache, tmp_path: Path) -> VideoCache:
    """Close the cache and return another process's view of it."""
    cache.close()
    return VideoCache(tmp_path / "state", 100 * KB)


def test_a_video_is_found_by_its_site_and_id_with_its_subtitles_and_origin(cache: VideoCache, tmp_path: Path) -> None:
    put(cache, found(1, title="A: film / of \u202emine"), languages=("en", "pt-BR"))
    other = again(cache, tmp_path)
    video = other.find(key_of(found(1)))
    assert video is not None
    assert "A_ film _ of _mine.mp4" == video.path.name
    assert ["A_ film _ of _mine.en.vtt", "A_ film _ of _mine.pt-BR.vtt"] == [path.name for path, _ in video.subtitles]
    assert ("https://a.example/1", "Site", "id1") == (video.origin.address, video.origin.site, video.origin.id)
    assert other.find(key_of(found(2))) is None
    other.close()


def test_of_pages_without_a_site_of_their_own_the_page_tells_videos_apart() -> None:
    one, other = (replace(found(1, page=f"https://{host}.example/video.mp4"), own_ids=False) for host in "ab")
    assert key_of(one) != key_of(other)
    assert key_of(found(1, page="https://short.example/1")) == key_of(found(1))


def test_what_was_used_longest_ago_goes_first(cache: VideoCache, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        put(cache, found(number))
        about = tmp_path / "state" / "fetched" / key_of(found(number)) / "about.json"
        os.utime(about, (1_000 + number, 1_000 + number))
    cache = again(cache, tmp_path)
    assert cache.find(key_of(found(1))) is not None  # used now
    cache = again(cache, tmp_path)
    put(cache, found(4))
    left = [number for number in (1, 2, 3, 4) if cache.find(key_of(found(number))) is not None]
    assert [1, 3, 4] == left
    cache.close()


def test_nothing_is_removed_that_another_process_uses(cache: VideoCache, tmp_path: Path) -> None:
    path = put(cache, found(1), 80 * KB)
    other = VideoCache(tmp_path / "state", 100 * KB)
    put(other, found(2), 80 * KB)
    assert path.is_file()
    cache.close()
    other.evict()
    assert not path.is_file()
    other.close()


def test_what_a_dead_process_left_goes_and_what_a_living_one_fetches_stays(cache: VideoCache, tmp_path: Path) -> None:
    left, living = tmp_path / "state" / "fetched" / ".work-dead", cache.working_folder()
    (living / "video.mp4.part").write_bytes(b"half")
    for folder in (left, empty := left.with_name(".work-empty"), gone := left.with_name(".going-dead")):
        folder.mkdir()
    (left / "lock").touch()
    for folder in (left, gone):
        (folder / "video.mp4.part").write_bytes(b"half")
    other = VideoCache(tmp_path / "state", 100 * KB)
    own = other.working_folder()
    assert [False] * 3 == [folder.exists() for folder in (left, empty, gone)]
    assert ["lock", "video.mp4.part"] == sorted(path.name for path in living.iterdir())
    cache.close()
    assert {"addresses", own.name} == {path.name for path in own.parent.iterdir()}
    other.close()
    assert ["addresses"] == [path.name for path in own.parent.iterdir()]


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_that_another_process_takes_for_a_left_one_is_made_anew(
    cache: VideoCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, made: bool
) -> None:
    """Between a folder and its lock, and between the lock's file and the lock."""
    other, module, name = VideoCache(tmp_path / "state", 100 * KB), cache_module, "_lock" if made else "mkdtemp"
    of = module if made else module.tempfile
    function = getattr(of, name)

    def meanwhile(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(of, name, function)
        found = None if made else function(*given, **more)
        other.working_folder()
        return function(*given, **more) if made else found

    monkeypatch.setattr(of, name, meanwhile)
    folder = cache.working_folder()
    (folder / "video.mp4.part").write_bytes(b"half")
    VideoCache(tmp_path / "state", 100 * KB).working_folder()
    assert ["lock", "video.mp4.part"] == sorted(path.name for path in folder.iterdir())
    other.close()


def test_a_disk_that_takes_no_locks_is_told_of(
    cache: VideoCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_lock", lambda *_, **__: False)
    with pytest.raises(StoreError, match="Nothing can be locked in"):
        cache.working_folder()
    assert ["addresses"] == [path.name for path in (tmp_path / "state" / "fetched").iterdir()]


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"file": "../../journal", "size": 3, "subtitles": [], "origin": {}}']
)
def test_a_damaged_entry_counts_as_missing_and_is_fetched_anew(cache: VideoCache, tmp_path: Path, damage: str) -> None:
    path = put(cache, found(1))
    (path.parent / "about.json").write_text(damage)
    cache = again(cache, tmp_path)
    assert cache.find(key_of(found(1))) is None
    assert put(cache, found(1)).is_file()
    cache.close()


def test_a_video_that_is_not_whole_any_more_counts_as_missing(cache: VideoCache, tmp_path: Path) -> None:
    path = put(cache, found(1))
    os.truncate(path, 5)
    cache = again(cache, tmp_path)
    assert cache.find(key_of(found(1))) is None
    cache.close()


def test_two_that_fetch_the_same_at_once_have_it_once(cache: VideoCache, tmp_path: Path) -> None:
    first = put(cache, found(1))
    other = VideoCache(tmp_path / "state", 100 * KB)
    assert first == put(other, found(1))
    other.close()


def test_a_copy_is_put_into_an_inbox_with_its_subtitles_and_never_over_anything(
    cache: VideoCache, tmp_path: Path
) -> None:
    inbox = tmp_path / "Inbox"
    inbox.mkdir()
    (inbox / "Film 1.en.vtt").write_text("mine")
    path = put(cache, found(1), languages=("en",))
    video = cache.find(key_of(found(1)))
    assert video is not None
    assert (inbox / "Film 1 (2).mp4", False) == deliver(cache, video, inbox)
    assert "mine" == (inbox / "Film 1.en.vtt").read_text()
    assert (inbox / "Film 1 (2).mp4").read_bytes() == path.read_bytes()
    assert {"Film 1.en.vtt", "Film 1 (2).mp4", "Film 1 (2).en.vtt"} == set(os.listdir(inbox))  # noqa: PTH208
    assert (inbox / "Film 1 (2).mp4", True) == deliver(cache, video, inbox)


def test_a_file_is_known_by_its_size_and_time_wherever_it_lies(cache: VideoCache, tmp_path: Path) -> None:
    (tmp_path / "Inbox").mkdir()
    put(cache, found(1))
    video = cache.find(key_of(found(1)))
    assert video is not None
    path, _ = deliver(cache, video, tmp_path / "Inbox")
    moved = path.rename(tmp_path / "elsewhere.mp4")
    identity = Identity.of(moved)
    assert identity is not None
    assert video.origin == origin_of(tmp_path / "state", identity)
    os.utime(moved)
    assert (now := Identity.of(moved)) is not None
    assert origin_of(tmp_path / "state", now) is None


def test_no_more_origins_are_kept_than_can_be_counted_in_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: VideoCache
) -> None:
    monkeypatch.setattr("vsortd.fetching.origins._MOST", 6)
    monkeypatch.setattr("vsortd.fetching.origins._LOOSEN", 2)
    put(cache, found(1))
    video = cache.find(key_of(found(1)))
    assert video is not None
    for number in range(10):
        keep_origin(tmp_path / "state", Identity(1, 2, 3, number), video.origin)
    kept = list(origins_folder(tmp_path / "state").iterdir())
    assert 4 <= len(kept) <= 6
    assert origin_of(tmp_path / "state", Identity(9, 9, 3, 9)) == video.origin
    assert all(json.loads(one.read_text())["site"] == "Site" for one in kept)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("A film", "A film"),
        ("a/b\\c:d*e?", "a_b_c_d_e_"),
        ("..hidden", "hidden"),
        ("   ", "video"),
        ("con", "_con"),
        ("line\nbreak\x1b[2J", "line break_[2J"),
        ("日本" * 60, "日本" * 25),
    ],
)
def test_a_title_becomes_a_name_that_every_disk_takes(title: str, name: str) -> None:
    assert name == title_name(title)
