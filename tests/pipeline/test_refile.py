"""Refiling moves what is filed to where the rules have it now, and undo takes it back to where it lay."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.support import harness
from tests.support.clips import encode
from vsortd.filing import copies
from vsortd.filing.records import FOUND_REASON

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

WAVES = '  - {name: waves, when: {file_name: "wave*"}}\n'
REST = '  - {name: rest, when: {file_name: "*"}}\n'
BEFORE = f"rules:\n{REST}"
AFTER = f"rules:\n{WAVES}{REST}"


def home(
    folder: Path, rules: str = BEFORE, *, more: str = "", names: tuple[str, ...] = ("wave", "tree")
) -> harness.Here:
    """Return a home with some videos in its inbox, of 2023."""
    made = harness.Here(harness.Home.make(folder / "home", rules=rules, more=more).folder)
    for number, name in enumerate(names):
        video(made.inbox / f"{name}.mp4", 40 + number)
    return made


def video(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(path, [np.full((90, 160, 3), level, np.uint8)] * 10, fps=10)
    os.utime(path, (1_700_000_000 + level,) * 2)
    return path


def change(one: harness.Here, rules: str) -> None:
    text = one.config.read_text()
    one.config.write_text(text[: text.index("rules:")] + rules)


def inside(one: harness.Here) -> dict[str, str]:
    """Return what lies in the library, by its way there, with its content's hash."""
    return {name: digest for name, (digest, _) in harness.snapshot(one.library).items()}


def states(one: harness.Here) -> list[tuple[str, str]]:
    """Return state and rule of each item, the oldest first."""
    return [(item["state"], item["rule"]) for item in reversed(one.items())]


def refiled(one: harness.Here, *words: str, code: int = 0) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = one.json("refile", "--yes", *words, code=code)["items"]
    return items


def test_it_is_shown_first_then_moved_and_undo_takes_it_back_to_where_it_lay(tmp_path: Path) -> None:
    one = home(tmp_path)
    one.run("sort", one.inbox)
    before = inside(one)
    assert {"rest/wave.mp4", "rest/tree.mp4"} == set(before)
    assert "There is nothing to move." in one.run("refile").stdout
    change(one, AFTER)
    shown = one.run("refile", "--dry-run").stdout
    assert "wave.mp4" in shown
    assert "waves: its conditions hold" in shown
    assert "would be filed" in shown
    (planned,) = one.json("refile", "--dry-run")["items"]
    assert str(one.library / "waves" / "wave.mp4") == planned["destination"]
    assert "Nobody can be asked" in one.run("refile", "--json", code=2).stderr
    assert before == inside(one)

    (moved,) = refiled(one)
    assert (str(one.library / "rest" / "wave.mp4"), str(one.library / "waves" / "wave.mp4"), "waves") == (
        moved["source"], moved["destination"], moved["rule"]
    )  # fmt: skip
    assert {"waves/wave.mp4", "rest/tree.mp4"} == set(inside(one))
    assert [] == refiled(one)
    assert [] == one.json("rules", "preview")["items"]

    (undone,) = one.json("undo", "--batch", moved["batch"])["undone"]
    assert str(one.library / "rest" / "wave.mp4") == undone["back_at"]
    assert before == inside(one)
    assert [("filed", "rest"), ("filed", "rest"), ("undone", "waves")] == states(one)
    assert [] == refiled(one)  # taken back, it is not moved again behind anybody's back
    assert ["kept"] == [item["outcome"] for item in one.json("rules", "preview")["items"]]
    one.run("release", "--all")
    assert 1 == len(refiled(one))
    one.run("undo", "--all")
    assert {} == inside(one)
    assert {"wave.mp4", "tree.mp4"} == {path.name for path in one.inbox.iterdir()}


def test_sidecars_go_along_and_what_they_say_of_the_rule_follows(tmp_path: Path) -> None:
    one = home(tmp_path, more="place: {xmp: true}\n")
    (one.inbox / "wave.en.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nsea\n")
    one.run("sort", one.inbox)
    before = inside(one)
    assert {"rest/wave.mp4", "rest/wave.en.srt", "rest/wave.mp4.xmp"} <= set(before)
    change(one, AFTER)
    (moved,) = refiled(one)
    assert {"waves/wave.mp4", "waves/wave.en.srt", "waves/wave.mp4.xmp"} <= set(inside(one))
    assert "waves" in (one.library / "waves" / "wave.mp4.xmp").read_text()
    assert not [path for path in (one.library / "rest").iterdir() if path.name.startswith("wave")]
    one.run("undo", str(moved["id"]))
    assert before == inside(one)


@pytest.mark.long
@pytest.mark.parametrize("how", ["copy", "hardlink"])
def test_what_was_copied_moves_within_the_library_and_its_source_stays(tmp_path: Path, how: str) -> None:
    one = home(tmp_path, more=f"place: {{how: {how}}}\n")
    one.run("sort", one.inbox)
    sources, before = harness.snapshot(one.inbox), inside(one)
    change(one, AFTER)
    (moved,) = refiled(one)
    assert {"waves/wave.mp4", "rest/tree.mp4"} == set(inside(one))
    assert sources == harness.snapshot(one.inbox)
    # nothing is to be done, so it may end while its model is being loaded: in a process of its own
    again = harness.Home(one.folder).json("sort", one.inbox)["items"]
    assert {"waves/wave.mp4", "rest/tree.mp4"} == set(inside(one)), again  # its source is known, wherever it went
    one.run("undo", "--batch", moved["batch"])
    assert before == inside(one)
    one.run("undo", "--all")
    assert {} == inside(one)
    assert sources == harness.snapshot(one.inbox)


@pytest.mark.long
def test_a_converted_video_moves_and_its_original_is_still_kept(tmp_path: Path) -> None:
    one = home(tmp_path, names=("tree",))
    source = video(one.inbox / "wave.mp4", 90)
    with av.open(os.fspath(source)) as inp, av.open(os.fspath(source.with_suffix(".mov")), "w", format="mov") as out:
        stream = out.add_stream_from_template(inp.streams.video[0])
        for packet in inp.demux(inp.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    source.unlink()
    os.utime(source.with_suffix(".mov"), (1_700_000_000, 1_700_000_000))
    original = source.with_suffix(".mov").read_bytes()
    one.run("sort", one.inbox)
    assert "remux" in {item["converted"] for item in one.items()}
    change(one, AFTER)
    (moved,) = refiled(one)
    assert ("", str(one.library / "waves" / "wave.mp4")) == (moved["converted"], moved["destination"])
    one.run("undo", "--batch", moved["batch"])
    assert {"rest/wave.mp4", "rest/tree.mp4"} == set(inside(one))
    one.run("undo", "--all")
    assert original == source.with_suffix(".mov").read_bytes()


@pytest.mark.long
def test_what_you_said_stays_unless_it_is_asked_for(tmp_path: Path) -> None:
    rules = f"rules:\n{WAVES}  - {{name: mine, prompts: [sea]}}\n{REST}"
    one = home(tmp_path, rules)
    one.run("sort", one.inbox)
    one.run("teach", one.library / "waves" / "wave.mp4", "rest")
    assert {"rest/wave.mp4", "rest/tree.mp4"} == set(inside(one))
    assert [] == refiled(one)
    (kept,) = one.json("rules", "preview")["items"]
    assert ("kept", "you", "rest", "waves") == (kept["outcome"], kept["decided_by"], kept["rule_before"], kept["rule"])
    assert 1 == len(refiled(one, "--yours"))
    assert {"waves/wave.mp4", "rest/tree.mp4"} == set(inside(one))


@pytest.mark.long
def test_yours_go_to_no_review_where_that_is_not_wanted(tmp_path: Path) -> None:
    one = home(tmp_path, f"rules:\n{WAVES}  - {{name: mine, prompts: [sea]}}\n{REST}", names=("wave",))
    one.run("sort", one.inbox)
    one.run("teach", one.library / "waves" / "wave.mp4", "rest")
    change(one, "rules:\n  - {name: low, prompts: [fire], min_score: 1}\n")
    assert [] == refiled(one, "--yours", "--no-review")
    assert {"rest/wave.mp4"} == set(inside(one))


@pytest.mark.long
def test_another_video_has_no_name_of_the_one_that_lay_there(tmp_path: Path) -> None:
    """Neither where the first was refiled and another put in its place, nor where a person removed it."""
    one = home(tmp_path, names=("wave",), more="place: {name: '{rule} - {stem}'}\n")
    one.run("sort", one.inbox)
    there = one.library / "rest" / "rest - wave.mp4"
    change(one, AFTER)
    assert 1 == len(refiled(one))
    assert ["waves/waves - wave.mp4"] == list(inside(one))
    video(there, 90)
    one.run("teach", there, "waves")
    assert {"waves/waves - wave.mp4", "waves/waves - rest - wave.mp4"} == set(inside(one))


@pytest.mark.long
def test_only_one_rule_or_without_review(tmp_path: Path) -> None:
    one = home(tmp_path, names=("wave", "wave 2", "tree", "dune"))
    one.run("sort", one.inbox)
    change(
        one,
        f'rules:\n{WAVES}  - {{name: dry, when: {{file_name: "dune*"}}}}\n'
        "  - {name: low, prompts: [fire], min_score: 1}\n",
    )
    assert {"rest/wave.mp4", "rest/wave 2.mp4", "rest/tree.mp4", "rest/dune.mp4"} == set(inside(one))
    assert ["dry"] == [item["rule"] for item in refiled(one, "--rule", "dry")]
    assert {"waves"} == {item["rule"] for item in refiled(one, "--no-review")}
    assert {"rest/tree.mp4"} == {name for name in inside(one) if name.startswith("rest")}
    (last,) = refiled(one)
    assert ("review", str(one.library / "_Review" / "tree.mp4")) == (last["state"], last["destination"])
    assert "There is no rule" in one.run("refile", "--rule", "nothing", code=2).stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("{name: '{date} {stem}', folder: '{rule}/{year}'}", "rest/2023/2023-11-14 wave", "waves/2023/2023-11-14 wave"),
        ("{name: '{rule} {n:03}'}", "rest/rest 002", "waves/waves 001"),
        ("{name: '{rule} - {stem}', folder: '{sub}/{rule}'}", "trip/rest/rest - wave", "trip/waves/waves - wave"),
    ],
)
def test_templates_make_names_of_what_it_came_as(tmp_path: Path, place: str, before: str, after: str) -> None:
    """And conditions ask for that name, too, not for the one that vsortd gave it."""
    one = home(tmp_path, names=(), more=f"place: {place}\n")
    folder = one.inbox / "trip" if "{sub}" in place else one.inbox
    one.run("sort", video(folder / "tree.mp4", 40))
    one.run("sort", video(folder / "wave.mp4", 41))
    assert f"{before}.mp4" in inside(one)
    change(one, AFTER)
    planned = one.json("plan", one.library / f"{before}.mp4")["items"][0]
    (moved,) = refiled(one)
    assert str(one.library / f"{after}.mp4") == planned["destination"] == moved["destination"]
    assert f"{after}.mp4" in inside(one)
    assert [] == refiled(one)
    one.run("undo", "--batch", moved["batch"])
    assert f"{before}.mp4" in inside(one)


@pytest.mark.long
@pytest.mark.parametrize("policy", ["{to: Again}", "skip", "keep_both"])
def test_what_is_filed_is_no_newcomer_that_could_be_a_duplicate(tmp_path: Path, policy: str) -> None:
    """Two of the same bytes each go where their rule has them; what lies among the duplicates stays there."""
    one = home(tmp_path, more="place: {on_duplicate: keep_both}\n", names=("wave 1", "tree"))
    shutil.copy2(one.inbox / "wave 1.mp4", one.inbox / "wave 2.mp4")
    one.run("sort", one.inbox)
    one.config.write_text(one.config.read_text().replace("keep_both", policy))
    kept = []
    if policy == "{to: Again}":
        shutil.copy2(one.library / "rest" / "wave 1.mp4", one.inbox / "wave 3.mp4")
        one.run("sort", one.inbox)
        kept = ["Again/wave 3.mp4"]
    assert {"rest/wave 1.mp4", "rest/wave 2.mp4", "rest/tree.mp4", *kept} == set(inside(one))
    change(one, AFTER)
    lying = sorted(one.library.glob("*/*.mp4"))
    planned = {item["source"]: item["destination"] for item in one.json("plan", *lying)["items"] if item["destination"]}
    moves = {
        str(one.library / "rest" / name): str(one.library / "waves" / name) for name in ("wave 1.mp4", "wave 2.mp4")
    }
    assert moves == planned
    assert {(path, "moves") for path in moves} == {
        (item["path"], item["outcome"]) for item in one.json("rules", "preview")["items"]
    }
    assert moves == {item["source"]: item["destination"] for item in refiled(one)}
    assert {"waves/wave 1.mp4", "waves/wave 2.mp4", "rest/tree.mp4", *kept} == set(inside(one))
    assert [] == refiled(one)


@pytest.mark.long
def test_what_goes_or_changes_meanwhile_is_left_alone(tmp_path: Path) -> None:
    one = home(tmp_path, names=("wave 1", "wave 2", "wave 3"))
    one.run("sort", one.inbox)
    change(one, AFTER)
    (one.library / "rest" / "wave 1.mp4").unlink()
    with (one.library / "rest" / "wave 2.mp4").open("ab") as file:
        file.write(b"more")
    assert [str(one.library / "rest" / "wave 3.mp4")] == [item["source"] for item in refiled(one)]
    found = {item["path"].rpartition("/")[2]: item["outcome"] for item in one.json("rules", "preview")["items"]}
    assert {"wave 1.mp4": "gone", "wave 2.mp4": "unknown"} == found
    assert 1 == len(refiled(one, "--look"))  # changed as it is, it can be looked at


def test_what_a_repair_found_is_kept_and_no_move_is_promised(tmp_path: Path) -> None:
    one = home(tmp_path)
    one.run("sort", one.inbox)
    before = inside(one)
    for path in (one.folder / "state").glob("journal.sqlite3*"):
        path.write_bytes(b"damaged" * 2000)
    shutil.rmtree(copies.copies_folder(one.folder / "state"), ignore_errors=True)
    one.run("doctor", "--repair")
    assert {str(one.library / name) for name in before} == {item["destination"] for item in one.items()}
    change(one, AFTER)
    (kept,) = one.json("rules", "preview")["items"]
    assert ("kept", "rest", "waves") == (kept["outcome"], kept["rule_before"], kept["rule"])
    assert kept["reason"].endswith(FOUND_REASON)
    for words in ((), ("--yours",)):
        assert [] == one.json("refile", "--dry-run", *words)["items"]
        assert [] == refiled(one, *words)
    assert before == inside(one)


@pytest.mark.long
def test_beside_a_daemon_that_runs(tmp_path: Path) -> None:
    one = home(tmp_path, AFTER.replace("wave*", "nothing*"))
    one.start()
    try:
        one.wait(lambda: 2 == len(inside(one)), what="both are filed")
        one.wait(lambda: 0 == one.look("status")["working"], what="the daemon rests")
        change(one, AFTER)
        (moved,) = refiled(one)
        assert {"waves/wave.mp4", "rest/tree.mp4"} == set(inside(one))
        one.run("reload")
        one.run("undo", "--batch", moved["batch"])
        assert {"rest/wave.mp4", "rest/tree.mp4"} == set(inside(one))
        assert "you moved it" not in "".join(item["reason"] for item in one.items())
    finally:
        one.stop()
