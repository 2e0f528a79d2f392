"""Models by their names on a command line, what they need and what this machine has, and what was measured here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vsortd.errors import ModelError, StoreError, UsageError
from vsortd.vision import sample
from vsortd.vision.model_speeds import MeasuredSpeed, keep_speed, read_speeds, speeds_path, this_machine
from vsortd.vision.model_words import model_word, read_model
from vsortd.vision.models import AUTO_CPU, AUTO_CUDA, RECOMMENDED, parameters_in
from vsortd.vision.this_machine import Gpu, ThisMachine

SMALL = ThisMachine(1_000_000_000, 2, (), Path("/cache"), 700_000_000)


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("sample", "sample"),
        ("AUTO", "auto"),
        ("ViT-B-32/openai", "ViT-B-32/openai"),
        ("ViT-B-32 / openai", "ViT-B-32/openai"),
        ("PE-Core-B-16", "PE-Core-B-16/meta"),
        ("mine=/models/a.safetensors", "mine=/models/a.safetensors"),
        ("mine=/models/../x=y.pt", "mine=/x=y.pt"),
        ("mine=folder", f"mine={Path.cwd() / 'folder'}"),
    ],
)
def test_a_model_is_named_as_it_is_read(word: str, read: str) -> None:
    assert read == model_word(read_model(word))
    assert read == model_word(read_model(read))


@pytest.mark.parametrize(
    ("word", "error", "says"),
    [
        ("", UsageError, "names no model"),
        ("/openai", UsageError, "no architecture"),
        ("a.safetensors", UsageError, "no architecture"),
        ("~/a.pt", UsageError, "no architecture"),
        ("mine=", UsageError, "half of a model"),
        ("=a.pt", UsageError, "half of a model"),
        ("RN50", UsageError, "needs a tag"),
        ("RN51", ModelError, "Did you mean RN50"),
        ("auto/openai", UsageError, "names no model"),
    ],
)
def test_what_names_no_model(word: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        read_model(word)


def test_what_does_not_fit_says_why() -> None:
    """Only what is sure: a package that lacks, a download beyond the disk, weights beyond the memory."""
    large = next(model for model in RECOMMENDED if model.name == "PE-Core-L-14-336")
    small = next(model for model in RECOMMENDED if (model.name, model.tag) == AUTO_CPU)
    foreign = replace(small, packages=("no_such_package", "json"))
    assert "" == SMALL.why_not(small, cached=False)
    assert "a download of 2.7 GB, and 700 MB are free" == SMALL.why_not(large, cached=False)
    assert "its weights alone take 2.7 GB of 1 GB" == SMALL.why_not(large, cached=True)
    assert SMALL.why_not(foreign, cached=True).startswith("needs the package no_such_package: pip install")
    with_gpu = replace(SMALL, gpus=(Gpu("one", 10**9), Gpu("other", 2 * 10**9)))
    assert "" == with_gpu.why_not(large, cached=True)
    tight = replace(SMALL, gpus=(Gpu("one", 10**9),))
    assert "its weights alone take 1.3 GB of 1 GB on the GPU" == tight.why_not(large, cached=True)
    unknown = replace(SMALL, memory_bytes=None, cache_free_bytes=None)
    assert "" == unknown.why_not(large, cached=False)
    assert (AUTO_CPU, AUTO_CUDA) == (SMALL.auto, tight.auto)


def test_this_very_machine() -> None:
    machine = ThisMachine.look()
    assert machine.memory_bytes is None or machine.memory_bytes > 100_000_000
    assert machine.cache_free_bytes is None or machine.cache_free_bytes > 0


def test_the_numbers_in_a_file_are_those_of_its_tensors() -> None:
    from safetensors.numpy import load_file

    assert sum(tensor.size for tensor in load_file(sample.weights_path()).values()) == parameters_in(
        sample.weights_path()
    )


def test_what_was_measured_is_kept_once_a_model_and_for_its_machine(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert [] == read_speeds(state)
    one = MeasuredSpeed("sample", this_machine(), "cpu", "", "float32", 90.0, 0.5, 10**9, None, "2026-01-01T00:00:00Z")
    other = replace(one, model="ViT-B-32/openai", device="cuda", device_name="a GPU", gpu_bytes=10**8)
    for measured in (one, other, replace(one, machine="elsewhere"), replace(one, frames_per_s=120.0)):
        keep_speed(state, measured)
    assert [other, replace(one, frames_per_s=120.0)] == read_speeds(state)


@pytest.mark.parametrize("change", [{"frames_per_s": "fast"}, {"more": 1}, {"model": 3}])
def test_measurements_that_make_no_sense_are_no_figures(change: dict[str, object], tmp_path: Path) -> None:
    one = MeasuredSpeed("sample", "here", "cpu", "", "float32", 90.0, 0.5, 10**9, None, "2026-01-01T00:00:00Z")
    keep_speed(tmp_path, one)
    document = json.loads(speeds_path(tmp_path).read_text())
    document["measured"][0] |= change
    speeds_path(tmp_path).write_text(json.dumps(document))
    with pytest.raises(StoreError, match="can't be used") as caught:
        read_speeds(tmp_path)
    assert "vsortd model bench" in caught.value.remedy
