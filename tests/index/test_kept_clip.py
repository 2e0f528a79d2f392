"""What a file says of itself is kept beside its frames, as long as the file is the same; and many are read at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.index.test_store import CLIP, FILE, embedded
from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.core.video_facts import Stream
from vsortd.index.kept_clip import clip_of_document, document_of_clip
from vsortd.index.kept_looks import StoredVideos
from vsortd.index.store import Index

TOLD = replace(
    CLIP,
    streams=(Stream(0, "video", "h264", frames=9), Stream(1, "data", "", metadata_keys=("a", "b"))),
    camera="Apple iPhone 15 Pro",
    recorded_at="2024-05-31T23:30:00+02:00",
    tags={"artist": "Jos\udce9"},
)


def test_facts_come_back_as_they_were_and_others_are_no_facts() -> None:
    assert TOLD == clip_of_document(document_of_clip(TOLD))
    document = document_of_clip(TOLD)
    assert None is clip_of_document({key: value for key, value in document.items() if key != "fps"})
    assert None is clip_of_document({**document, "streams": [{"index": 1}]})
    assert None is clip_of_document({**document, "streams": 3})


def test_the_facts_are_kept_with_the_first_look_and_follow_the_file(tmp_path: Path) -> None:
    index, path = Index(tmp_path / "index.sqlite3"), Path("/library/a.mp4")
    try:
        assert None is index.clip(FILE)
        index.keep(FILE, path, TOLD, "m", "spread-32:0-8", embedded())
        assert TOLD == index.clip(FILE)
        index.moved(FILE, replace(FILE, inode=9), Path("/library/b.mp4"))
        assert TOLD == index.clip(replace(FILE, inode=9))
        index.moved(replace(FILE, inode=9), FILE, Path("/library/b.mp4"), converted=True)
        assert None is index.clip(FILE)  # its streams are others now
        other = clip_facts(duration_s=3.0)
        index.keep_clip(FILE, Path("/library/b.mp4"), other)
        assert other == index.clip(FILE)
    finally:
        index.close()


def test_many_are_read_at_once_by_their_files(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite3")
    files = [replace(FILE, inode=number) for number in range(1, 4)]
    try:
        for number, file in enumerate(files[:2]):
            index.keep(file, Path(f"/library/{number}.mp4"), TOLD, "m", "spread-32:0-8", embedded(seed=number))
        index.keep(files[1], Path("/library/1.mp4"), TOLD, "m", "spread-32:8-16", embedded(2, seed=7))
        index.keep(files[2], Path("/library/2.mp4"), TOLD, "another", "spread-32:0-8", embedded())
        kept = StoredVideos(index, "m")
        numbers = kept.numbered()
        assert set(files) == set(numbers)
        assert kept.was_at(Path("/library/1.mp4"))
        assert not kept.was_at(Path("/library/9.mp4"))
        found = list(kept.of([*(numbers[file] for file in files), 99], clips=True))
        assert [True, True, True, False] == [one is not None for one in found]
        for file, one in zip(files[:2], found, strict=False):
            assert one is not None
            assert (TOLD, TOLD.duration_s) == (one.clip, one.duration_s)
            for look in ("spread-32:0-8", "spread-32:8-16"):
                expected, got = index.recall(file, "m", look), one.look(look)
                assert (expected is None) == (got is None)
                if expected is not None and got is not None:
                    assert expected.times_ms.tolist() == got.times_ms.tolist()
                    assert expected.vectors.tolist() == got.vectors.tolist()
        of_another = found[2]
        assert of_another is not None
        assert (None, None) == (of_another.unpacked, of_another.look("spread-32:0-8"))
        (without,) = kept.of([numbers[files[0]]], clips=False)
        assert without is not None
        assert None is without.clip
        assert Identity.of(tmp_path / "index.sqlite3") not in numbers
    finally:
        index.close()
