"""Where somebody speaks: silero's network, from the weights in its package, over a recording stretch by stretch.

Of the package only the file of weights is read. Its own Python would set torch's number of threads for the whole
process when it is imported, and ask the network 31 times a second, one window after the other; here all windows of a
stretch go through the layers that need no memory together, and only the last one goes step by step: an hour of sound
takes 9 s of one core.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.errors import VsortdError
from vsortd.media.measures import SPEECH_HZ

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from vsortd.media.measures import Floats

    _State = tuple[torch.Tensor, torch.Tensor]

WINDOW: Final = 512  # samples that each probability is for: 32 ms
_CONTEXT: Final = 64  # samples before a window that the network sees with it
_FRAME: Final = 256  # samples of one spectrum inside a window, each begins half a frame after the one before
_STATE: Final = 128  # numbers that are remembered from window to window
_STRETCH: Final = 1024  # windows at a time, 33 s: more are no faster, and take more memory
_STRIDES: Final = (1, 2, 2, 1)

# silero's own defaults (`get_speech_timestamps` in 6.2), times in windows or samples
_ON: Final = 0.5
_OFF: Final = 0.35
_SHORTEST: Final = SPEECH_HZ * 250 // 1000  # speech must be longer
_PAUSE: Final = SPEECH_HZ * 100 // 1000  # shorter ones belong to the speech around them
_PAD: Final = SPEECH_HZ * 30 // 1000  # before and after

_REMEDY: Final = "pip install 'vsortd[audio]'"


@dataclass(frozen=True, slots=True)
class SoundSpan:
    """A time in a recording, in seconds from its beginning."""

    begin_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end_s - self.begin_s

    def later(self, by_s: float) -> SoundSpan:
        """Return it moved by some seconds."""
        return SoundSpan(self.begin_s + by_s, self.end_s + by_s)


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Where somebody speaks, and how sure that is.

    `share` counts windows that are speech by themselves (0 to 1). Spans also hold the short pauses between words, and
    lack what is too short to be a word, so they may add up to more or to less.
    """

    spans: tuple[SoundSpan, ...]
    share: float
    probabilities: Floats  # [n] of each WINDOW, 0 to 1

    def later(self, by_s: float) -> Speech:
        """Return it with its spans moved by some seconds."""
        return replace(self, spans=tuple(span.later(by_s) for span in self.spans))


def find_speech(pcm: npt.NDArray[np.int16]) -> Speech:
    """Return where somebody speaks in mono sound at SPEECH_HZ, int16 [n]; see `SpeechFinder`. Raises VsortdError."""
    finder = SpeechFinder()
    finder.hear(pcm)
    return finder.result()


class SpeechFinder:
    """Hears mono sound at SPEECH_HZ bit by bit, and tells in the end where somebody speaks.

    A probability of at least 0.5 begins a span, one below 0.35 ends it unless speech comes back within 100 ms; shorter
    than 250 ms is none; each span is widened by 30 ms (silero-vad's own defaults). No sound is kept longer than a
    stretch of it. Where the package is missing, or another one than is known here, `result` says so.
    """

    def __init__(self) -> None:
        self._problem: VsortdError | None = None
        self.begin()

    def begin(self) -> None:
        """Forget what was heard: the sound comes from its beginning."""
        self._samples = 0
        self._rest = np.zeros(0, np.int16)
        self._before = np.zeros(_CONTEXT, np.int16)
        self._state: _State | None = None
        self._told: list[Floats] = []

    def hear(self, pcm: npt.NDArray[np.int16]) -> None:
        """Take the next samples, int16 [n]; raises nothing."""
        self._samples += len(pcm)
        self._rest = np.concatenate((self._rest, pcm))
        while len(self._rest) >= _STRETCH * WINDOW:
            self._judge(self._rest[: _STRETCH * WINDOW])
            self._rest = self._rest[_STRETCH * WINDOW :]

    def result(self) -> Speech:
        """Return where somebody speaks in all that was heard; in nothing, nowhere. Raises VsortdError.

        What lacks at the end of the last window is silence.
        """
        if len(self._rest):
            self._judge(np.pad(self._rest, (0, -len(self._rest) % WINDOW)))
            self._rest = np.zeros(0, np.int16)
        if self._problem is not None:
            raise self._problem
        if not self._told:
            return Speech((), 0.0, np.zeros(0, np.float32))
        probabilities = np.concatenate(self._told)
        share = float(np.mean(probabilities >= _ON))
        return Speech(spoken_spans(probabilities, self._samples), share, probabilities)

    def _judge(self, stretch: npt.NDArray[np.int16]) -> None:
        """Note how likely each WINDOW of a stretch of them is speech."""
        if self._problem is not None:
            return
        try:
            layers = _network()
        except VsortdError as error:
            self._problem = error
            return
        heard = np.concatenate((self._before, stretch))
        self._before = stretch[-_CONTEXT:]
        probabilities, self._state = _probabilities(layers, heard, self._state)
        self._told.append(probabilities)


def can_find_speech() -> bool:
    """Tell whether `find_speech` has what it needs."""
    try:
        _network()
    except VsortdError:
        return False
    return True


def spoken_spans(probabilities: Floats, samples: int) -> tuple[SoundSpan, ...]:
    """Return the spans that the probabilities [n] of a recording of so many samples make; see `find_speech`."""
    found: list[tuple[int, int]] = []
    begin = pause = None
    for index, probability in enumerate(probabilities.tolist()):
        at = index * WINDOW
        if probability >= _ON:
            begin, pause = at if begin is None else begin, None
        elif begin is not None and probability < _OFF:
            pause = at if pause is None else pause
            if at - pause >= _PAUSE:
                found.append((begin, pause))
                begin = pause = None
    if begin is not None:
        found.append((begin, samples))
    return _widened([(begin, end) for begin, end in found if end - begin > _SHORTEST], samples)


def _widened(spans: list[tuple[int, int]], samples: int) -> tuple[SoundSpan, ...]:
    """Return the spans, each a little longer on both sides; two that would overlap meet in the middle."""
    begins = [max(0, begin - _PAD) for begin, _ in spans]
    ends = [min(samples, end + _PAD) for _, end in spans]
    for index in range(1, len(spans)):
        if (gap := spans[index][0] - spans[index - 1][1]) < 2 * _PAD:
            ends[index - 1] = spans[index - 1][1] + gap // 2
            begins[index] = spans[index][0] - gap // 2
    return tuple(SoundSpan(begin / SPEECH_HZ, end / SPEECH_HZ) for begin, end in zip(begins, ends, strict=True))


def _probabilities(layers: _Network, heard: npt.NDArray[np.int16], state: _State | None) -> tuple[Floats, _State]:
    """Return how likely each WINDOW after the first _CONTEXT samples is speech, float32 [n], and what is remembered."""
    import torch

    signal = heard.astype(np.float32) / np.float32(2**15)
    windows = np.lib.stride_tricks.sliding_window_view(signal, _CONTEXT + WINDOW)[::WINDOW].copy()
    with torch.inference_mode():
        before = (torch.zeros(1, _STATE), torch.zeros(1, _STATE)) if state is None else state
        told, after = layers.memory(_features(layers, torch.from_numpy(windows)), before)
        logits = torch.nn.functional.linear(told.relu(), layers.out_weight, layers.out_bias)
        return logits.sigmoid()[:, 0].numpy(), after


def _features(layers: _Network, windows: torch.Tensor) -> torch.Tensor:
    """Return what the layers before the memory make of windows [b, samples]: [b, _STATE]."""
    import torch

    mirrored = torch.nn.functional.pad(windows, (0, _CONTEXT), mode="reflect")
    waves = mirrored.unfold(1, _FRAME, _FRAME // 2) @ layers.basis.T  # [b, 4, 2 x bins]: cosines, then sines
    half = _FRAME // 2 + 1
    told = torch.hypot(waves[..., :half], waves[..., half:]).transpose(1, 2)
    for (weight, bias), stride in zip(layers.convolutions, _STRIDES, strict=True):
        told = torch.nn.functional.conv1d(told, weight, bias, stride=stride, padding=1).relu()
    return told.squeeze(-1)


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """silero's layers for 16 kHz."""

    basis: torch.Tensor  # [2 x bins, _FRAME]
    convolutions: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    memory: torch.nn.LSTM
    out_weight: torch.Tensor  # [1, _STATE]
    out_bias: torch.Tensor  # [1]


@functools.cache
def _network() -> _Network:
    """Return the network; raises VsortdError where it can't be had."""
    path = _weights_file()
    try:
        return _assembled(_weights(path))
    except Exception as error:  # another release's file, or a damaged one
        raise VsortdError(
            f"Speech can't be looked for: the network in silero-vad can't be read ({error}).",
            remedy=_REMEDY,
            paths=[path],
        ) from error


def _weights_file() -> Path:
    """Return where the package keeps its network; nothing of it is imported, nothing fetched."""
    spec = importlib.util.find_spec("silero_vad")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "data" / "silero_vad.jit"
        if path.is_file():
            return path
    raise VsortdError("Speech can't be looked for: the package silero-vad is not installed.", remedy=_REMEDY)


def _weights(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors by their names, those for 16 kHz begin with `_model.`.

    The package's silero_vad_16k.safetensors would be simpler to read, but holds another network than the one that its
    authors use and measured (snakers4/silero-vad#768): up to 0.38 apart on our clips.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of its format; nothing newer is in the package
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    weights: Mapping[str, torch.Tensor] = script.state_dict()
    return weights


def _assembled(weights: Mapping[str, torch.Tensor]) -> _Network:
    import torch

    memory = torch.nn.LSTM(_STATE, _STATE)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    memory.load_state_dict({f"{name}_l0": weights[f"_model.decoder.rnn.{name}"] for name in names})
    convolutions = (f"_model.encoder.{index}.reparam_conv" for index in range(len(_STRIDES)))
    return _Network(
        basis=weights["_model.stft.forward_basis_buffer"][:, 0].detach(),
        convolutions=tuple(
            (weights[f"{name}.weight"].detach(), weights[f"{name}.bias"].detach()) for name in convolutions
        ),
        memory=memory.requires_grad_(requires_grad=False).eval(),
        out_weight=weights["_model.decoder.decoder.2.weight"][:, :, 0].detach(),
        out_bias=weights["_model.decoder.decoder.2.bias"].detach(),
    )
