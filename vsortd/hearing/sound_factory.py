"""Where a sound encoder comes from: whatever the config names, loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.hearing.sound_encoder import SoundEncoder


def load_sound_encoder(choice: str, *, device: str | None = None, texts: Path | None = None) -> SoundEncoder:
    """Load the sound model that the config names: a CLAP model's folder, or its repository on the hub.

    `device` is a torch device; by default CUDA where there is a GPU. `texts` is the file that keeps the vectors of
    texts between runs. Takes seconds. Raises ModelUnavailableError when its files can't be had now, ModelError when
    they never will fit.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # see `vsortd.vision.factory`
    from vsortd.hearing.clap_encoder import ClapEncoder
    from vsortd.hearing.clap_loading import load_clap

    return ClapEncoder(load_clap(choice, device=device), texts=texts)
