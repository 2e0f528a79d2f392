"""What the commands do with a sound model: rules that listen, search, timeline, labels, the index."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.sample_model.renderer import render_clip
from tests.support import harness
from tests.support.ears import PitchEncoder
from tests.support.sounds import tone, write_sound
from tests.support.tiny_clap import make_tiny_clap
from vsortd.errors import BrokenError, ExitCode
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOW, HIGH = 300.0, 3000.0
TONES = {LOW: "a low tone", HIGH: "a high tone"}
RULES = """\
rules:
  - {name: plain, prompts: [forest]}
  - {name: low, prompts: [forest], sound: [a low tone], sound_weight: 1}
"""


def film(path: Path, *parts: tuple[float, float], seed: int = 3) -> Path:
    """Render a forest that sounds like this: (hertz, seconds); 0 hertz for silence."""
    seconds = int(sum(part[1] for part in parts))
    mono = np.concatenate([tone(-6.0 if hz else -200.0, length, hz=hz or 1.0) for hz, length in parts])
    pictures = list(render_clip("forest", "day", seed=seed, width_px=160, height_px=90, frames=seconds, fps=1))
    return write_sound(path, np.stack([mono, mono], axis=1), pictures=pictures, fps=1)


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> PitchEncoder:
    """Let whatever sound model is named hear pitches."""
    encoder = PitchEncoder(TONES)
    monkeypatch.setattr("vsortd.hearing.sound_factory.load_sound_encoder", lambda *_, **__: encoder)
    return encoder


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here.make(tmp_path / "home", more="sound_model: some/clap\n", rules=RULES)


@pytest.mark.usefixtures("ears")
def test_a_rule_hears_what_it_can_not_see(home: harness.Here) -> None:
    for name, hz in (("low", LOW), ("high", HIGH), ("silent", 0.0)):
        film(home.inbox / f"{name}.mov", (hz, 12))
    items = {item["source"].rsplit("/", 1)[-1]: item for item in home.json("sort", home.inbox, "--dry-run")["items"]}
    assert "low" == items["low.mov"]["rule"]
    assert "plain" == items["high.mov"]["rule"]
    assert "review" == items["silent.mov"]["state"]  # they look alike

    (level,) = home.json("explain", home.inbox / "low.mov")["levels"]
    assert level["heard"]["low"] > 0.9
    assert level["seen"]["low"] == pytest.approx(level["seen"]["plain"], abs=1e-6)
    assert level["scores"]["low"] > level["seen"]["low"]
    assert "heard 1.00" in home.run("explain", home.inbox / "low.mov").stdout
    (level,) = home.json("explain", home.inbox / "silent.mov")["levels"]
    assert {} == level["heard"] == level["seen"]


MUSIC = """\
rules:
  - {name: concerts, when: {min_music_share: 0.6}}
  - {name: talks, when: {max_music_share: 0.1, silent: false}}
  - {name: rest, when: {file_name: "*"}}
"""


@pytest.mark.long
def test_videos_are_filed_by_how_much_of_them_is_music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = PitchEncoder({LOW: "music", HIGH: "speech"})
    monkeypatch.setattr("vsortd.hearing.sound_factory.load_sound_encoder", lambda *_, **__: encoder)
    home = harness.Here.make(tmp_path / "home", more="sound_model: some/clap\n", rules=MUSIC)
    film(home.inbox / "concert.mov", (LOW, 20))
    film(home.inbox / "talk.mov", (HIGH, 12))
    film(home.inbox / "both.mov", (LOW, 20), (HIGH, 40))
    film(home.inbox / "quiet.mov", (0.0, 12))
    items = home.json("sort", home.inbox, "--dry-run")["items"]
    found = {item["source"].rsplit("/", 1)[-1].removesuffix(".mov"): item["rule"] for item in items}
    assert {"concert": "concerts", "talk": "talks", "both": "rest", "quiet": "rest"} == found
    heard = encoder.windows

    told = home.json("explain", home.inbox / "both.mov")["levels"][0]["excluded"]
    assert "of its time (when.min_music_share is 0.6)" in told["concerts"]
    (analysis,) = home.json("analyze", home.inbox / "both.mov", "--only", "sound")["videos"]
    assert 0.2 < analysis["sound"]["music_share"] < 0.6
    assert heard == encoder.windows  # nothing was listened to again
    rules = "rules: [{name: loud, when: {min_loudness: -60}}, {name: rest, when: {file_name: '*'}}]\n"
    home = harness.Here.make(tmp_path / "other", more="sound_model: some/clap\n", rules=rules)
    film(home.inbox / "concert.mov", (LOW, 20), seed=9)
    home.json("sort", home.inbox, "--dry-run")
    assert heard == encoder.windows  # nobody asked


def test_without_the_sound_model_videos_that_are_asked_for_music_wait(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home", more=f"sound_model: {tmp_path}/nowhere\n", rules=MUSIC)
    path = film(home.inbox / "low.mov", (LOW, 3))
    done = home.run("sort", home.inbox, code=None)
    assert int(ExitCode.FAILURE) == done.returncode
    assert "The sound model's folder" in done.stderr
    assert "is mounted" in done.stderr
    assert path.exists()


@pytest.mark.long
def test_without_its_sound_model_files_wait_and_the_error_says_what_helps(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home", more=f"sound_model: {tmp_path}/nowhere\n", rules=RULES)
    path = film(home.inbox / "low.mov", (LOW, 3))
    done = home.run("sort", home.inbox, code=None)
    assert int(ExitCode.FAILURE) == done.returncode
    assert "The sound model's folder" in done.stderr
    assert "is mounted" in done.stderr
    assert path.exists()


@pytest.mark.long
@pytest.mark.usefixtures("ears")
def test_a_video_whose_sound_can_not_be_decoded_is_judged_by_its_pictures(
    home: harness.Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise BrokenError("nothing of the sound could be decoded")

    path = film(home.inbox / "low.mov", (LOW, 12))
    monkeypatch.setattr(MediaPool, "sound_windows", broken)
    (level,) = home.json("explain", path)["levels"]
    assert {} == level["heard"]
    assert level["scores"]["low"] == pytest.approx(level["scores"]["plain"], abs=1e-6)
    home.run("index", home.inbox)  # which looks at it all the same
    assert ["known"] == [item["state"] for item in home.json("index", home.inbox)["items"]]


def test_rules_that_do_not_listen_need_no_sound_model(tmp_path: Path) -> None:
    rules = "rules: [{name: forest}, {name: sea}]\n"
    home = harness.Here.make(tmp_path / "home", more=f"sound_model: {tmp_path}/nowhere\n", rules=rules)
    path = film(home.inbox / "low.mov", (LOW, 3))
    (item,) = home.json("sort", home.inbox, "--dry-run")["items"]
    assert "forest" == item["rule"]
    assert path.exists()


@pytest.fixture
def library(home: harness.Here) -> harness.Here:
    film(home.library / "two.mov", (LOW, 30), (HIGH, 30), seed=4)
    film(home.library / "quiet.mov", (0.0, 12), seed=5)
    return home


@pytest.mark.long
def test_index_listens_and_search_and_timeline_find_what_is_heard(library: harness.Here, ears: PitchEncoder) -> None:
    items = {item["file"].rsplit("/", 1)[-1]: item for item in library.json("index")["items"]}
    assert (11, 2) == (items["two.mov"]["windows"], items["quiet.mov"]["windows"])
    assert ["known", "known"] == [item["state"] for item in library.json("index")["items"]]
    heard = ears.windows

    (scene,) = library.json("search", "a high tone", "--sound")["scenes"]
    assert scene["file"].endswith("two.mov")
    assert 30 == pytest.approx(scene["begin_s"], abs=5)
    assert 60 == pytest.approx(scene["end_s"], abs=1)
    assert scene["score"] > 0.5
    assert [] == library.json("search", "thunder", "--sound", code=1)["scenes"]

    document = library.json("timeline", library.library / "two.mov", "a low tone", "--sound")
    assert ("window", None, True) == (document["per"], document["fps"], document["sound"])
    (prompt,) = document["prompts"]
    assert "yes" == prompt["shown"]
    assert (0, 30) == (prompt["spans"][0]["begin_s"], pytest.approx(prompt["spans"][0]["end_s"], abs=5))
    assert "11 windows" in library.run("timeline", library.library / "two.mov", "a low tone", "--sound").stdout
    assert heard == ears.windows  # nothing was listened to again

    done = library.run("timeline", library.library / "quiet.mov", "a low tone", "--sound", code=None)
    assert int(ExitCode.FAILURE) == done.returncode
    assert "nothing is heard in it" in done.stderr


def test_search_in_a_file_that_was_not_indexed_listens_to_it_first(
    home: harness.Here, ears: PitchEncoder, tmp_path: Path
) -> None:
    path = film(tmp_path / "elsewhere.mov", (HIGH, 8))
    (scene,) = home.json("search", "a high tone", "--sound", "--in", path)["scenes"]
    assert path.name in scene["file"]
    assert 1 == ears.windows


@pytest.mark.usefixtures("ears")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("search", "rain", "--sound", "--like", "FILE"), "--like compares pictures"),
        (("timeline", "FILE", "rain", "--sound", "--fine"), "--fine and --tolerance are for pictures"),
        (("timeline", "FILE", "rain", "--sound", "--fps", "4"), "5 s apart"),
        (("classify", "FILE", "--sound-labels", "F", "--sound-categories", "F"), "exclude one another"),
        (("classify", "FILE", "--sound-labels", "LABELS", "--target", "person"), "about what is seen"),
        (("model", "fetch", "--sound", "a/b", "tag"), "has no tag"),
    ],
)
def test_what_does_not_go_together_is_refused(home: harness.Here, words: Sequence[str], said: str) -> None:
    path = film(home.library / "low.mov", (LOW, 2))
    (labels := home.folder / "labels.txt").write_text("rain\nwind\n", encoding="utf-8")
    done = home.run(*({"FILE": path, "LABELS": labels}.get(word, word) for word in words), code=None)
    assert int(ExitCode.USAGE) == done.returncode
    assert said in done.stderr


def test_without_a_sound_model_the_commands_say_how_to_name_one(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home")
    path = film(home.library / "low.mov", (LOW, 2))
    (tmp_path / "labels.txt").write_text("rain\nwind\n", encoding="utf-8")
    for words in (
        ("search", "rain", "--sound"),
        ("timeline", path, "rain", "--sound"),
        ("classify", path, "--sound-labels", tmp_path / "labels.txt"),
    ):
        done = home.run(*words, code=None)
        assert int(ExitCode.USAGE) == done.returncode
        assert "sound_model" in done.stderr.replace("\n", " ")


def classified(home: harness.Here, *words: str | Path) -> dict[str, Any]:
    (found,) = home.json("classify", *words)["files"]
    return dict(found)


@pytest.mark.long
def test_classify_labels_what_is_heard_as_stream_1(library: harness.Here, ears: PitchEncoder, tmp_path: Path) -> None:
    path, labels = library.library / "two.mov", tmp_path / "labels.txt"
    labels.write_text("a low tone\na high tone\nthunder\n", encoding="utf-8")
    found = classified(library, path, "--sound-labels", labels)
    assert (0, 11, False) == (found["frames"], found["windows"], found["silent"])
    by_label = {one["label"]: one for one in found["labels"]}
    assert {1} == {one["stream_id"] for one in found["labels"]} | {one["stream_id"] for one in found["units"]}
    assert 11 == by_label["a low tone"]["count"] + by_label["a high tone"]["count"]
    assert 0 == by_label["thunder"]["count"]
    assert 0.5 == pytest.approx(by_label["a high tone"]["share"], abs=0.1)
    assert 11 == ears.windows

    both = library.run("classify", path, "forest", "sea", "--sound-labels", labels, "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(both)))
    assert ["stream_id", "label", "avg_probability", "count"] == list(rows[0])
    assert {"0", "1"} == {row["stream_id"] for row in rows}
    assert {"a low tone", "a high tone"} == {row["label"] for row in rows if row["stream_id"] == "1"}
    assert 11 == ears.windows

    shown = library.run("classify", path, "--sound-labels", labels).stdout
    assert "label (heard)" in shown
    assert "11 windows of sound" in shown


@pytest.mark.usefixtures("ears")
def test_categories_of_sound_and_their_temperature(library: harness.Here, tmp_path: Path) -> None:
    units = tmp_path / "units.txt"
    units.write_text("[Pitch]\n(Low)\na low tone\n(High)\na high tone\n", encoding="utf-8")
    path = library.library / "two.mov"
    sharp = classified(library, path, "--sound-categories", units)
    flat = classified(library, path, "--sound-categories", units, "--sound-temperature", "50")
    assert "Pitch" == sharp["units"][0]["unit"]
    assert max(one["best"] for one in sharp["labels"]) > max(one["best"] for one in flat["labels"])


@pytest.mark.usefixtures("ears")
def test_a_silent_video_says_that_nothing_is_heard(library: harness.Here, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a low tone\nthunder\n", encoding="utf-8")
    found = classified(library, library.library / "quiet.mov", "--sound-labels", labels)
    assert found["silent"]
    assert [] == found["labels"]
    done = library.run("classify", library.library / "quiet.mov", "--sound-labels", labels)
    assert "Nothing is heard in it." in done.stdout


@pytest.mark.usefixtures("ears")
def test_silence_is_no_label_where_one_has_to_win(home: harness.Here, tmp_path: Path) -> None:
    path, labels = film(home.library / "half.mov", (LOW, 20), (0.0, 40)), tmp_path / "labels.txt"
    labels.write_text("a low tone\na high tone\n", encoding="utf-8")
    found = classified(home, path, "--sound-labels", labels, "--no-none")
    by_label = {one["label"]: one for one in found["labels"]}
    assert 11 == found["windows"]
    assert (4, 0) == (by_label["a low tone"]["count"], by_label["a high tone"]["count"])


@pytest.mark.long
@pytest.mark.usefixtures("ears")
def test_what_is_seen_stands_where_only_the_sound_can_not_be_decoded(home: harness.Here, tmp_path: Path) -> None:
    path, labels = film(home.library / "low.mov", (LOW, 12)), tmp_path / "labels.txt"
    path.write_bytes(path.read_bytes().replace(b"in24", b"zzzz"))  # the name of its sound's codec
    labels.write_text("a low tone\na high tone\n", encoding="utf-8")
    asked = ("classify", path, "forest", "sea", "--sound-labels", labels)
    (found,) = home.json(*asked, code=ExitCode.PARTIAL)["files"]
    assert (12, 0, None) == (found["frames"], found["windows"], found["error"])
    assert "the sound's codec is not known to this decoder" == found["sound_error"]
    assert ({0}, "forest") == ({one["stream_id"] for one in found["labels"]}, found["labels"][0]["label"])
    told = f"{path}  its sound can't be listened to: {found['sound_error']}"
    done = home.run(*asked, code=ExitCode.PARTIAL)
    assert told in done.stdout
    assert "of sound" not in done.stdout
    done = home.run(*asked, "--csv", code=ExitCode.PARTIAL)
    assert told in done.stderr
    assert ["forest"] == [row["label"] for row in csv.DictReader(io.StringIO(done.stdout))]
    done = home.run("classify", path, "--sound-labels", labels, code=ExitCode.FAILURE)  # nothing is left then
    assert found["sound_error"] in done.stderr


@pytest.mark.long
def test_a_real_model_in_a_folder_serves_every_command(tmp_path: Path) -> None:
    """Its weights are random, so nothing is known of what it hears, but that it does."""
    make_tiny_clap(tmp_path / "clap")
    home = harness.Here.make(tmp_path / "home", more=f"sound_model: {tmp_path}/clap\n", rules=RULES)
    path = film(home.library / "two.mov", (LOW, 8), (HIGH, 8))
    (tmp_path / "labels.txt").write_text("rain\nwind\n", encoding="utf-8")
    assert [3] == [item["windows"] for item in home.json("index")["items"]]
    assert home.json("search", "rain", "--sound", "--all")["scenes"]
    assert home.json("timeline", path, "rain", "--sound", "--scores")["prompts"][0]["scores"]
    found = classified(home, path, "--sound-labels", tmp_path / "labels.txt")
    assert 3 == found["windows"]
    (level,) = home.json("explain", path)["levels"]
    assert 0 < level["heard"]["low"] < 1
    fetched = json.loads(home.run("model", "fetch", "--sound", tmp_path / "clap", "--json").stdout)["fetched"]
    assert str(tmp_path / "clap" / "model.safetensors") == fetched[0]["path"]
