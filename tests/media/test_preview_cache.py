"""What is kept is whole or made again, closed to others, and no more than the limit: the longest unused goes first."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.troubles import small_disk
from vsortd.core.system.atomic_file import beside
from vsortd.errors import StoreError
from vsortd.media.preview_cache import PreviewCache

if TYPE_CHECKING:
    from pathlib import Path

LARGE = bytes(range(256)) * 8192  # larger than what is read through at each look


@pytest.fixture
def cache(tmp_path: Path) -> PreviewCache:
    return PreviewCache(tmp_path / "state" / "pictures", 1000)


def again(cache: PreviewCache) -> PreviewCache:
    """Return the cache as the next process finds it."""
    return PreviewCache(cache._folder, cache.limit_bytes)


def names(cache: PreviewCache) -> list[str]:
    return sorted(path.name for path in cache._folder.iterdir())


def test_what_is_put_is_found_also_by_the_next_process(cache: PreviewCache) -> None:
    assert cache.find("a") is None
    path = cache.put("a", "jpg", b"picture")
    assert path == cache.find("a") == again(cache).find("a")
    assert b"picture" == path.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_it_is_its_owners_alone(cache: PreviewCache) -> None:
    path = cache.put("a", "jpg", b"picture")
    with cache.new_file("b", "mp4") as target:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, *path.parent.iterdir())]
    assert [0o700, 0o600, 0o600] == modes


@pytest.mark.parametrize("data", [b"pic", b"", b"pictore", b"picture and more"])
def test_a_damaged_file_is_gone(cache: PreviewCache, data: bytes) -> None:
    cache.put("a", "jpg", b"picture").write_bytes(data)
    for one in (cache, again(cache)):
        assert one.find("a") is None
    assert ([], 0) == (names(cache), again(cache).total_bytes)


def test_a_large_file_that_was_cut_off_is_gone(tmp_path: Path) -> None:
    cache = PreviewCache(tmp_path / "copies", 10 * len(LARGE))
    path = cache.put("a", "mp4", LARGE)
    os.truncate(path, len(LARGE) - 1)
    assert cache.find("a") is None
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_in_the_place_of_a_file_is_none_of_ours(cache: PreviewCache, tmp_path: Path) -> None:
    path = cache.put("a", "jpg", b"picture")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.find("a") is None
    assert again(cache).find("a") is None


def test_a_removed_file_or_folder_is_made_again(cache: PreviewCache) -> None:
    cache.put("a", "jpg", b"picture").unlink()
    assert cache.find("a") is None
    path = cache.put("a", "jpg", b"picture")
    path.unlink()
    cache._folder.rmdir()
    assert cache.find("a") is None
    assert b"picture" == cache.put("a", "jpg", b"picture").read_bytes()


def test_another_file_of_a_key_takes_its_place(cache: PreviewCache) -> None:
    cache.put("a", "jpg", b"one")
    path = cache.put("a", "jpg", b"three")
    assert [path.name] == names(cache)
    assert 5 == cache.total_bytes == again(cache).total_bytes


def test_the_longest_unused_goes_first(cache: PreviewCache) -> None:
    for key in "abcd":
        cache.put(key, "jpg", key.encode() * 250)
    assert 1000 == cache.total_bytes
    cache.find("a")
    cache.put("e", "jpg", b"e" * 300)
    assert ["a", "d", "e"] == [key for key in "abcde" if cache.find(key) is not None]
    assert 800 == cache.total_bytes


def test_the_newest_stays_even_if_it_is_larger_than_all(cache: PreviewCache) -> None:
    cache.put("a", "jpg", b"a")
    assert cache.put("b", "jpg", bytes(2000)).exists()
    assert cache.find("a") is None


def test_the_next_process_knows_what_was_used_last(cache: PreviewCache) -> None:
    paths = {key: cache.put(key, "jpg", key.encode() * 250) for key in "abcd"}
    for number, key in enumerate("abcd"):
        os.utime(paths[key], (1e9 + number, 1e9 + number))
    later = again(cache)
    later.find("a")  # a use of today is written down
    latest = again(cache)
    latest.put("e", "jpg", b"e" * 500)
    assert ["a", "d", "e"] == [key for key in "abcde" if latest.find(key) is not None]


def test_a_smaller_limit_holds_from_the_next_start_on(cache: PreviewCache) -> None:
    for key in "abcd":
        cache.put(key, "jpg", bytes(250))
    smaller = PreviewCache(cache._folder, 500)
    assert 500 == smaller.total_bytes
    assert 2 == len(names(cache))


def test_a_large_file_is_whole_when_the_block_ends(cache: PreviewCache) -> None:
    with cache.new_file("a", "mp4") as target:
        target.write_bytes(b"film")
        assert cache.find("a") is None
    found = cache.find("a")
    assert found is not None
    assert b"film" == found.read_bytes()
    assert [found.name] == names(cache)


def test_what_broke_off_leaves_nothing(cache: PreviewCache) -> None:
    def write_half() -> None:
        with cache.new_file("a", "mp4") as target:
            target.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert [] == names(cache)
    assert cache.find("a") is None


def test_what_a_killed_process_left_goes_and_strangers_files_stay(cache: PreviewCache) -> None:
    path = cache.put("a", "jpg", b"picture")
    (path.parent / f".{'0a' * 8}.mp4").write_bytes(b"half a film")
    (path.parent / f".{path.name}.x_z01234").write_bytes(b"pic")
    (path.parent / "notes.txt").write_text("mine", "utf-8")
    assert again(cache).find("a") == path
    assert sorted([path.name, "notes.txt"]) == names(cache)


@pytest.mark.parametrize("key", ["a", "sprite-" + "0f" * 20, "x" * 64])
def test_what_was_being_put_goes_however_long_its_name(cache: PreviewCache, key: str) -> None:
    name = cache.put(key, "jpg", b"picture").name
    with beside(cache._folder / name, b"pic") as left:
        assert [left.name, name] == names(cache)
        again(cache).find("other")
        assert [name] == names(cache)


@pytest.mark.parametrize(
    "name", [".nomedia", ".DS_Store", ".profile", ".hidden.mp4", ".git-credentials", ".config.abcdefgh", ".0123.mp4"]
)
def test_what_others_hid_there_stays(cache: PreviewCache, name: str) -> None:
    cache.put("a", "jpg", b"picture")
    (cache._folder / name).write_text("mine", "utf-8")
    assert again(cache).find("a") is not None
    assert "mine" == (cache._folder / name).read_text("utf-8")


@pytest.mark.parametrize("linked", ["state", "state/pictures"])
def test_a_folder_that_is_a_link_is_refused(cache: PreviewCache, tmp_path: Path, linked: str) -> None:
    (home := tmp_path / "home" / "pictures").mkdir(parents=True)
    (tmp_path / linked).parent.mkdir(exist_ok=True)
    (tmp_path / linked).symlink_to(home.parent if linked == "state" else home, target_is_directory=True)
    (home / f".{'0a' * 8}.mp4").write_text("mine", "utf-8")
    with pytest.raises(StoreError, match="is a link"):
        cache.put("a", "jpg", b"picture")
    assert [f".{'0a' * 8}.mp4"] == names(cache)


@pytest.mark.parametrize("key", ["", "A", "../a", "a/b", "a.b", "x" * 65])
def test_a_key_that_can_be_no_name_is_refused(cache: PreviewCache, key: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        cache.put(key, "jpg", b"")


def test_a_full_disk_is_told_of(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m"):
        cache = PreviewCache(tmp_path / "disk" / "pictures", 10**9)
        with pytest.raises(StoreError, match="Pictures can't be kept in") as caught:
            cache.put("a", "jpg", bytes(4 << 20))
        assert "VSORTD_STATE_DIR" in caught.value.remedy
        assert [] == names(cache)
        assert b"small" == cache.put("b", "jpg", b"small").read_bytes()
