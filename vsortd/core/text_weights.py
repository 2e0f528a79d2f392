"""Where the networks lie that read text in pictures: in the package rapidocr, of which nothing is imported here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OCR_REMEDY: Final = "pip install 'vsortd[ocr]'"


@dataclass(frozen=True, slots=True)
class TextWeights:
    """The files of the networks that find lines and that read one, and the release of the package."""

    detector: Path
    recogniser: Path
    release: str


def text_weights() -> TextWeights | str:
    """Return where the networks lie, or why there are none."""
    for package in ("rapidocr", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is not installed"
    spec = importlib.util.find_spec("rapidocr")
    assert spec is not None
    folders = [Path(folder) / "models" for folder in spec.submodule_search_locations or ()]
    detectors, recognisers = (
        sorted(path for folder in folders for path in folder.glob(f"*_{task}_*.onnx")) for task in ("det", "rec")
    )
    if not detectors or not recognisers:
        return "the package rapidocr has no networks in it; 3.10 has"
    return TextWeights(detectors[-1], recognisers[-1], importlib.metadata.version("rapidocr"))
