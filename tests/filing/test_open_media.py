"""A video is opened by its item's number, without following a link, and only if it is the one that is meant."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.containers import write_video
from vsortd.core.outcomes import ItemState
from vsortd.errors import BrokenError, ChangedError, FilingError, UsageError, VideoError, VsortdError
from vsortd.filing.open_media import OpenedMedia, item_video, open_media
from vsortd.filing.undo import Selection, undo

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and FIFOs")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("film") / "a.mp4", frames=10).read_bytes()


def filed(bench: Any, data: bytes, name: str = "a.mp4") -> Any:
    with bench.filer() as (filer, _):
        return filer.place(bench.request(bench.drop(name, data)))


def opened(bench: Any, number: int, *roots: Path) -> OpenedMedia:
    with bench.journal() as journal:
        return open_media(journal, roots or (bench.library, bench.inbox), number)


def open_files() -> int:
    """Return how many files this process has open; 0 where the system doesn't tell."""
    listing = Path("/proc/self/fd")
    return len(list(listing.iterdir())) if listing.is_dir() else 0


def refused(bench: Any, number: int, kind: type[Exception], *roots: Path) -> str:
    before = open_files()
    with pytest.raises(kind) as caught, bench.journal() as journal:
        open_media(journal, roots or (bench.library, bench.inbox), number)
    assert before == open_files()
    assert isinstance(caught.value, VideoError | VsortdError)
    return str(caught.value)


def test_a_filed_video_is_opened_with_its_type_and_size(bench: Any, film: bytes) -> None:
    item = filed(bench, film)
    with opened(bench, item.id) as media:
        assert (len(film), "video/mp4", "a.mp4") == (media.size_bytes, media.media_type, media.name)
        assert film == os.pread(media.descriptor, len(film) + 1, 0)
        kept = media.descriptor
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(kept)


def test_a_descriptor_may_be_taken_over(bench: Any, film: bytes) -> None:
    item = filed(bench, film)
    with opened(bench, item.id) as media:
        descriptor = media.detach()
    assert len(film) == os.fstat(descriptor).st_size
    os.close(descriptor)


def test_an_undone_video_is_opened_where_it_is_again(bench: Any, film: bytes) -> None:
    item = filed(bench, film, "deep/a.mp4")
    with bench.journal() as journal:
        undo(journal, Selection(all=True))
    with opened(bench, item.id) as media:
        assert bench.inbox / "deep/a.mp4" == media.path


def test_one_that_a_person_moved_within_the_library_is_found(bench: Any, film: bytes) -> None:
    item = filed(bench, film)
    (bench.library / "own").mkdir()
    item.destination.rename(bench.library / "own" / "b.mp4")
    with opened(bench, item.id) as media:
        assert (bench.library / "own" / "b.mp4", "b.mp4") == (media.path, media.name)


def test_there_is_no_such_item(bench: Any) -> None:
    assert "There is no item 7." in refused(bench, 7, UsageError)


def test_a_video_that_is_gone_says_so(bench: Any, film: bytes) -> None:
    item = filed(bench, film)
    item.destination.unlink()
    assert "no longer at" in refused(bench, item.id, ChangedError)


def test_another_file_in_its_place_is_not_handed_out(bench: Any, film: bytes) -> None:
    item = filed(bench, film)
    item.destination.unlink()
    item.destination.write_bytes(film + b"more")
    assert "another file" in refused(bench, item.id, ChangedError)


def test_one_that_was_written_into_is_not_the_one_that_is_meant(bench: Any, film: bytes) -> None:
    item = filed(bench, film)
    with item.destination.open("ab") as file:
        file.write(b"more")
    assert "was changed" in refused(bench, item.id, ChangedError)


def test_one_swapped_between_the_look_and_the_opening_is_not_handed_out(
    bench: Any, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = filed(bench, film)

    def look_and_swap(journal: Any, number: int) -> Any:
        found = item_video(journal, number)
        found.path.unlink()
        found.path.write_bytes(b"\0" * 9)
        return found

    monkeypatch.setattr("vsortd.filing.open_media.item_video", look_and_swap)
    assert "another file has its name" in refused(bench, item.id, ChangedError)


def test_a_link_in_the_place_of_the_video_is_not_followed(bench: Any, film: bytes, tmp_path: Path) -> None:
    """Even to the very file that is meant, elsewhere on the same disk."""
    item = filed(bench, film)
    item.destination.rename(tmp_path / "outside.mp4")
    item.destination.symlink_to(tmp_path / "outside.mp4")
    refused(bench, item.id, ChangedError)


def test_a_link_swapped_in_for_the_video_is_not_followed(
    bench: Any, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = filed(bench, film)

    def look_and_swap(journal: Any, number: int) -> Any:
        found = item_video(journal, number)
        found.path.rename(tmp_path / "outside.mp4")
        found.path.symlink_to(tmp_path / "outside.mp4")
        return found

    monkeypatch.setattr("vsortd.filing.open_media.item_video", look_and_swap)
    assert "can't be opened" in refused(bench, item.id, BrokenError)


def test_a_link_in_the_place_of_a_folder_is_not_followed(bench: Any, film: bytes, tmp_path: Path) -> None:
    item = filed(bench, film)
    shutil.move(bench.library / "forest", tmp_path / "outside")
    (bench.library / "forest").symlink_to(tmp_path / "outside")
    assert "vsortd follows no links" in refused(bench, item.id, FilingError)


def test_a_fifo_is_no_video_and_is_not_waited_for(bench: Any, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    item = filed(bench, film)

    def look_and_swap(journal: Any, number: int) -> Any:
        found = item_video(journal, number)
        found.path.unlink()
        os.mkfifo(found.path)
        return found

    monkeypatch.setattr("vsortd.filing.open_media.item_video", look_and_swap)
    assert "not a regular file" in refused(bench, item.id, BrokenError)


def test_the_library_itself_may_be_a_link(bench: Any, film: bytes, tmp_path: Path) -> None:
    item = filed(bench, film)
    bench.library.rename(tmp_path / "disk")
    bench.library.symlink_to(tmp_path / "disk")
    with opened(bench, item.id) as media:
        assert "video/mp4" == media.media_type


def test_what_lies_in_no_folder_of_the_config_is_not_handed_out(bench: Any, film: bytes, tmp_path: Path) -> None:
    item = filed(bench, film)
    for roots in ((bench.inbox,), (tmp_path / "lib",), (item.destination,)):
        assert "neither in the library nor in an inbox" in refused(bench, item.id, FilingError, *roots)


def test_a_way_up_in_a_path_is_refused(bench: Any, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    item = filed(bench, film)

    def crooked(journal: Any, number: int) -> Any:
        found = item_video(journal, number)
        return type(found)(bench.library / ".." / bench.library.name / "forest/night/a.mp4", found.identity)

    monkeypatch.setattr("vsortd.filing.open_media.item_video", crooked)
    refused(bench, item.id, FilingError)


@pytest.mark.parametrize("data", [b"<!doctype html><script>alert(1)</script>", b"<!--moov--><script>", b"no film"])
def test_a_page_that_is_called_a_video_is_not_handed_out(bench: Any, data: bytes) -> None:
    item = filed(bench, data)
    assert "no video" in refused(bench, item.id, BrokenError)


def test_a_name_that_is_no_text_is_handed_out_as_text(bench: Any, film: bytes) -> None:
    item = filed(bench, film, os.fsdecode(b"caf\xe9.mp4"))
    with opened(bench, item.id) as media:
        media.name.encode()
        assert ItemState.FILED is item.item_state
