"""A CLAP model is loaded from its files as transformers has it, and gives what transformers' own classes give."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.sounds import tone
from tests.support.tiny_clap import DIM, make_tiny_clap
from vsortd.errors import ModelError
from vsortd.hearing.clap_encoder import ClapEncoder
from vsortd.hearing.clap_files import find_clap
from vsortd.hearing.clap_loading import load_clap
from vsortd.hearing.sound_factory import load_sound_encoder
from vsortd.media.sound_windows import WINDOW_SAMPLES
from vsortd.vision.encoder import Family
from vsortd.vision.models import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt


def windows(count: int = 3) -> npt.NDArray[np.int16]:
    """Return noises and tones, int16 [count, WINDOW_SAMPLES]."""
    rng = np.random.default_rng(5)
    rows = [
        tone(-6.0, 10, hz=300.0 * (number + 1)) if number % 2 else 0.2 * rng.standard_normal(WINDOW_SAMPLES)
        for number in range(count)
    ]
    return np.rint(np.clip(np.stack(rows), -1, 1) * (2**15 - 1)).astype(np.int16)


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


@pytest.mark.long
def test_windows_and_texts_have_the_vectors_that_transformers_gives_them(clap_folder: Path) -> None:
    from transformers import ClapFeatureExtractor, ClapModel, PreTrainedTokenizerFast

    encoder = load_sound_encoder(str(clap_folder), device="cpu")
    samples = windows()
    texts = ["this is the sound of rain", "a dog", "x" * 300]
    model = ClapModel.from_pretrained(clap_folder).eval()
    extractor = ClapFeatureExtractor.from_pretrained(clap_folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(clap_folder / "tokenizer.json"), model_max_length=77)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    raw = [row.astype(np.float64) / (2**15 - 1) for row in samples]
    with torch.no_grad():
        inputs = extractor(raw, sampling_rate=48_000, return_tensors="pt")
        tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        wanted = model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            input_features=inputs["input_features"].float(),
        )
    heard, said = encoder.encode_windows(samples), encoder.encode_texts(texts)
    np.testing.assert_allclose(wanted.audio_embeds.numpy(), heard, atol=2e-4)
    np.testing.assert_allclose(wanted.text_embeds.numpy(), said, atol=1e-5)
    logits = encoder.info.logit_scale * heard @ said.T
    np.testing.assert_allclose(wanted.logits_per_audio.numpy(), logits, atol=2e-2)
    assert np.abs(heard @ heard.T - np.eye(len(heard))).min() < 0.9  # they are not all alike


def test_it_says_what_it_is_and_batches_make_no_difference(clap_folder: Path) -> None:
    loaded = load_clap(str(clap_folder), device="cpu")
    info = loaded.info
    assert (DIM, None, Family.CLAP, "cpu") == (info.dim, info.logit_bias, info.family, info.device)
    assert np.exp(3.0) == pytest.approx(info.logit_scale)
    assert f"sound/{info.fingerprint}/48000-10s-1024-480-64-50-14000-slaney" == info.key
    one, many = ClapEncoder(loaded, max_batch=1), ClapEncoder(loaded, max_batch=8)
    np.testing.assert_allclose(one.encode_windows(windows(5)), many.encode_windows(windows(5)), atol=1e-5)
    texts = ["a", "the sound of many words together", "rain"]
    np.testing.assert_allclose(one.encode_texts(texts), many.encode_texts(texts), atol=1e-5)
    assert (0, DIM) == one.encode_windows(windows(1)[:0]).shape
    assert (0, DIM) == one.encode_texts([]).shape


def test_texts_of_an_earlier_run_are_not_computed_again(clap_folder: Path, tmp_path: Path) -> None:
    loaded = load_clap(str(clap_folder), device="cpu")
    first = ClapEncoder(loaded, texts=tmp_path / "texts.db").encode_texts(["rain", "wind"])
    later = ClapEncoder(loaded, texts=tmp_path / "texts.db")
    later.close()  # so that it could compute nothing
    np.testing.assert_array_equal(first, later.encode_texts(["rain", "wind"]))
    with pytest.raises(ModelError, match="closed"):
        later.encode_texts(["thunder"])
    with pytest.raises(ModelError, match="closed"):
        later.encode_windows(windows(1))


def test_wrong_shapes_are_refused(clap_folder: Path) -> None:
    encoder = load_sound_encoder(str(clap_folder), device="cpu")
    for wrong in (windows(1).astype(np.float32), windows(1)[:, :-1], windows(1)[0]):
        with pytest.raises(ValueError, match="wants int16"):
            encoder.encode_windows(wrong)


def test_a_model_of_the_hubs_cache_is_found_by_its_name_without_network(
    clap_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    copied(clap_folder, tmp_path / "models--some--clap" / "snapshots" / "abc")
    assert tmp_path / "models--some--clap" / "snapshots" / "abc" == find_clap("some/clap").folder
    assert DIM == load_sound_encoder("some/clap", device="cpu").info.dim


def test_a_model_that_can_not_be_had_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailableError) as caught:
        load_sound_encoder("laion/clap-htsat-unfused")
    told = str(caught.value)
    assert "The files of the sound model laion/clap-htsat-unfused are not in" in told
    assert "HF_HUB_OFFLINE forbids the download" in told
    assert "vsortd model fetch --sound laion/clap-htsat-unfused" in told
    assert "sound_model: /path/to/folder" in told
    with pytest.raises(ModelUnavailableError, match="is not there"):
        load_sound_encoder(str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="not a full path"):
        load_sound_encoder("./clap")


def changed_json(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((folder / name).read_text(encoding="utf-8"))
    change(document)
    (folder / name).write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("config.json", {"model_type": "bert"}, "describes no CLAP model"),
        ("config.json", {"auto_map": {"AutoModel": "evil.Model"}}, "auto_map asks for Python"),
        ("config.json", {"projection_dim": 10**9}, "projection_dim is no whole number"),
        ("config.json", {"text_config": {"num_hidden_layers": 10**6}}, "text_config.num_hidden_layers is no whole"),
        ("config.json", {"text_config": {"vocab_size": [300]}}, "text_config.vocab_size is no whole number"),
        ("config.json", {"text_config": {"pad_token_id": -1}}, "text_config.pad_token_id is no whole number from 0"),
        ("config.json", {"text_config": [1]}, "text_config is no group of keys"),
        ("config.json", {"audio_config": {"depths": [2, 0]}}, "audio_config.depths is no whole number"),
        ("config.json", {"audio_config": {"enable_fusion": True}}, "enable_fusion is on"),
        ("config.json", {"audio_config": {"num_attention_heads": [5, 5, 5, 5]}}, "can't be built"),
        ("preprocessor_config.json", {"sampling_rate": 44_100}, "sampling_rate is 44100; only models of 48000"),
        ("preprocessor_config.json", {"max_length_s": 7}, "max_length_s is 7"),
        ("preprocessor_config.json", {"hop_length": 0}, "hop_length is no whole number"),
        ("preprocessor_config.json", {"hop_length": [480]}, "hop_length is no whole number"),
        ("preprocessor_config.json", {"hop_length": 1}, "fft_window_size is not from 2 to 32 times hop_length"),
        ("preprocessor_config.json", {"fft_window_size": 64}, "feature_size is more than there are frequencies"),
        ("preprocessor_config.json", {"feature_size": 32}, "feature_size is not the number of bands"),
        ("preprocessor_config.json", {"frequency_max": 10**9}, "frequency_max is no frequency"),
        ("preprocessor_config.json", {"frequency_min": 15_000}, "frequency_max is not above"),
    ],
)
def test_files_that_ask_for_too_much_are_refused_with_the_key(
    clap_folder: Path, tmp_path: Path, name: str, change: dict[str, Any], told: str
) -> None:
    folder = copied(clap_folder, tmp_path / "model")
    changed_json(folder, name, lambda document: document.update(change))
    with pytest.raises(ModelError, match=told) as caught:
        load_clap(str(folder), device="cpu")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("group", "change", "told"),
    [
        ("text_config", {"hidden_size": 200_000, "intermediate_size": 200_000}, "asks for a model of 2.1 TB"),
        ("text_config", {"vocab_size": 200_000, "hidden_size": 2_000}, "asks for a model of 1.[0-9]+ GB"),
        ("audio_config", {"patch_embeds_hidden_size": 200_000, "spec_size": 4}, "asks for a model of [0-9.]+ TB"),
        ("audio_config", {"window_size": 400, "spec_size": 4}, "asks for a model of [0-9.]+ [GT]B"),
        ("audio_config", {"window_size": 2_000}, "audio_config asks for 131 GB in a layer"),
        ("audio_config", {"spec_size": 200_000}, "audio_config asks for 1.3 TB in a layer"),
        ("audio_config", {"patch_embeds_hidden_size": 200_000}, "audio_config asks for 3.3 GB in a layer"),
    ],
)
def test_a_config_that_asks_for_more_memory_than_its_weights_have_numbers_is_refused_before_it_gets_any(
    clap_folder: Path, tmp_path: Path, group: str, change: dict[str, Any], told: str
) -> None:
    """Each number alone may stand in a config; with any of these, loading took gigabytes, or broke off for want."""
    folder = copied(clap_folder, tmp_path / "model")
    changed_json(folder, "config.json", lambda document: document[group].update(change))
    with pytest.raises(ModelError, match=told) as caught:
        load_clap(str(folder), device="cpu")
    assert str(folder / "config.json") in caught.value.title
    assert "Download or copy" in caught.value.remedy


def test_weights_in_half_precision_are_loaded(clap_folder: Path, tmp_path: Path) -> None:
    folder = copied(clap_folder, tmp_path / "model")
    state = load_file(clap_folder / "model.safetensors")
    halves = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    save_file(halves, folder / "model.safetensors")
    assert DIM == load_clap(str(folder), device="cpu").info.dim


def test_weights_that_only_seem_large_are_refused(clap_folder: Path, tmp_path: Path) -> None:
    """A checkpoint of torch can hold a matrix whose rows are all one and the same piece of the file."""
    folder = copied(clap_folder, tmp_path / "model")
    state = load_file(clap_folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    embeddings = "text_model.embeddings.word_embeddings.weight"
    state[embeddings] = torch.zeros(1).expand(200_000, state[embeddings].shape[1])
    torch.save(state, folder / "pytorch_model.bin")
    changed_json(folder, "config.json", lambda document: document["text_config"].update(vocab_size=200_000))
    with pytest.raises(ModelError, match="asks for a model of"):
        load_clap(str(folder), device="cpu")


def test_a_model_that_loads_but_does_not_run_is_found_when_it_is_loaded(clap_folder: Path, tmp_path: Path) -> None:
    folder = copied(clap_folder, tmp_path / "model")
    changed_json(folder, "config.json", lambda document: document["audio_config"].update(spec_size=64))
    with pytest.raises(ModelError, match="failed: ValueError: the wav size should be less") as caught:
        load_sound_encoder(str(folder), device="cpu")
    assert (True, [str(folder)]) == ("download or copy them again" in caught.value.remedy, list(caught.value.paths))


def test_weights_that_lack_something_or_hold_no_numbers_are_refused(clap_folder: Path, tmp_path: Path) -> None:
    folder = copied(clap_folder, tmp_path / "model")
    weights = folder / "model.safetensors"
    state = load_file(clap_folder / "model.safetensors")
    projection = "audio_projection.linear1.weight"
    for change, told in (
        (lambda one: one.pop(projection), f"lacks {projection}"),
        (lambda one: one.update(strange=torch.ones(1)), "has strange that the model does not"),
        (lambda one: one.update({projection: torch.ones(2, 2)}), "other shapes"),
        (lambda one: one.update({projection: torch.full_like(one[projection], torch.nan)}), "no number"),
        (lambda one: one.update(logit_scale_a=torch.tensor(1000.0)), "logit scale"),
    ):
        own = dict(state)
        change(own)
        save_file(own, weights)
        with pytest.raises(ModelError, match=told):
            load_clap(str(folder), device="cpu")
    save_file({**state, "text_model.embeddings.position_ids": torch.arange(80)[None]}, weights)
    assert DIM == load_clap(str(folder), device="cpu").info.dim  # an older version of transformers wrote it


def test_a_pickle_that_runs_code_is_not_run(clap_folder: Path, tmp_path: Path) -> None:
    folder = copied(clap_folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (mark,))

    torch.save({"x": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no checkpoint of plain tensors"):
        load_clap(str(folder), device="cpu")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_says_which(clap_folder: Path, tmp_path: Path, name: str) -> None:
    folder = copied(clap_folder, tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"lacks {name}"):
        load_clap(str(folder), device="cpu")


def test_a_damaged_tokenizer_or_one_of_another_model_is_refused(clap_folder: Path, tmp_path: Path) -> None:
    folder = copied(clap_folder, tmp_path / "model")
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json can't be read"):
        load_clap(str(folder), device="cpu")
    shutil.copy(clap_folder / "tokenizer.json", folder)
    changed_json(folder, "config.json", lambda document: document["text_config"].update(vocab_size=200))
    with pytest.raises(ModelError, match="more tokens than the model"):
        load_clap(str(folder), device="cpu")


def test_other_weights_have_another_key(clap_folder: Path, tmp_path: Path) -> None:
    make_tiny_clap(tmp_path / "other", seed=8)
    keys = {load_clap(str(folder), device="cpu").info.key for folder in (clap_folder, tmp_path / "other")}
    assert 2 == len(keys)
