"""Sound as CLAP takes it: the mel spectrogram of a window in decibels, on the device that the model runs on.

What transformers' ClapFeatureExtractor computes window by window in numpy, for a batch at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from vsortd.media.sound_windows import WINDOW_HZ

if TYPE_CHECKING:
    from vsortd.hearing.clap_files import MelForm

_FLOOR: Final = 1e-10  # power that counts as none, -100 dB


class LogMel:
    """Turns windows into spectrograms."""

    def __init__(self, form: MelForm, device: torch.device) -> None:
        from transformers.audio_utils import mel_filter_bank

        kind = "slaney" if form.slaney else "htk"
        bank = mel_filter_bank(
            num_frequency_bins=form.fft // 2 + 1,
            num_mel_filters=form.bands,
            min_frequency=form.low_hz,
            max_frequency=form.high_hz,
            sampling_rate=WINDOW_HZ,
            norm="slaney" if form.slaney else None,
            mel_scale=kind,
        )
        self._form = form
        self._bank = torch.from_numpy(bank).to(device=device, dtype=torch.float32)
        self._window = torch.hann_window(form.fft, device=device)

    def of(self, samples: torch.Tensor) -> torch.Tensor:
        """Return the spectrograms of windows, float32 [n, samples] within ±1: [n, 1, times, bands], dB."""
        form = self._form
        spectrum = torch.stft(
            samples, form.fft, form.hop, window=self._window, center=True, pad_mode="reflect", return_complex=True
        )
        power = spectrum.real**2 + spectrum.imag**2
        mel = power.transpose(1, 2) @ self._bank
        return 10.0 * torch.log10(mel.clamp_min(_FLOOR))[:, None]
