"""Who labels videos: the model is loaded once, or fails once, and what is kept is known by what was asked of whom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.encoders import DictionaryEncoder
from vsortd.analysis.built_in_categories import LabelSource, built_in_picture_labels, labels_of_file
from vsortd.config.settings import ModelChoice
from vsortd.errors import ModelError, UsageError
from vsortd.library.labelling import VideoLabeller

if TYPE_CHECKING:
    from vsortd.core.technical_facts import TechnicalFacts

FACTS = cast("TechnicalFacts", SimpleNamespace(format="mov"))


def labeller(source: LabelSource, choice: str | ModelChoice, **more: Any) -> VideoLabeller:
    """Return one that looks at nothing: what is tried here comes before a film is opened."""
    made: dict[str, Any] = {"load": DictionaryEncoder, "temperature_of": lambda _: 1.5, **more}
    return VideoLabeller(cast("Any", None), source, choice, **made)


def test_a_model_that_cannot_be_loaded_is_not_tried_with_each_video() -> None:
    tries: list[int] = []

    def load() -> DictionaryEncoder:
        tries.append(1)
        raise ModelError("It is gone.")

    asked = labeller(built_in_picture_labels(), "auto", load=load)
    for _ in range(3):
        with pytest.raises(ModelError, match=r"It is gone\."):
            asked.label(Path("a.mp4"), FACTS)
    assert [1] == tries


def test_the_model_in_the_package_is_not_loaded_for_words_that_it_does_not_know() -> None:
    def load() -> DictionaryEncoder:
        raise AssertionError("loaded")

    asked = labeller(built_in_picture_labels(), "sample", load=load)
    document = asked.label(Path("a.mp4"), FACTS)
    assert (asked.unknown, None) == (document["why"], document["units"])
    with pytest.raises(UsageError, match="doesn't know the words"):
        labeller(built_in_picture_labels(), "sample", load=load, strict=True).label(Path("a.mp4"), FACTS)


def test_the_version_tells_labels_models_and_files_apart(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the sea\n")
    (tmp_path / "b.txt").write_text("the sea\n\n")
    (tmp_path / "c.txt").write_text("a forest\n")
    a, b, c = (labels_of_file(tmp_path / f"{name}.txt", None) for name in "abc")
    assert labeller(a, "sample").version == labeller(b, "sample").version
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(b"1")
    mine = ModelChoice(name="tiny", weights=str(weights))
    versions = [labeller(a, "sample").version, labeller(c, "sample").version, labeller(a, mine).version]
    weights.write_bytes(b"12")
    versions.append(labeller(a, mine).version)
    assert 4 == len(set(versions))


@pytest.mark.parametrize(
    ("document", "current"),
    [
        ({"model_key": "k", "temperature": 1.5}, True),
        ({"model_key": "k", "temperature": 1.0}, False),
        ({"temperature": 1.5}, False),
    ],
)
def test_what_was_read_at_another_temperature_is_read_anew(document: dict[str, Any], *, current: bool) -> None:
    assert current is labeller(built_in_picture_labels(), "auto").is_current(document)
