"""The files of a CLAP model: where they lie, and what a stranger may say in them. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.units import about_size
from vsortd.errors import ModelError
from vsortd.media.sound_windows import WINDOW_HZ, WINDOW_S
from vsortd.vision.hub import HubWish, folder_of, obtain
from vsortd.vision.model_files import check_transformers_folder, read_json
from vsortd.vision.models import ModelUnavailableError, cached_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG: Final = "config.json"
FEATURES: Final = "preprocessor_config.json"
TOKENIZER: Final = "tokenizer.json"
# Safetensors first: of the other kind, too, only tensors are read.
WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
_FETCHED: Final = ((CONFIG,), (FEATURES,), (TOKENIZER,), WEIGHTS)
# No model has more; building it would not end.
_MOST: Final = 200_000
_MOST_LAYERS: Final = 100
# Of what a layer may make of one window of sound; by what is counted here the models of its makers come to 33 MB.
_MOST_LAYER_BYTES: Final = 10**9
_MOST_OVERLAP: Final = 32  # spectra that a sample is part of: more take more memory than they tell
_LAYERS: Final = frozenset({"num_hidden_layers", "depths"})
_AUDIO_NUMBERS: Final = (
    "num_mel_bins", "spec_size", "patch_size", "patch_stride", "hidden_size", "depths", "num_attention_heads",
    "window_size", "patch_embeds_hidden_size", "patch_embed_input_channels", "num_classes", "aff_block_r",
)  # fmt: skip
_TEXT_NUMBERS: Final = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings", "type_vocab_size",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MelForm:
    """How sound becomes a spectrogram: of `fft` samples every `hop`, `bands` mel bands from `low_hz` to `high_hz`.

    `slaney` tells by which of the two usual scales; levels are decibels.
    """

    fft: int
    hop: int
    bands: int
    low_hz: float
    high_hz: float
    slaney: bool

    def __str__(self) -> str:
        scale = "slaney" if self.slaney else "htk"
        return f"{WINDOW_HZ}-{WINDOW_S}s-{self.fft}-{self.hop}-{self.bands}-{self.low_hz:g}-{self.high_hz:g}-{scale}"


@dataclass(frozen=True, slots=True)
class ClapFiles:
    """A model's folder, checked: its weights, its config as transformers writes it, and how it hears."""

    name: str
    folder: Path
    weights: Path
    config: Mapping[str, Any]
    mel: MelForm

    @property
    def tokenizer(self) -> Path:
        """The file that turns text into tokens."""
        return self.folder / TOKENIZER


def find_clap(choice: str, *, progress: bool = False) -> ClapFiles:
    """Find a model's files: in a folder (a path), in the hub's cache, or download them (a name such as org/model).

    Raises ModelUnavailableError where they are not here and can't be downloaded now, ModelError for files that ask for
    what no sound model may.
    """
    folder = _local(Path(choice).expanduser()) if is_folder_choice(choice) else _of_hub(choice, progress=progress)
    for names in _FETCHED:
        if not any((folder / name).is_file() for name in names):
            raise ModelError(
                f"The sound model's folder {folder} lacks {' or '.join(names)}.",
                remedy="Copy it there, or download the model again.",
                paths=[folder],
            )
    check_transformers_folder(folder)
    config = _checked_config(folder / CONFIG)
    weights = next(folder / name for name in WEIGHTS if (folder / name).is_file())
    mel = _mel(folder / FEATURES)
    if mel.bands != config["audio_config"].get("num_mel_bins", mel.bands):
        raise _wrong(folder / FEATURES, "feature_size", "is not the number of bands that the model wants")
    return ClapFiles(choice, folder, weights, config, mel)


def is_to_be_fetched(choice: str) -> bool:
    """Tell whether a choice means a repository of the hub of which the cache lacks a file; no network."""
    return not is_folder_choice(choice) and any(cached_weights(choice, names) is None for names in _FETCHED)


def is_folder_choice(choice: str) -> bool:
    """Tell whether a choice is meant as a folder rather than a repository of the hub."""
    return choice.startswith(("~", ".")) or Path(choice).is_absolute()


def _local(folder: Path) -> Path:
    if not folder.is_absolute():
        raise ModelError(f"The sound model's path {folder} is not a full path.", remedy="Begin it with / or ~.")
    if not folder.is_dir():
        raise ModelUnavailableError(
            f"The sound model's folder {folder} is not there.",
            remedy="Check the path, or whether the disk is mounted.",
            paths=[folder],
        )
    return folder


def _of_hub(repository: str, *, progress: bool) -> Path:
    remedy = (
        f"On a machine with network run `vsortd model fetch --sound {repository}` and copy {folder_of(repository)} to "
        "the same place here; or name a folder that holds its files: `sound_model: /path/to/folder`."
    )
    wish = HubWish(f"The files of the sound model {repository}", repository, remedy)
    found = [obtain(wish, names, progress=progress) for names in _FETCHED]
    return found[-1].parent  # where the weights came last, the other files lie beside them


def _checked_config(path: Path) -> dict[str, Any]:
    """Read a model's config and see that it describes one of bearable size. Raises ModelError."""
    config = read_json(path)
    if not isinstance(config, dict) or config.get("model_type") != "clap":
        raise ModelError(
            f"{path} describes no CLAP model.",
            remedy="Take one of that kind, such as laion/clap-htsat-unfused.",
            paths=[path],
        )
    for group, names in (("audio_config", _AUDIO_NUMBERS), ("text_config", _TEXT_NUMBERS)):
        side = config.setdefault(group, {})
        if not isinstance(side, dict):
            raise _wrong(path, group, "is no group of keys")
        for name in names:
            if name in side:
                most = _MOST_LAYERS if name in _LAYERS else _MOST
                _check_number(path, f"{group}.{name}", side[name], most, many=group == "audio_config")
    _check_number(path, "text_config.pad_token_id", config["text_config"].get("pad_token_id", 1), _MOST, least=0)
    _check_layer(path, config["audio_config"])
    _check_number(path, "projection_dim", config.get("projection_dim", 512), _MOST)
    if config["audio_config"].get("enable_fusion"):
        raise _wrong(
            path, "audio_config.enable_fusion", "is on; vsortd hears whole windows, which takes a model without"
        )
    return config


def _check_layer(path: Path, audio: Mapping[str, Any]) -> None:
    """Raise ModelError where a layer would make more numbers of one window than there is memory for.

    The weights say nothing of the side of the picture that a spectrogram becomes, nor of how many patches it is cut in.
    """
    side, stride = _greatest(audio.get("spec_size", 256)), _least(audio.get("patch_stride", 4))
    patches = (side / stride) ** 2
    attention = _greatest(audio.get("num_attention_heads", 32)) * _greatest(audio.get("window_size", 8)) ** 2
    width = max(_greatest(audio.get("patch_embeds_hidden_size", 96)), attention)
    layer_bytes = 4 * max(side**2, patches * width)
    if layer_bytes > _MOST_LAYER_BYTES:
        asks = f"asks for {about_size(layer_bytes)} in a layer, more than {about_size(_MOST_LAYER_BYTES)}"
        raise _wrong(
            path, "audio_config", f"{asks}, by its spec_size, patch_stride, patch_embeds_hidden_size and window_size"
        )


def _greatest(value: Any) -> int:  # noqa: ANN401 - a number, or a list of such, as checked before
    return max(value) if isinstance(value, list) else int(value)


def _least(value: Any) -> int:  # noqa: ANN401 - as above
    return min(value) if isinstance(value, list) else int(value)


def _check_number(path: Path, key: str, value: object, most: int, *, least: int = 1, many: bool = False) -> None:
    """Raise ModelError for what is no number in a range; `many`: it may be a list of such."""
    for one in value if many and isinstance(value, list) and 0 < len(value) <= _MOST_LAYERS else [value]:
        if not isinstance(one, int) or isinstance(one, bool) or not least <= one <= most:
            raise _wrong(path, key, f"is no whole number from {least} to {most:,}")


def _mel(path: Path) -> MelForm:
    """Read how a model wants its sound. Raises ModelError."""
    told = read_json(path)
    if not isinstance(told, dict):
        raise ModelError(f"{path} holds no keys.", remedy="Download or copy it again.", paths=[path])
    for key, wanted in (("sampling_rate", WINDOW_HZ), ("max_length_s", WINDOW_S)):
        if told.get(key, wanted) != wanted:
            raise _wrong(path, key, f"is {told[key]!r}; only models of {wanted} are supported")
    numbers = {"feature_size": 64, "hop_length": 480, "fft_window_size": 1024}
    for key, usual in numbers.items():
        _check_number(path, key, told.get(key, usual), WINDOW_HZ)
        numbers[key] = told.get(key, usual)
    bands, hop, fft = numbers.values()
    if not 2 <= fft <= hop * _MOST_OVERLAP:  # noqa: PLR2004 - one sample has no frequency
        raise _wrong(path, "fft_window_size", f"is not from 2 to {_MOST_OVERLAP} times hop_length")
    if bands > fft // 2 + 1:
        raise _wrong(path, "feature_size", "is more than there are frequencies")
    low_hz, high_hz = told.get("frequency_min", 0), told.get("frequency_max", 14_000)
    for key, value in (("frequency_min", low_hz), ("frequency_max", high_hz)):
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= WINDOW_HZ / 2:
            raise _wrong(path, key, f"is no frequency from 0 to {WINDOW_HZ // 2}")
    if low_hz >= high_hz:
        raise _wrong(path, "frequency_max", "is not above frequency_min")
    slaney = told.get("truncation") != "fusion"  # as transformers chooses between its two scales
    return MelForm(fft, hop, bands, low_hz, high_hz, slaney=slaney)


def _wrong(path: Path, key: str, why: str) -> ModelError:
    return ModelError(
        f"{path}: {key} {why}.",
        remedy="Download or copy it again, or take another model, such as laion/clap-htsat-unfused.",
        paths=[path],
    )
