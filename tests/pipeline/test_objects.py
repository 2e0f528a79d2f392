"""`contains: {objects: …}`: a video is filed by what a detector finds, with a small one that is made here."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.harness import Here
from tests.support.tiny_detectors import film_of_squares, need_onnx, write_colour_onnx, write_names
from tests.support.waiting import until
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.errors import Cancelled, ChangedError, ModelError
from vsortd.index.kept_clip import CLIP
from vsortd.index.store import Index
from vsortd.judging.resident_detector import ResidentDetector
from vsortd.pipeline.flow import build_stages, carry
from vsortd.pipeline.job import Job
from vsortd.pipeline.services import Services
from vsortd.vision.detector import DetectorChoice

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
tags:
  - {name: blue, contains: {objects: Blue Square, min_duration: 1.5s}}
rules:
  - {name: Pairs, contains: {objects: red square, min_count: 2, min_score: 0.8}}
  - {name: Squares, contains: {objects: [red square, blue square]}}
  - {name: sea, prompts: sea}
"""


def home_of(folder: Path, rules: str = RULES, **more: str) -> Here:
    need_onnx()
    folder.mkdir(exist_ok=True)
    model = write_colour_onnx(folder / "squares.onnx")
    names = write_names(folder / "names.txt")
    return Here.make(folder / "home", more=f"detector: {{model: {model}, labels: {names}}}\n", rules=rules, **more)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_videos_are_filed_by_how_many_things_are_in_them_and_explain_shows_where(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    pair = film_of_squares(home.inbox / "pair.mp4", red=2)
    one = film_of_squares(home.inbox / "one.mp4", red=1)
    none = film_of_squares(home.inbox / "none.mp4", red=0)
    found = {path.stem: home.json("explain", path) for path in (pair, one, none)}
    decisions: dict[str, Any] = {name: document["decision"] for name, document in found.items()}
    assert ("Pairs", "Squares") == (decisions["pair"]["rule"], decisions["one"]["rule"])
    assert "review" == decisions["none"]["state"]
    assert "Pairs: contains 2 x 'red square' for 4.0 s, at best" in decisions["pair"]["reason"]
    assert "left" in decisions["one"]["sightings"]["Squares"]["place"]
    assert 0.0 == decisions["none"]["sightings"]["Squares"]["score"]
    assert "Pairs  looked for in vain: not there" in home.run("explain", one).stdout
    assert decisions["pair"] == home.json("explain", pair)["decision"], "from the index"


@pytest.mark.timeout(180)
def test_a_tag_wants_its_object_for_long_enough(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    short = film_of_squares(home.inbox / "short.mp4", blue=range(2, 3))
    long = film_of_squares(home.inbox / "long.mp4", blue=range(1, 3))
    assert [[], ["blue"]] == [home.json("explain", path)["decision"]["tags"] for path in (short, long)]


@pytest.mark.timeout(180)
def test_nothing_is_detected_where_the_conditions_of_the_rules_dont_hold(tmp_path: Path) -> None:
    home = home_of(
        tmp_path,
        "rules: [{name: Long, when: {min_duration: 1h}, contains: {objects: red square}}, {name: sea, prompts: sea}]\n",
    )
    (tmp_path / "squares.onnx").unlink()  # it would be missed
    video = film_of_squares(home.inbox / "one.mp4")
    assert {} == home.json("explain", video)["decision"]["sightings"]


@pytest.mark.timeout(180)
def test_without_its_file_a_run_ends_with_what_to_do_and_the_video_stays(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    (tmp_path / "squares.onnx").unlink()
    video = film_of_squares(home.inbox / "one.mp4")
    done = home.run("sort", video, code=None)
    assert done.returncode not in {0, 2}
    assert "squares.onnx is not there" in done.stderr
    assert "whether the disk is mounted" in done.stderr
    assert video.exists()
    assert [] == home.items()


@pytest.mark.timeout(180)
def test_a_class_that_the_detector_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    home = home_of(tmp_path, "rules: [{name: a, contains: {objects: red sqare}}]\n")
    done = home.run("sort", film_of_squares(home.inbox / "one.mp4"), code=None)
    assert done.returncode not in {0, 2}
    assert "knows no 'red sqare'" in done.stderr
    assert "Did you mean red square" in done.stderr


@pytest.mark.timeout(180)
def test_files_wait_for_a_detector_that_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_onnx()
    monkeypatch.setattr("vsortd.judging.resident_detector.RETRY_AFTER_S", (0.3,))
    path, names = tmp_path / "late.onnx", write_names(tmp_path / "names.txt")
    choice = DetectorChoice(str(path), None, names)
    cancel = threading.Event()
    with pytest.raises(ModelError, match="not there"):
        ResidentDetector(choice, keep_trying=False).get(cancel, ["red square"])
    waits = ResidentDetector(choice, keep_trying=True)
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(waits.get(cancel, ["red square"]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not waits.trouble:
        cancel.wait(0.05)
    assert "late.onnx is not there" in waits.trouble
    assert [] == got
    write_colour_onnx(path)
    for thread in threads:
        thread.join(60)
    assert 3 == len(got)
    assert 1 == len(set(map(id, got))), "it is loaded once"
    assert "" == waits.trouble
    waits.close()
    with pytest.raises(Cancelled):
        waits.get(cancel, [])


def sent_back(detector: ResidentDetector, wanted: str) -> threading.Thread:
    """Begin to wait for a detector; the thread ends once it is sent back."""

    def wait() -> None:
        with pytest.raises(ChangedError):
            detector.get(threading.Event(), [wanted])

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.long
@pytest.mark.timeout(180)
def test_who_waits_for_a_detector_begins_anew_after_a_reload(tmp_path: Path) -> None:
    need_onnx()
    names = write_names(tmp_path / "names.txt")
    here = ResidentDetector(
        DetectorChoice(str(write_colour_onnx(tmp_path / "here.onnx")), None, names), keep_trying=True
    )
    gone = ResidentDetector(DetectorChoice(str(tmp_path / "gone.onnx"), None, names), keep_trying=True)
    waiting = {here: sent_back(here, "red sqare"), gone: sent_back(gone, "red square")}
    until(lambda: here.trouble and gone.trouble, what="both wait")
    here.send_back(replaced=False)
    gone.send_back(replaced=True)
    for thread in waiting.values():
        thread.join(30)
        assert not thread.is_alive()
    assert "red square" in here.get(threading.Event(), ["red square"]).names
    late = sent_back(gone, "red square")  # a video that was on its way to it
    late.join(30)
    assert not late.is_alive()


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("rule", ["contains: {objects: red square}", "when: {has_objects: red square}"])
def test_a_video_under_way_begins_anew_where_a_reload_brings_the_first_detector(tmp_path: Path, rule: str) -> None:
    home = home_of(tmp_path, f"rules: [{{name: Squares, {rule}}}, {{name: sea}}]\n")
    video, after = film_of_squares(home.inbox / "one.mp4"), load_settings(home.config)
    before = after.model_copy(update={"detector": None, "rules": after.rules[1:]})
    with Services.open(before, tmp_path / "state", keep_trying=False) as services:
        identity = Identity.of(video)
        assert identity is not None
        stages = build_stages(services, dry_run=True)
        services.model.get(threading.Event())
        services.changed(after)
        with pytest.raises(ChangedError, match="ask for objects meanwhile"):
            carry(Job(video, identity, "batch", threading.Event()), stages)


@pytest.mark.timeout(180)
def test_a_rule_may_ask_for_a_tag_and_look_for_an_object(tmp_path: Path) -> None:
    home = home_of(
        tmp_path,
        "tags: [{name: short, when: {max_duration: 1m}}]\n"
        "rules: [{name: Red, when: {tags: short}, contains: {objects: red square}}, {name: sea}]\n",
    )
    assert "Red" == home.json("explain", film_of_squares(home.inbox / "one.mp4"))["decision"]["rule"]


@pytest.mark.timeout(180)
def test_what_was_found_is_kept_by_the_detector(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    video = film_of_squares(home.inbox / "one.mp4")
    home.json("explain", video)
    index = Index(home.folder / "state" / "index.sqlite3")
    try:
        with index.reading() as db:
            rows = db.execute("SELECT name, version FROM part").fetchall()
    finally:
        index.close()
    found = [(name, "squares.onnx/" in version) for name, version in rows if name != CLIP]
    assert [("objects_each_second", True)] == found


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_condition_may_ask_for_what_is_found(tmp_path: Path) -> None:
    home = home_of(
        tmp_path,
        "rules: [{name: Blue, when: {has_objects: Blue Square}}, {name: Red, when: {has_objects: [x, red square]}}]\n",
    )
    video = film_of_squares(home.inbox / "one.mp4")
    assert 1 == home.run("sort", video, code=None).returncode, "x is no class that the detector knows"
    home.config.write_text(home.config.read_text().replace("[x, ", "[blue square, "))
    found = home.json("explain", video)
    assert "Red" == found["decision"]["rule"]
    assert "found in it: red square (when.has_objects is Blue Square)" in found["levels"][0]["excluded"]["Blue"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("rules", [RULES, "rules: [{name: Pairs, when: {has_objects: red square}}, {name: sea}]\n"])
def test_models_are_not_compared_by_rules_that_look_closer(tmp_path: Path, rules: str) -> None:
    home = home_of(tmp_path, rules)
    (tmp_path / "truth" / "sea").mkdir(parents=True)
    film_of_squares(tmp_path / "truth" / "sea" / "a.mp4", seconds=1)
    done = home.run("model", "compare", "sample", "--in", tmp_path / "truth", code=2)
    assert "'Pairs' looks for something" in done.stderr


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_daemon_says_what_it_waits_for_and_files_when_it_is_there(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    model = tmp_path / "squares.onnx"
    content = model.read_bytes()
    model.unlink()
    home.start()
    try:
        film_of_squares(home.inbox / "pair.mp4", red=2)
        home.wait(
            lambda: any("squares.onnx is not there" in one for one in home.look("status")["trouble"]),
            what="status tells of the detector",
        )
        assert "The files wait in the inbox" in home.log()
        assert [] == home.items()
        model.write_bytes(content)
        home.wait(lambda: [one["rule"] for one in home.items()] == ["Pairs"], what="the video is filed")
        assert [] == home.look("status")["trouble"]
    finally:
        home.stop()
    assert (home.library / "Pairs" / "pair.mp4").exists()
