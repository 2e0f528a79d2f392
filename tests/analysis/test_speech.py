"""Where somebody speaks: on real clips, and against the package's own way to the same answer."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.support.heard import speech_pcm
from vsortd.analysis import speech
from vsortd.analysis.speech import WINDOW, SpeechFinder, find_speech, spoken_spans
from vsortd.errors import VsortdError
from vsortd.media.measures import SPEECH_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("clip", "share"),
    [
        ("torchcodec__nasa_13013.mp4", 0.816),  # a narrator
        ("streamio-ffmpeg__file_with_data_streams.mp4", 0.776),  # a man at a desk
        ("go-ffprobe__test.mov", 0.366),  # a cartoon: Big Buck Bunny
        ("streamio-ffmpeg__awesome_movie.mov", 0.0),  # a man who is silent
        ("gpmf-parser__karma.mp4", 0.005),  # a drone
    ],
)
def test_the_share_of_speech_in_real_clips(clips: Path, clip: str, share: float) -> None:
    assert pytest.approx(share, abs=0.01) == find_speech(speech_pcm(clips / clip)).share


def test_spans_lie_within_the_sound_and_in_order(clips: Path) -> None:
    pcm = speech_pcm(clips / "streamio-ffmpeg__file_with_data_streams.mp4")
    edges = [edge for span in find_speech(pcm).spans for edge in (span.begin_s, span.end_s)]
    assert edges
    assert sorted(edges) == edges
    assert edges[-1] <= len(pcm) / SPEECH_HZ


def test_nobody_speaks_in_silence_a_tone_or_noise() -> None:
    times = np.arange(5 * SPEECH_HZ) / SPEECH_HZ
    noise = np.random.default_rng(0).normal(0, 3000, len(times))
    for sound in (np.zeros(len(times)), 9000 * np.sin(2 * np.pi * 440 * times), noise):
        found = find_speech(sound.astype(np.int16))
        assert ((), 0.0) == (found.spans, found.share)


@pytest.mark.parametrize("samples", [0, 1, WINDOW - 1, WINDOW, WINDOW + 1])
def test_there_is_a_probability_for_each_window_also_of_a_part(samples: int) -> None:
    assert -(-samples // WINDOW) == len(find_speech(np.zeros(samples, np.int16)).probabilities)


def test_a_sound_of_several_stretches_is_heard_as_a_whole(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pcm = speech_pcm(clips / "torchcodec__nasa_13013.mp4")
    whole = find_speech(pcm).probabilities
    monkeypatch.setattr(speech, "_STRETCH", 50)
    np.testing.assert_allclose(whole, find_speech(pcm).probabilities, atol=1e-5)


def test_speech_is_the_same_however_the_sound_is_cut(clips: Path) -> None:
    pcm = speech_pcm(clips / "torchcodec__nasa_13013.mp4")
    finder = SpeechFinder()
    finder.hear(pcm[:5000])
    for _ in range(2):  # what begins anew has heard nothing
        finder.begin()
        for begin in range(0, len(pcm), 70_001):
            finder.hear(pcm[begin : begin + 70_001])
    whole, cut = find_speech(pcm), finder.result()
    assert np.array_equal(whole.probabilities, cut.probabilities)
    assert whole.spans == cut.spans


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import silero-vad for one test; it would set torch's number of threads for all."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    yield importlib.import_module("silero_vad")
    for name in [name for name in sys.modules if name.partition(".")[0] == "silero_vad"]:
        del sys.modules[name]


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("clip", ["torchcodec__nasa_13013.mp4", "go-ffprobe__test.mov"])
def test_probabilities_and_spans_are_those_of_the_package(clips: Path, package: Any, clip: str) -> None:
    pcm = speech_pcm(clips / clip)
    sound = torch.from_numpy(pcm.astype(np.float32) / 2**15)
    model = package.load_silero_vad()
    spans = [(span["start"], span["end"]) for span in package.get_speech_timestamps(sound, model)]
    model.reset_states()
    padded = torch.nn.functional.pad(sound, (0, -len(pcm) % WINDOW))
    theirs = [model(padded[at : at + WINDOW], SPEECH_HZ).item() for at in range(0, len(padded), WINDOW)]
    ours = find_speech(pcm)
    np.testing.assert_allclose(theirs, ours.probabilities, atol=1e-4)
    assert spans == [tuple(round(edge * SPEECH_HZ) for edge in (span.begin_s, span.end_s)) for span in ours.spans]


def spans_of(*parts: tuple[float, int]) -> list[tuple[int, int]]:
    """Return the spans, in samples, of probabilities: each for so many windows."""
    probabilities = np.concatenate([np.full(windows, probability, np.float32) for probability, windows in parts])
    found = spoken_spans(probabilities, len(probabilities) * WINDOW)
    return [(round(span.begin_s * SPEECH_HZ), round(span.end_s * SPEECH_HZ)) for span in found]


PAD = 480  # 30 ms


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (((0.1, 10), (0.9, 10), (0.1, 10)), [(10 * WINDOW - PAD, 20 * WINDOW + PAD)]),
        (((0.1, 10), (0.49, 10), (0.1, 10)), []),  # never sure
        (((0.1, 10), (0.5, 1), (0.36, 20), (0.1, 10)), [(10 * WINDOW - PAD, 31 * WINDOW + PAD)]),  # once begun
        (((0.9, 10), (0.1, 3), (0.9, 10)), [(0, 23 * WINDOW)]),  # 96 ms are no pause
        (((0.9, 10), (0.1, 5), (0.9, 10)), [(0, 10 * WINDOW + PAD), (15 * WINDOW - PAD, 25 * WINDOW)]),
        (((0.1, 10), (0.9, 7), (0.1, 10)), []),  # 224 ms are no word
        (((0.1, 10), (0.9, 8), (0.1, 10)), [(10 * WINDOW - PAD, 18 * WINDOW + PAD)]),
    ],
)
def test_spans_by_the_rule(parts: tuple[tuple[float, int], ...], expected: list[tuple[int, int]]) -> None:
    assert expected == spans_of(*parts)


@pytest.fixture
def fresh() -> Callable[[], None]:
    """Forget the network, so that it is loaded anew."""
    speech._network.cache_clear()
    return speech._network.cache_clear


def test_torch_keeps_its_number_of_threads_and_the_package_stays_unimported(fresh: Callable[[], None]) -> None:
    before = torch.get_num_threads()
    find_speech(np.zeros(SPEECH_HZ, np.int16))
    assert before == torch.get_num_threads()
    assert not [name for name in sys.modules if name.startswith(("silero_vad", "torchaudio"))]
    fresh()


def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, fresh: Callable[[], None]
) -> None:
    monkeypatch.setattr(speech.importlib.util, "find_spec", lambda _: None)  # type: ignore[attr-defined]
    with pytest.raises(VsortdError, match="silero-vad is not installed") as raised:
        find_speech(np.zeros(SPEECH_HZ, np.int16))
    assert "pip install 'vsortd[audio]'" == raised.value.remedy
    fresh()


def test_a_damaged_network_is_named(monkeypatch: pytest.MonkeyPatch, fresh: Callable[[], None], tmp_path: Path) -> None:
    damaged = tmp_path / "silero_vad.jit"
    damaged.write_bytes(b"PK\x03\x04 and nothing more")
    monkeypatch.setattr(speech, "_weights_file", lambda: damaged)
    with pytest.raises(VsortdError, match="can't be read") as raised:
        find_speech(np.zeros(SPEECH_HZ, np.int16))
    assert (str(damaged),) == raised.value.paths
    fresh()
