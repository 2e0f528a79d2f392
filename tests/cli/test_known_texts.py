"""What is indexed, asked by what was asked before: no model is loaded for it, and the answer is the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support import harness
from tests.support.encoders import DictionaryEncoder
from tests.support.takes import render_takes
from vsortd.core.paths import texts_path
from vsortd.errors import ModelError
from vsortd.library.search.query import Asked
from vsortd.vision import sample
from vsortd.vision.known_encoder import KnownEncoder
from vsortd.vision.known_model import NAME, KnownModel, keep_model, recall_model
from vsortd.vision.text_cache import TextCache

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.timeout(300)
MODEL = {"torch", "open_clip", "timm", "transformers", "torchvision", "scipy", "sklearn", "numba", "av", "PIL"}
_PROGRAM = """
import atexit, json, sys
sys.argv = ["vsortd", *sys.argv[1:]]
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from vsortd.__main__ import script
script()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Home:
    """Return a home with seven indexed videos, of which two show the same."""
    made = harness.Home.make(tmp_path_factory.mktemp("home") / "home")
    for number, takes in enumerate(
        (("sea", "fire"), ("city", "forest"), ("snow", "road"), ("sea",), ("sea",), ("city",))
    ):
        render_takes(made.library / f"{number}.mp4", [(take, 3.0) for take in takes], seed=7 + number)
    render_takes(made.library / "again.mp4", [("sea", 3.0), ("fire", 3.0), ("snow", 2.0)], seed=7)
    made.run("index", "--fps", "1")
    return made


def asked(home: harness.Home, *words: str | Path) -> tuple[Any, set[str]]:
    """Run a command with --json in a process of its own; return what it says, and what that process had imported."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, words), "--json"],
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert 0 == done.returncode, done.stderr[:2000]
    return json.loads(done.stdout), set(json.loads(done.stderr.splitlines()[-1]))


def about(document: Any) -> Any:
    """Return a document with its numbers rounded: two ways to compute them differ in the last digits."""
    if isinstance(document, float):
        return round(document, 2)
    if isinstance(document, dict):
        return {key: about(value) for key, value in document.items()}
    return [about(one) for one in document] if isinstance(document, list) else document


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        ("search", "waves at sea"),
        pytest.param(("search", "a fire", "--not", "a city at night", "--all"), marks=pytest.mark.long),
        pytest.param(("search", "a road", "snow", "--any"), marks=pytest.mark.long),
        ("timeline", "{library}/0.mp4", "a forest fire"),
        ("classify", "{library}/0.mp4", "a sea at night", "a forest at night"),
    ],
    ids=" ".join,
)
def test_a_sentence_that_is_known_needs_no_model(home: harness.Home, words: Sequence[str]) -> None:
    command = [word.format(library=home.library) for word in words]
    first, loaded = asked(home, *command)
    assert "torch" in loaded
    again, modules = asked(home, *command)
    assert not MODEL & modules
    assert about(first) == about(again)


@pytest.mark.long
def test_what_was_grouped_before_needs_no_model(home: harness.Home) -> None:
    first, loaded = asked(home, "cluster", "--min-size", "2")
    assert "torch" in loaded
    assert first["groups"]
    again, modules = asked(home, "cluster", "--min-size", "2", "--seed", "3")  # else what was found is kept, too
    assert "sklearn" in modules
    assert not {"torch", "open_clip", "timm", "transformers"} & modules
    assert about(first["groups"]) == about(again["groups"])


@pytest.mark.long
def test_what_was_compared_before_needs_no_model(home: harness.Home) -> None:
    """It still decodes pictures: only they tell that two videos are the same."""
    first, loaded = asked(home, "duplicates")
    assert "torch" in loaded  # of one colour
    assert first["groups"]
    again, modules = asked(home, "duplicates")
    assert not {"torch", "open_clip", "timm", "transformers"} & modules
    assert about(first) == about(again)


@pytest.mark.long
def test_weights_that_have_changed_are_loaded(tmp_path: Path) -> None:
    """Of a model from a file of one's own."""
    home = harness.Home.make(tmp_path / "home")
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(Path(sample.weights_path()).read_bytes())
    weights.with_suffix(".json").write_bytes(Path(sample.model_config_path()).read_bytes())
    text = home.config.read_text().replace("model: sample", f"model: {{name: mine, weights: {weights}}}")
    home.config.write_text(text)
    render_takes(home.library / "0.mp4", [("sea", 2.0)], seed=3)
    home.run("index")
    asked(home, "search", "the sea", "--all")
    assert not MODEL & asked(home, "search", "the sea", "--all")[1]
    os.utime(weights)
    assert "torch" in asked(home, "search", "the sea", "--all")[1]
    assert not MODEL & asked(home, "search", "the sea", "--all")[1]


def known(key: str = "of texts") -> KnownModel:
    return KnownModel(DictionaryEncoder().info, key)


def test_a_model_is_known_as_long_as_its_files_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / "weights", tmp_path / "config"]
    for file in files:
        file.write_bytes(b"some")
    assert recall_model(tmp_path, "sample") is None
    keep_model(tmp_path, "sample", known(), files)
    assert known() == recall_model(tmp_path, "sample")
    assert recall_model(tmp_path, "auto") is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert recall_model(tmp_path, "sample") is None
    monkeypatch.undo()
    files[1].write_bytes(b"other")
    assert recall_model(tmp_path, "sample") is None
    keep_model(tmp_path, "sample", known(), files)
    files[0].unlink()
    assert recall_model(tmp_path, "sample") is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"[\\"sample\\"]": {}}', b"\xff" * 99])
def test_what_is_no_file_of_known_models_is_written_anew(tmp_path: Path, data: bytes) -> None:
    (tmp_path / NAME).write_bytes(data)
    assert recall_model(tmp_path, "sample") is None
    keep_model(tmp_path, "sample", known(), [])
    assert known() == recall_model(tmp_path, "sample")


def test_few_models_are_known_the_newest(tmp_path: Path) -> None:
    for number in range(12):
        keep_model(tmp_path, f"model {number}", known(f"key {number}"), [])
    held = [number for number in range(12) if recall_model(tmp_path, f"model {number}") is not None]
    assert [4, 5, 6, 7, 8, 9, 10, 11] == held


def test_the_model_is_loaded_once_for_what_is_not_known(tmp_path: Path) -> None:
    real = DictionaryEncoder()
    loads: list[DictionaryEncoder] = []

    def load() -> DictionaryEncoder:
        loads.append(real)
        return real

    texts = texts_path(tmp_path)
    TextCache(texts, "of texts", real.info.dim).keep({"the sea": real.vector("the sea")})
    encoder = KnownEncoder(known(), texts, load)
    assert real.info == encoder.info
    np.testing.assert_allclose(real.vector("the sea"), encoder.encode_texts(["the sea"])[0], atol=1e-6)
    assert [] == loads
    encoder.encode_texts(["the sea", "a fire"])
    encoder.encode_texts(["a road"])
    assert [real] == loads
    assert ["a fire", "a road"] == real.asked
    encoder.close()
    with pytest.raises(ModelError):
        encoder.encode_texts(["a house"])


def test_pictures_of_one_colour_are_asked_once(tmp_path: Path) -> None:
    loads: list[int] = []

    def load() -> Colours:
        loads.append(1)
        return Colours()

    side = known().info.preprocess.side_px
    plain = np.zeros((3, side, side, 3), np.uint8)
    plain[1], plain[2] = (255, 0, 0), (0, 16, 255)
    for _ in range(2):
        encoder = KnownEncoder(known(), texts_path(tmp_path), load)
        np.testing.assert_allclose(Colours().encode_images(plain), encoder.encode_images(plain), atol=1e-6)
    assert [1] == loads
    plain[2, 5, 7] = 1
    np.testing.assert_allclose(Colours().encode_images(plain), encoder.encode_images(plain), atol=1e-6)
    assert [1, 1] == loads


class Colours(DictionaryEncoder):
    """Sees the mean colour of a picture."""

    def encode_images(self, pixels: Any) -> Any:
        rows = np.zeros((len(pixels), self.info.dim), np.float32)
        rows[:, :3] = 1 + pixels.reshape(len(pixels), -1, 3).mean(axis=1)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_numpy_and_torch_say_the_same_of_frames() -> None:
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((40_000 + 9, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    frames, texts = rows[9:].astype(np.float16), rows[:9]
    import torch  # noqa: F401 - so many rows are asked by it where it is there

    for bias in (None, -10.0):
        question = Asked(("a", "b"), texts, (np.arange(2, 9), np.arange(0)), 100.0, bias)
        by_numpy = question._log_odds_of_few(frames)
        np.testing.assert_allclose(by_numpy, question.log_odds(frames), atol=1e-3)
