"""Loading: what is named is what is loaded, whole, or an error says why."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import open_clip.factory
import open_clip.pretrained
import pytest
import torch
from safetensors.torch import load_file, save_file

from vsortd.errors import ModelError
from vsortd.media.preprocess import ResizeMode
from vsortd.vision.encoder import Family
from vsortd.vision.factory import load_encoder
from vsortd.vision.loading import best_dtype, build_model, fingerprint, load_model
from vsortd.vision.models import AUTO_CPU, AUTO_CUDA, RECOMMENDED, ModelUnavailableError
from vsortd.vision.sources import check_tag, repository_of, resolve, to_preprocess
from vsortd.vision.this_machine import usable_cpus

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the hub out of it, and give each test an empty cache."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def registered(tiny: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Make the tiny architecture known to open_clip under a name, with a pretrained tag on the hub."""
    config = json.loads(tiny.weights.with_suffix(".json").read_text(encoding="utf-8"))["model_cfg"]
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", dict(open_clip.factory._MODEL_CONFIGS))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIG_PATHS", list(open_clip.factory._MODEL_CONFIG_PATHS))
    (tmp_path / "tiny-vit.json").write_text(json.dumps(config), encoding="utf-8")
    open_clip.add_model_config(tmp_path / "tiny-vit.json")
    tag = {"hf_hub": "somebody/tiny/", "mean": (0.1, 0.2, 0.3), "std": (1, 1, 1), "resize_mode": "squash"}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-vit", {"rendered": tag})
    return "tiny-vit"


def fill_cache(cache: Path, weights: Path, revision: str = "abc", name: str = "open_clip_model.safetensors") -> Path:
    """Lay weights into the hub's cache as its library does: a blob, and a link in a snapshot."""
    folder = cache / "models--somebody--tiny"
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    (folder / "snapshots" / revision).mkdir(parents=True)
    shutil.copy(weights, folder / "blobs" / f"blob-{revision}")
    link = folder / "snapshots" / revision / name
    link.symlink_to(folder / "blobs" / f"blob-{revision}")
    return link


def test_a_checkpoint_with_its_config_computes_what_the_saved_model_computes(tiny: Any) -> None:
    """Vectors from the file equal those of the module it was saved from, in fp32."""
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tokens = loaded.tokenizer(["a forest", "the sea at night"])
    with torch.no_grad():
        torch.testing.assert_close(loaded.module.encode_image(pictures), tiny.module.encode_image(pictures))
        torch.testing.assert_close(loaded.module.encode_text(tokens), tiny.module.encode_text(tokens))


def test_what_it_says_about_itself(tiny: Any) -> None:
    """Name and weights as asked for, preprocessing from the config beside them, scale exponentiated."""
    info = load_model(tiny.choice, device="cpu").info
    assert (info.name, info.weights, info.device, info.dim) == ("tiny", str(tiny.weights), "cpu", 32)
    assert info.logit_scale == pytest.approx(float(np.exp(4.0)))
    assert info.logit_bias is None
    assert info.family is Family.CLIP
    assert info.preprocess.side_px == 32
    assert info.preprocess.mean == (0.5, 0.4, 0.3)
    assert info.preprocess.std == (0.2, 0.25, 0.3)
    assert info.preprocess.resize is ResizeMode.SQUASH
    assert info.preprocess.interpolation == "bilinear"
    assert info.dtype == str(best_dtype(CPU)).removeprefix("torch.")


def test_bf16_decides_like_fp32(tiny: Any) -> None:
    """Whole-model bf16 turns vectors by less than cosine 0.999."""
    pictures = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        loaded = load_model(tiny.choice, device="cpu", dtype=dtype)
        with torch.no_grad():
            image = loaded.module.encode_image(pictures.to(dtype)).float()
            text = loaded.module.encode_text(loaded.tokenizer(["a forest", "snow", "the sea"])).float()
        rows.append(torch.cat([image, text]))
    assert torch.nn.functional.cosine_similarity(*rows).min() >= 0.999


@pytest.mark.parametrize("wrapped", ["plain", "state_dict", "ddp"])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
def test_pickled_tensors_load(  # noqa: PLR0917 - fixtures
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, wrapped: str, suffix: str
) -> None:
    """A state dict saved by torch, alone, in a training checkpoint, or with the prefix of a parallel run."""
    state: Any = tiny.state
    if wrapped == "state_dict":
        state = {"epoch": 3, "state_dict": state}
    elif wrapped == "ddp":
        state = {f"module.{key}": value for key, value in state.items()}
    path = tmp_path / f"mine{suffix}"
    torch.save(state, path)
    model_config(tmp_path / "mine.json")
    loaded = load_model(choose("mine", str(path)), device="cpu", dtype=torch.float32)
    torch.testing.assert_close(loaded.module.visual.proj, tiny.module.visual.proj, check_stride=False)


class Bomb:
    """Unpickling this runs a function."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_with_code_is_refused_and_not_run(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """The file is refused with the reason and the remedy; what it wanted to run did not run."""
    marker, path = tmp_path / "boom", tmp_path / "evil.pt"
    model_config(tmp_path / "evil.json")
    torch.save({**tiny.state, "extra": Bomb(marker)}, path)
    with pytest.raises(ModelError, match="never runs code") as caught:
        load_model(choose("evil", str(path)), device="cpu")
    assert "safetensors" in caught.value.remedy
    assert not marker.exists()
    path.write_bytes(pickle.dumps(Bomb(marker)))  # the older format, without torch's archive around it
    with pytest.raises(ModelError):
        load_model(choose("evil", str(path)), device="cpu")
    assert not marker.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x00" * 4096])
def test_a_file_that_is_no_weights(choose: Any, model_config: Any, tmp_path: Path, suffix: str, content: bytes) -> None:
    """Empty, text and zeros: an error that names the file."""
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    model_config(tmp_path / "broken.json")
    with pytest.raises(ModelError, match="broken") as caught:
        load_model(choose("broken", str(path)), device="cpu")
    assert caught.value.paths == (str(path),)


def test_a_truncated_file(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """A download that was cut off is an error, not a model with gaps."""
    path = tmp_path / "cut.safetensors"
    path.write_bytes(tiny.weights.read_bytes()[:-1000])
    model_config(tmp_path / "cut.json")
    with pytest.raises(ModelError, match="can't be read"):
        load_model(choose("cut", str(path)), device="cpu")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("visual.proj"), r"it lacks visual\.proj"),
        (lambda state: state.update(surprise=torch.zeros(1)), "it has surprise that the model does not"),
        (
            lambda state: state.update({"visual.proj": torch.zeros(64, 8)}),
            r"visual\.proj \(\[64, 8\] instead of \[64, 32\]\)",
        ),
        (lambda state: state.pop("logit_scale"), "it lacks logit_scale"),
        (
            lambda state: [state.pop(key) for key in list(state) if key.startswith("visual.")],
            "and [0-9]+ more",
        ),
    ],
)
def test_weights_must_cover_everything(  # noqa: PLR0917 - fixtures
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, change: Any, says: str
) -> None:
    """A missing, surplus or differently shaped tensor: an error that names it; never a random replacement."""
    state = tiny.state
    change(state)
    save_file(state, tmp_path / "other.safetensors")
    model_config(tmp_path / "other.json")
    with pytest.raises(ModelError, match=says):
        load_model(choose("other", str(tmp_path / "other.safetensors")), device="cpu")


def test_position_embeddings_of_another_size_are_not_stretched(
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path
) -> None:
    """A checkpoint for 32-pixel pictures does not fit an architecture for 64; open_clip would stretch it."""
    shutil.copy(tiny.weights, tmp_path / "big.safetensors")
    vision = {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32}
    model_config(tmp_path / "big.json", vision_cfg=vision)
    with pytest.raises(ModelError, match="positional_embedding"):
        load_model(choose("big", str(tmp_path / "big.safetensors")), device="cpu")


def test_fp16_files_load(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """Half-precision weights, as the sample model's, compute nearly the same."""
    save_file({key: value.half() for key, value in tiny.state.items()}, tmp_path / "half.safetensors")
    model_config(tmp_path / "half.json")
    loaded = load_model(choose("half", str(tmp_path / "half.safetensors")), device="cpu", dtype=torch.float32)
    assert loaded.module.visual.proj.dtype == torch.float32
    torch.testing.assert_close(loaded.module.visual.proj, tiny.module.visual.proj, atol=1e-3, rtol=1e-3)


def test_the_file_may_change_after_loading(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """Weights are copied out of the file: truncating it later must not take the process down."""
    path = tmp_path / "mine.safetensors"
    shutil.copy(tiny.weights, path)
    model_config(tmp_path / "mine.json")
    loaded = load_model(choose("mine", str(path)), device="cpu", dtype=torch.float32)
    path.write_bytes(b"")
    assert torch.isfinite(loaded.module.token_embedding.weight.sum())


def test_sigmoid_models_bring_their_bias(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """`init_logit_bias` in the config makes a sigmoid model; its bias must come from the weights."""
    model_config(tmp_path / "sig.json", init_logit_bias=-10, custom_text=True)
    state = open_clip.model.convert_to_custom_text_state_dict(tiny.state)
    save_file({**state, "logit_bias": torch.tensor([-12.5])}, tmp_path / "sig.safetensors")
    info = load_model(choose("sig", str(tmp_path / "sig.safetensors")), device="cpu").info
    assert info.logit_bias == -12.5
    assert info.family is Family.SIGLIP
    save_file(state, tmp_path / "sig.safetensors")
    with pytest.raises(ModelError, match="lacks logit_bias"):
        load_model(choose("sig", str(tmp_path / "sig.safetensors")), device="cpu")


def test_the_scale_is_read_before_rounding(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """bf16 holds 4.6052 as 4.59375, which would make a scale of 100 one of 98.9."""
    save_file({**tiny.state, "logit_scale": torch.tensor(4.6051702)}, tmp_path / "s.safetensors")
    model_config(tmp_path / "s.json")
    info = load_model(choose("s", str(tmp_path / "s.safetensors")), device="cpu", dtype=torch.bfloat16).info
    assert info.logit_scale == pytest.approx(100.0, abs=1e-3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_without_numbers_are_refused(
    tiny: Any, choose: Any, model_config: Any, tmp_path: Path, bad: float
) -> None:
    """A model whose vectors are no numbers is found when it is loaded, not at the first video."""
    model_config(tmp_path / "nan.json")
    for key in ("visual.proj", "logit_scale"):
        state = tiny.state
        state[key] = torch.full_like(state[key], bad)
        save_file(state, tmp_path / "nan.safetensors")
        with pytest.raises(ModelError, match=r"no usable vector|no number"):
            load_model(choose("nan", str(tmp_path / "nan.safetensors")), device="cpu")


def test_a_hub_folder(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """A folder as the hub has it: open_clip_config.json beside the weights; safetensors before pickles."""
    model_config(tmp_path / "open_clip_config.json")
    torch.save({"nothing": torch.zeros(1)}, tmp_path / "open_clip_pytorch_model.bin")
    shutil.copy(tiny.weights, tmp_path / "open_clip_model.safetensors")
    info = load_model(choose("whatever I call it", str(tmp_path)), device="cpu").info
    assert (info.name, info.preprocess.mean) == ("whatever I call it", (0.5, 0.4, 0.3))


def test_a_folder_with_one_or_several_checkpoints(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """The only weights file is taken whatever its name; of several, the user names one."""
    model_config(tmp_path / "model.json")
    with pytest.raises(ModelError, match="holds no weights"):
        load_model(choose("x", str(tmp_path)), device="cpu")
    shutil.copy(tiny.weights, tmp_path / "epoch_9.safetensors")
    load_model(choose("x", str(tmp_path)), device="cpu")
    load_model(choose("x", str(tmp_path / "model.json")), device="cpu")
    load_model(choose("x", str(tmp_path / "epoch_9.safetensors")), device="cpu")
    shutil.copy(tiny.weights, tmp_path / "epoch_8.safetensors")
    with pytest.raises(ModelError, match=r"several: epoch_8\.safetensors, epoch_9\.safetensors"):
        load_model(choose("x", str(tmp_path)), device="cpu")


@pytest.mark.parametrize("text", ["", "[]", '{"model_cfg": 3}', '{"embed_dim": 32}'])
def test_a_config_that_is_none(tiny: Any, choose: Any, tmp_path: Path, text: str) -> None:
    """Broken JSON and JSON of something else are named."""
    shutil.copy(tiny.weights, tmp_path / "m.safetensors")
    (tmp_path / "m.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"m\.json"):
        load_model(choose("m", str(tmp_path / "m.safetensors")), device="cpu")


def test_an_architecture_that_can_not_be_built(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """An unknown key in the config is an error of ours, not a traceback of open_clip's."""
    shutil.copy(tiny.weights, tmp_path / "m.safetensors")
    model_config(tmp_path / "m.json", colour="blue")
    with pytest.raises(ModelError, match=r"can't be built.*colour"):
        load_model(choose("m", str(tmp_path / "m.safetensors")), device="cpu")


def test_a_vocabulary_too_small_for_the_tokenizer(tiny: Any, choose: Any, model_config: Any, tmp_path: Path) -> None:
    """Tokens beyond the embedding would be an index error at the first prompt."""
    shutil.copy(tiny.weights, tmp_path / "m.safetensors")
    text = {"context_length": 16, "vocab_size": 100, "width": 32, "heads": 2, "layers": 2}
    model_config(tmp_path / "m.json", text_cfg=text)
    with pytest.raises(ModelError, match="knows 100 tokens"):
        load_model(choose("m", str(tmp_path / "m.safetensors")), device="cpu")


def test_a_tokenizer_that_is_not_installed(
    tiny: Any, choose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SigLIP 2 reads text through transformers: the error says what to install."""
    monkeypatch.setitem(sys.modules, "transformers", None)  # Python's own way to say that there is none
    shutil.copy(tiny.weights, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="transformers, which is not installed") as caught:
        load_model(choose("ViT-B-16-SigLIP2", str(tmp_path / "m.safetensors")), device="cpu")
    assert "pip install transformers" in caught.value.remedy


def test_a_name_that_open_clip_knows_needs_no_config(tiny: Any, choose: Any, registered: str, tmp_path: Path) -> None:
    """Architecture and preprocessing come from open_clip's lists then."""
    shutil.copy(tiny.weights, tmp_path / "bare.safetensors")
    info = load_model(choose(registered, str(tmp_path / "bare.safetensors")), device="cpu").info
    assert info.preprocess.mean == (0.1, 0.2, 0.3)
    assert info.preprocess.resize is ResizeMode.SQUASH


def test_a_cached_tag_loads_without_network(tiny: Any, choose: Any, registered: str, no_network: Path) -> None:
    """A pretrained pair is found in the hub's cache; the tag is spelled as open_clip allows."""
    fill_cache(no_network, tiny.weights)
    loaded = load_model(choose(registered, "rendered"), device="cpu", dtype=torch.float32)
    assert (loaded.info.name, loaded.info.weights) == (registered, "rendered")
    assert loaded.info.preprocess.mean == (0.1, 0.2, 0.3)
    torch.testing.assert_close(loaded.module.visual.proj, tiny.module.visual.proj, check_stride=False)


def test_the_cache_prefers_the_current_revision(tiny: Any, choose: Any, registered: str, no_network: Path) -> None:
    """Of several snapshots the one that refs/main names counts, and a broken link counts as missing."""
    fill_cache(no_network, tiny.weights, "old")
    current = fill_cache(no_network, tiny.weights, "new")
    (no_network / "models--somebody--tiny" / "refs").mkdir()
    (no_network / "models--somebody--tiny" / "refs" / "main").write_text("new", encoding="ascii")
    assert resolve(choose(registered, "rendered"), on_cuda=False).path == current
    current.resolve().unlink()
    assert resolve(choose(registered, "rendered"), on_cuda=False).path.parent.name == "old"


def test_a_tag_that_is_not_here_says_what_to_do(choose: Any, no_network: Path) -> None:
    """Offline: the error names model, tag, cache folder, the command to run elsewhere, and the ways out."""
    with pytest.raises(ModelUnavailableError) as caught:
        load_encoder(choose("ViT-B-32", "datacomp_xl_s13b_b90k"), device="cpu")
    message = str(caught.value)
    for part in (
        "ViT-B-32 / datacomp_xl_s13b_b90k",
        str(no_network),
        "vsortd model fetch ViT-B-32 datacomp_xl_s13b_b90k",
        "models--laion--CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        "weights: /path/to/weights.safetensors",
        "model: sample",
    ):
        assert part in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="auto means another model with a GPU")
def test_auto_is_never_silently_replaced() -> None:
    """`auto` on a CPU means one model; missing weights are an error, not a reason for the sample model."""
    with pytest.raises(ModelUnavailableError, match=" / ".join(AUTO_CPU)):
        load_encoder("auto")


def test_auto_depends_on_the_device() -> None:
    """With a GPU `auto` asks for the larger model."""
    with pytest.raises(ModelUnavailableError, match=" / ".join(AUTO_CUDA)):
        resolve("auto", on_cuda=True)


@pytest.mark.parametrize(
    ("name", "weights", "says"),
    [
        ("Vit-B-32", "openai", "no model 'Vit-B-32'. Did you mean ViT-B-32"),
        ("resnet", "openai", "no model 'resnet'"),
        (
            "ViT-B-32",
            "datacomp_xl",
            "no pretrained weights 'datacomp_xl'. Did you mean datacomp_xl_s13b_b90k",
        ),
        ("ViT-B-32", "zzz", "It has: .*laion2b_s34b_b79k"),
        ("ViT-H-16", "zzz", "name a weights file"),
    ],
)
def test_unknown_names_get_suggestions(choose: Any, name: str, weights: str, says: str) -> None:
    """A typo is answered with the nearest name, a wrong tag with the list of tags."""
    with pytest.raises(ModelError, match=says) as caught:
        resolve(choose(name, weights), on_cuda=False)
    assert "vsortd model list --all" in caught.value.remedy


def test_a_path_that_is_not_there(choose: Any, tmp_path: Path) -> None:
    """A missing file may come (a disk not mounted yet), so it is unavailable, not wrong."""
    with pytest.raises(ModelUnavailableError, match="are not there"):
        resolve(choose("ViT-B-32", str(tmp_path / "no.safetensors")), on_cuda=False)


def test_a_relative_path_means_nothing_to_a_daemon(choose: Any) -> None:
    """Where a daemon was started must not decide which weights it loads."""
    with pytest.raises(ModelError, match="not a full path"):
        resolve(choose("ViT-B-32", "models/mine.safetensors"), on_cuda=False)


def test_a_file_of_an_unknown_architecture(tiny: Any, choose: Any, tmp_path: Path) -> None:
    """Neither a config beside the weights nor a known name: the error says what is missing."""
    shutil.copy(tiny.weights, tmp_path / "bare.safetensors")
    with pytest.raises(ModelError, match=r"no open_clip_config\.json or model\.json lies beside"):
        resolve(choose("mine", str(tmp_path / "bare.safetensors")), on_cuda=False)


def test_other_words_than_auto_and_sample() -> None:
    """A bare word is no model."""
    with pytest.raises(ModelError, match="There is no model 'best'"):
        load_encoder("best")


def test_devices(tiny: Any) -> None:
    """A device that does not exist is an error that says what to write."""
    with pytest.raises(ModelError, match="no device 'gpu'"):
        load_model(tiny.choice, device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="no usable GPU"):
            load_model(tiny.choice, device="cuda")


def test_recommended_models_exist() -> None:
    """Every recommended pair is open_clip's, in the repository that the table names."""
    for model in RECOMMENDED:
        check_tag(model.name, model.tag)
        assert repository_of(model.name, model.tag)[0] == model.repository
    assert {AUTO_CPU, AUTO_CUDA} <= {(model.name, model.tag) for model in RECOMMENDED}


def test_every_published_preprocessing_is_understood() -> None:
    """No pretrained pair of open_clip asks for a resize or interpolation that we lack."""
    for name, tag in open_clip.list_pretrained():
        made = to_preprocess(open_clip.get_pretrained_cfg(name, tag), 224)
        assert made.side_px == 224
        repository_of(name, tag)


def test_pictures_that_are_not_square() -> None:
    """Such an architecture is refused in words."""
    with pytest.raises(ModelError, match="only square"):
        to_preprocess({}, (224, 336))


def test_a_fingerprint_follows_the_bytes(tiny: Any, tmp_path: Path) -> None:
    """The same bytes under another name have the same one, another training has another."""
    copy = shutil.copy(tiny.weights, tmp_path / "copy.safetensors")
    assert fingerprint(tiny.weights) == fingerprint(copy)
    other = {key: value * 1.01 for key, value in load_file(tiny.weights).items()}
    save_file(other, tmp_path / "other.safetensors")
    assert fingerprint(tiny.weights) != fingerprint(tmp_path / "other.safetensors")


def test_the_key_of_stored_vectors(tiny: Any) -> None:
    """Name, bytes and preprocessing make vectors comparable; the device does not matter."""
    info = load_model(tiny.choice, device="cpu").info
    assert info.key == f"tiny/{fingerprint(tiny.weights)}/32-squash-bilinear-0.5,0.4,0.3,0.2,0.25,0.3"


def test_convolutions_run_channels_last(choose: Any, model_config: Any, tmp_path: Path) -> None:
    """A ResNet tower loads whole and lies in memory as convolutions like it."""
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 32}
    model_config(tmp_path / "rn.json", vision_cfg=vision)
    config = json.loads((tmp_path / "rn.json").read_text(encoding="utf-8"))["model_cfg"]
    torch.manual_seed(3)
    module = open_clip.model.CLIP(**config).eval()
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, tmp_path / "rn.safetensors")
    source = resolve(choose("rn", str(tmp_path / "rn.safetensors")), on_cuda=False)
    loaded = build_model(source, CPU, torch.float32)
    assert loaded.module.visual.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    pictures = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = module.encode_image(pictures)
        torch.testing.assert_close(expected, loaded.module.encode_image(pictures), rtol=1e-3, atol=1e-4)


def test_usable_cpus_are_at_least_one_and_no_more_than_there_are() -> None:
    """Affinity and quota only ever lower the number."""
    import os

    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)
