"""Where an encoder comes from: whatever the config names, loaded and behind one thread."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.settings import ModelChoice
    from vsortd.vision.encoder import Encoder


def load_encoder(choice: str | ModelChoice, *, device: str | None = None, texts: Path | None = None) -> Encoder:
    """Load the model that the config asks for: "auto", "sample" or a name with weights.

    `device` is a torch device ("cpu", "cuda", "cuda:1"); by default CUDA where there is a GPU. `texts` is the file that
    keeps the vectors of texts between runs (`places.texts_path`), None for none. Takes seconds. Raises
    ModelUnavailableError when the weights can't be had now, ModelError when they never will fit.
    """
    # Threads of GNU OpenMP spin while they wait for work. In a daemon whose loader thread has ended they do so without
    # end (measured: a batch took 150 ms instead of 27 beside two busy processes). It is read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from vsortd.vision import batching, loading

    loaded = loading.load_model(choice, device=device)
    if texts is not None and device is None:
        from vsortd.vision.known_model import KnownModel, keep_model

        keep_model(texts.parent, choice, KnownModel(loaded.info, batching.texts_key(loaded)), loaded.files)
    return batching.BatchingEncoder(loaded, texts=texts)
