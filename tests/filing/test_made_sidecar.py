"""XMP sidecars on real files: made, amended, taken back exactly, and what people wrote since is not lost."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sidecars import SUBJECT, TAGS_LIST, THEIRS, keywords, value, without
from vsortd.config.place_options import Place
from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import FilingError
from vsortd.filing.copy_in import copy_in
from vsortd.filing.undo import Selection, UndoReport, undo
from vsortd.filing.xmp import ForeignXmpError, XmpMarks, amended, new_sidecar

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.filing.records import Item

FOLDER = "forest/night"


def file(bench: Any, video: Path, *sidecars: Path, **more: Any) -> Item:
    bench.xmp = True
    with bench.filer() as (filer, _):
        if more.pop("convert", False):
            more["converted"] = bench.stage(filer, video)
        item: Item = filer.place(bench.request(video, *sidecars, **more))
    return item


def take_back(bench: Any) -> UndoReport:
    with bench.journal() as journal:
        return undo(journal, Selection(all=True))


def sidecar_of(bench: Any, number: int) -> Path | None:
    with bench.journal() as journal:
        found = journal.item(number).to_json()["xmp"]
        assert [found] == [one.to_json()["xmp"] for one in journal.shown_items() if one.id == number]
        assert [found] == [one.to_json()["xmp"] for one in journal.history() if one.id == number]
    return found if found is None else bench.library / os.path.relpath(found, bench.library)


def test_a_sidecar_is_made_and_goes_with_the_undo(either: Any) -> None:
    video = either.drop("Film.mp4")
    item = file(either, video, tags=("mood:tense",), score=0.75)
    made = either.library / FOLDER / "Film.mp4.xmp"
    data = made.read_bytes()
    assert new_sidecar(XmpMarks("forest/night", ("mood:tense",), 0.75)) == data
    assert (video.name, made) == (item.destination.name, sidecar_of(either, item.id))
    assert b"film Film.mp4" == item.destination.read_bytes()
    report = take_back(either)
    assert ([], {item.id: []}) == (report.refused, report.missing)
    assert {"Film.mp4": b"film Film.mp4"} == either.tree(either.inbox)
    assert {} == either.tree(either.library)
    assert sidecar_of(either, item.id) is None
    either.check()


@pytest.mark.parametrize("name", ["Film.mp4.xmp", "Film.xmp", "Film.mp4.XMP"])
def test_one_that_is_there_is_amended_and_comes_back_byte_for_byte(either: Any, name: str) -> None:
    video, sidecar, subtitles = either.drop("Film.mp4"), either.drop(name, THEIRS), either.drop("Film.srt")
    item = file(either, video, subtitles, sidecar)
    assert {"Film.mp4", name, "Film.srt"} == {path.name for path in (either.library / FOLDER).iterdir()}
    data = (either.library / FOLDER / name).read_bytes()
    assert ["forest", "Opa & Oma", "night"] == keywords(data, SUBJECT)
    assert without(THEIRS) == without(data, "night", "forest|night", "forest/night")
    assert either.library / FOLDER / name == sidecar_of(either, item.id)
    either.derived.add(data)
    either.check()
    take_back(either)
    assert THEIRS == sidecar.read_bytes()
    assert {"Film.mp4", name, "Film.srt"} == {path.name for path in either.inbox.iterdir()}
    assert [] == list((either.library / ".vsortd" / "originals").iterdir())
    either.check()


def test_the_sidecar_follows_the_mp4_and_the_template(either: Any) -> None:
    either.template = "{date} {stem}"
    video, sidecar = either.drop("Clip.MOV"), either.drop("Clip.MOV.xmp", THEIRS)
    item = file(either, video, sidecar, convert=True)
    assert ["2023-11-14 Clip.mp4", "2023-11-14 Clip.mp4.xmp"] == sorted(either.tree(either.library / FOLDER))
    assert f"{item.destination}.xmp" == str(sidecar_of(either, item.id))
    take_back(either)
    assert {"Clip.MOV": b"film Clip.MOV", "Clip.MOV.xmp": THEIRS} == either.tree(either.inbox)


def test_filed_on_by_hand_its_own_former_words_are_replaced_and_each_undo_goes_one_step(bench: Any) -> None:
    video, sidecar = bench.drop("Film.mp4"), bench.drop("Film.mp4.xmp", THEIRS)
    first = file(bench, video, sidecar, folder=("_Review",), rule="", tags=("wine",), outcome=ItemState.REVIEW)
    waiting = first.destination.with_name("Film.mp4.xmp")
    before = waiting.read_bytes()
    assert ["forest", "Opa & Oma", "wine"] == keywords(before, SUBJECT)
    with bench.filer() as (filer, _):
        request = bench.request(first.destination, waiting, folder=("city",), rule="city", score=1.0)
        second = filer.place(request, by_hand=lambda _: None)
    after = second.destination.with_name("Film.mp4.xmp").read_bytes()
    assert ["forest", "Opa & Oma", "city"] == keywords(after, SUBJECT)
    assert ["people/Oma", "forest", "Opa & Oma", "city"] == keywords(after, TAGS_LIST)
    assert ("city", "1.0000") == (value(after, "rule"), value(after, "score"))
    with bench.journal() as journal:
        undo(journal, Selection(ids=(second.id,)))
        assert before == waiting.read_bytes()
        undo(journal, Selection(ids=(first.id,)))
    assert THEIRS == sidecar.read_bytes()
    assert {} == bench.tree(bench.library)


def test_a_video_of_which_nothing_is_known_gets_none_and_what_it_has_is_not_touched(bench: Any) -> None:
    options = {"folder": ("_Review",), "rule": "", "outcome": ItemState.REVIEW}
    file(bench, bench.drop("a.mp4"), **options)
    file(bench, bench.drop("b.mp4"), bench.drop("b.mp4.xmp", THEIRS), **options)
    assert {"a.mp4", "b.mp4", "b.mp4.xmp"} == set(bench.tree(bench.library / "_Review"))
    assert THEIRS == (bench.library / "_Review" / "b.mp4.xmp").read_bytes()
    bench.check()


@pytest.mark.parametrize("own", [False, True])
def test_what_was_edited_since_comes_back_with_the_video_and_the_former_beside_it(either: Any, *, own: bool) -> None:
    video = either.drop("Film.mp4")
    sidecars = () if own else (either.drop("Film.mp4.xmp", THEIRS),)
    item = file(either, video, *sidecars)
    edited = amended((either.library / FOLDER / "Film.mp4.xmp").read_bytes(), XmpMarks("theirs", (), 1.0))
    assert edited is not None
    (either.library / FOLDER / "Film.mp4.xmp").write_bytes(edited)
    report = take_back(either)
    assert [] == report.refused
    wanted = {"Film.mp4": b"film Film.mp4", "Film.mp4.xmp": edited}
    assert wanted | ({} if own else {"Film.mp4.former.xmp": THEIRS}) == either.tree(either.inbox)
    (undone,) = report.undone
    assert "Film.mp4.xmp was edited since it was filed and came back as it is" in undone.reason
    assert own == ("what it was before is Film.mp4.former.xmp" not in undone.reason)
    assert item.id == undone.id


def test_one_that_was_removed_or_moved_by_hand_is_not_missed(bench: Any) -> None:
    item = file(bench, bench.drop("Film.mp4"), bench.drop("Film.mp4.xmp", THEIRS))
    moved = (bench.library / FOLDER / "Film.mp4.xmp").rename(bench.library / "elsewhere.xmp")
    report = take_back(bench)
    assert ([], {item.id: []}) == (report.refused, report.missing)
    assert {"Film.mp4": b"film Film.mp4", "Film.mp4.xmp": THEIRS} == bench.tree(bench.inbox)
    assert moved.exists()


def test_a_former_one_that_is_gone_from_the_store_is_named(bench: Any) -> None:
    item = file(bench, bench.drop("Film.mp4"), bench.drop("Film.mp4.xmp", THEIRS))
    (kept,) = (bench.library / ".vsortd" / "originals").rglob("*.xmp")
    kept.unlink()
    report = take_back(bench)
    (missing,) = report.missing[item.id]
    assert bench.inbox / "Film.mp4.xmp" == missing.path
    assert "it is no longer at" in missing.reason
    assert {"Film.mp4": b"film Film.mp4"} == bench.tree(bench.inbox)


@pytest.mark.parametrize(
    "data", [b"", b"<movie/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b" " * (4 * 2**20 + 1)]
)
def test_what_is_no_xmp_is_filed_as_it_is_and_the_reason_says_why(bench: Any, data: bytes) -> None:
    item = file(bench, bench.drop("Film.mp4"), bench.drop("Film.mp4.xmp", data))
    with pytest.raises(ForeignXmpError) as why:
        amended(data, XmpMarks("a", (), 1.0))
    assert f"Film.mp4.xmp was filed as it is: {why.value}" in item.reason
    assert data == (bench.library / FOLDER / "Film.mp4.xmp").read_bytes()
    take_back(bench)
    assert {"Film.mp4": b"film Film.mp4", "Film.mp4.xmp": data} == bench.tree(bench.inbox)
    bench.check()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("point", [Point.SIDECAR_WRITE, Point.SIDECAR_WRITTEN, Point.RENAME_BEFORE])
def test_where_it_can_t_be_written_nothing_is_filed_and_the_next_try_does_both(
    either: Any, point: Point, code: int
) -> None:
    video, sidecar = either.drop("Film.mp4"), either.drop("Film.mp4.xmp", THEIRS)

    def fail(reached: Point) -> None:
        if reached is point:
            raise OSError(code, os.strerror(code))

    either.xmp = True
    with either.filer() as (filer, _):
        with hooked(fail), pytest.raises(FilingError, match=os.strerror(code)):
            filer.place(either.request(video, sidecar))
        assert {"Film.mp4": b"film Film.mp4", "Film.mp4.xmp": THEIRS} == either.tree(either.inbox)
        assert [] == [path for path in either.files() if "staging" in path.parts]
        filer.place(either.request(video, sidecar))
    assert {"Film.mp4", "Film.mp4.xmp"} == set(either.tree(either.library / FOLDER))
    assert THEIRS not in either.tree(either.library).values()


def test_a_name_taken_at_the_last_moment_is_not_replaced(either: Any) -> None:
    target = either.library / FOLDER

    def take(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT:
            (target / "Film.mp4.xmp").write_bytes(b"quick")

    with hooked(take):
        item = file(either, either.drop("Film.mp4"))
    assert {"Film.mp4.xmp": b"quick"}.items() <= either.tree(target).items()
    assert target / "Film (2).mp4" == item.destination
    assert target / "Film (2).mp4.xmp" == sidecar_of(either, item.id)
    take_back(either)
    assert {"Film.mp4.xmp": b"quick"} == either.tree(target)


def test_a_dry_run_foresees_the_name_and_makes_nothing(bench: Any) -> None:
    video = bench.drop("Film.mp4")
    (bench.library / FOLDER).mkdir(parents=True)
    (bench.library / FOLDER / "Film.mp4.xmp").write_bytes(b"someone's")
    bench.xmp = True
    before = bench.files()
    with bench.filer() as (filer, _):
        seen = filer.preview(bench.request(video)).destination
        assert before == bench.files()
        assert seen == filer.place(bench.request(video)).destination
    assert bench.library / FOLDER / "Film (2).mp4" == seen


@pytest.mark.parametrize("how", ["copy", "hardlink"])
@pytest.mark.parametrize("edited", [False, True])
def test_where_the_video_stays_so_does_its_sidecar_as_it_was(either: Any, how: str, *, edited: bool) -> None:
    either.how = how
    before = {"a.mp4": b"film a.mp4", "a.mp4.xmp": THEIRS, "b.mp4": b"film b.mp4"}
    video, sidecar, other = (either.drop(name, data) for name, data in before.items())
    item, another = file(either, video, sidecar), file(either, other)
    assert before == either.tree(either.inbox)
    made = either.library / FOLDER / "a.mp4.xmp"
    assert ["forest", "Opa & Oma", "night"] == keywords(made.read_bytes(), SUBJECT)
    assert {made, made.with_name("b.mp4.xmp")} == {sidecar_of(either, item.id), sidecar_of(either, another.id)}
    if edited:
        made.write_bytes(b"theirs")
    assert [] == take_back(either).refused
    assert before == either.tree(either.inbox)
    assert ({f"{FOLDER}/a.mp4.xmp": b"theirs"} if edited else {}) == either.tree(either.library)


@pytest.mark.parametrize("video_too", [False, True])
def test_where_the_inboxs_sidecar_is_gone_the_librarys_comes_back(bench: Any, *, video_too: bool) -> None:
    """It holds all that a person wrote, and is the last that does."""
    bench.how = "copy"
    video, sidecar = bench.drop("a.mp4"), bench.drop("a.mp4.xmp", THEIRS)
    file(bench, video, sidecar)
    amended = (bench.library / FOLDER / "a.mp4.xmp").read_bytes()
    sidecar.unlink()
    if video_too:
        video.unlink()
    assert [] == take_back(bench).refused
    assert {"a.mp4", "a.mp4.xmp"} == set(bench.tree(bench.inbox))
    assert amended == sidecar.read_bytes()
    assert {} == bench.tree(bench.library)


def test_where_the_inboxs_sidecar_is_another_the_librarys_stays(bench: Any) -> None:
    bench.how = "copy"
    video, sidecar = bench.drop("a.mp4"), bench.drop("a.mp4.xmp", THEIRS)
    file(bench, video, sidecar)
    sidecar.write_bytes(b"another")
    assert [] == take_back(bench).refused
    assert {"a.mp4": b"film a.mp4", "a.mp4.xmp": b"another"} == bench.tree(bench.inbox)
    assert [f"{FOLDER}/a.mp4.xmp"] == list(bench.tree(bench.library))


def test_a_copy_gets_no_sidecar_but_takes_those_along_that_are_there(bench: Any) -> None:
    video, sidecar = bench.drop("a.mp4"), bench.drop("a.xmp", THEIRS)
    bench.xmp = True
    with bench.filer() as (filer, _):
        copy_in(filer, bench.request(video, sidecar))
        copy_in(filer, bench.request(bench.drop("b.mp4")))
    assert {"a.mp4", "a.xmp", "b.mp4"} == set(bench.tree(bench.library / FOLDER))
    assert THEIRS == (bench.library / FOLDER / "a.xmp").read_bytes()


def test_a_rule_s_own_word_counts_before_that_of_all(bench: Any) -> None:
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.drop("a.mp4"), place=Place(xmp=True)))
        filer.place(bench.request(bench.drop("b.mp4")))
    assert {"a.mp4", "a.mp4.xmp", "b.mp4"} == set(bench.tree(bench.library / FOLDER))


@pytest.mark.skipif(os.name == "nt", reason="modes are not Windows'")
def test_it_has_no_more_rights_than_what_it_was_made_of(bench: Any) -> None:
    private, shared = bench.drop("a.mp4"), bench.drop("b.mp4")
    sidecar = bench.drop("b.mp4.xmp", THEIRS)
    private.chmod(0o600)
    shared.chmod(0o600)
    sidecar.chmod(0o640)
    file(bench, private)
    file(bench, shared, sidecar)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (bench.library / FOLDER).glob("*.xmp")}
    assert {"a.mp4.xmp": 0o600, "b.mp4.xmp": 0o640} == modes
