"""A speech model writes down what is said: a tiny one with random weights, and none that is not on this machine."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.clips import encode
from tests.support.sounds import levels, write_sound
from vsortd.analysis import transcript
from vsortd.analysis.spoken_words import SpokenSources
from vsortd.analysis.transcript import WhisperTranscriber, transcriber_of
from vsortd.config.running_options import Transcript
from vsortd.errors import BrokenError, ModelError
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(240)
needs_whisper = pytest.mark.skipif(importlib.util.find_spec("faster_whisper") is None, reason="no faster_whisper here")


@pytest.fixture(autouse=True)
def fresh_models() -> Iterator[None]:
    transcript._loaded.cache_clear()
    yield
    transcript._loaded.cache_clear()


@pytest.fixture
def pool() -> Iterator[MediaPool]:
    with MediaPool(1, timeout_s=60, memory_bytes=1_000_000_000) as made:
        made.warm()
        yield made


def make_tiny(folder: Path) -> Path:
    """Write a Whisper model of random weights with its words, as faster-whisper reads it."""
    import ctranslate2
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>"]
    special += ["<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    words = [f"word{number}" for number in range(40)]
    times = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
    vocabulary = {text: number for number, text in enumerate([*words, *special, *times])}
    torch.manual_seed(3)
    small: dict[str, Any] = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    small |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "num_mel_bins": 80}
    at = {name: vocabulary[f"<|{name}|>"] for name in ("endoftext", "startoftranscript")}
    marks = {"bos_token_id": at["endoftext"], "eos_token_id": at["endoftext"], "pad_token_id": at["endoftext"]}
    config = WhisperConfig(
        vocab_size=len(vocabulary), decoder_start_token_id=at["startoftranscript"], suppress_tokens=[],
        begin_suppress_tokens=[], **marks, **small,
    )  # fmt: skip
    source = folder / "source"
    WhisperForConditionalGeneration(config).save_pretrained(source)
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="word0"))  # noqa: S106 - no password
    tokenizer.add_special_tokens([*special])
    tokenizer.save(str(source / "tokenizer.json"))
    (source / "vocab.json").write_text(json.dumps(vocabulary))
    target = folder / "model"
    ctranslate2.converters.TransformersConverter(str(source), copy_files=["tokenizer.json"]).convert(str(target))
    return target


def test_nobody_writes_unless_the_config_names_a_model() -> None:
    assert transcriber_of(Transcript()) is None
    made = transcriber_of(Transcript(model="small", language="de"))
    assert made == WhisperTranscriber("small", "de")


def test_words_of_another_model_are_other_words() -> None:
    versions = {
        SpokenSources(transcriber=one).version for one in (None, WhisperTranscriber("a"), WhisperTranscriber("b"))
    }
    assert 3 == len(versions)


def test_without_the_extra_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ModelError, match="faster-whisper is not installed") as raised:
        transcript._loaded("small")
    assert "pip install 'vsortd[speech]'" == raised.value.remedy


@needs_whisper
def test_a_model_that_is_not_here_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection"))
    with pytest.raises(ModelError, match="not on this machine, and vsortd fetches none") as raised:
        transcript._loaded("distil-large-v3.5")
    assert "hf download" in raised.value.remedy


@needs_whisper
def test_a_folder_that_holds_no_model_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model\.bin and no tokenizer\.json"):
        transcript._loaded(str(tmp_path))
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(ModelError, match="can't be loaded"):
        transcript._loaded(str(tmp_path))


@pytest.mark.long
@needs_whisper
def test_sound_is_written_down_in_the_order_of_time(
    pool: MediaPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real library with a tiny model: what it writes is nonsense, that it is written is not.

    A tone is no speech, which the library finds by itself; here all of it is to be listened to.
    """
    from faster_whisper import WhisperModel

    model = make_tiny(tmp_path)
    path = write_sound(tmp_path / "tone.mov", levels((-20.0, 4.0)))
    made = WhisperTranscriber(str(model), "en")
    assert () == made.transcribe(pool, path, duration_s=4.0)
    real = WhisperModel.transcribe

    def everything(self: Any, samples: Any, **options: Any) -> Any:
        assert ("en", True) == (options["language"], options["vad_filter"])
        options |= {"vad_filter": False, "no_speech_threshold": None, "log_prob_threshold": None}
        return real(self, samples, **options, compression_ratio_threshold=None, max_new_tokens=8)

    monkeypatch.setattr(WhisperModel, "transcribe", everything)
    lines = made.transcribe(pool, path, duration_s=4.0)
    assert all(line.text.startswith("word") for line in lines)
    assert lines
    assert all(0 <= line.begin_s <= line.end_s for line in lines)


def test_a_file_without_sound_says_so(pool: MediaPool, tmp_path: Path) -> None:
    path = encode(tmp_path / "silent.mp4", [np.zeros((32, 32, 3), np.uint8)] * 5, fps=5)
    with pytest.raises(BrokenError):
        WhisperTranscriber("small").transcribe(pool, path, duration_s=1.0)
