"""torchvision's detectors, filled with weights from a file or from torchvision's own list."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import nn

from vsortd.errors import ModelError
from vsortd.vision.detector import DetectorChoice, found_objects, strongest
from vsortd.vision.detector_files import existing, obtain_detector_weights, read_names, weights_path
from vsortd.vision.loading import best_device, check_fit, fingerprint, read_weights
from vsortd.vision.models import looks_like_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsortd.vision.detector import FoundObject, Pixels

    # torchvision ships few types
    Untyped = Any

_BACKGROUND: Final = "__background__"
_NO_CLASS: Final = frozenset({_BACKGROUND, "N/A", "no person"})  # places in torchvision's lists that are no class
_LARGEST_PX: Final = 1333  # to which torchvision's larger detectors bring a picture's longer side
_LEAST_PX: Final = 640
# These were trained and published with batch norms of no epsilon, see torchvision's `overwrite_eps`.
_WITHOUT_EPSILON: Final = frozenset(
    {"fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn", "retinanet_resnet50_fpn"}
)


class TorchDetector:
    """A detector of torchvision; thread-safe, one picture at a time.

    Raises ModelUnavailableError where its weights can't be had now, ModelError for a name, tag or file that there is
    not or that doesn't fit.
    """

    def __init__(self, choice: DetectorChoice, *, device: torch.device | None = None) -> None:
        check_name(choice.model)
        self._name = choice.model
        self._device = best_device() if device is None else device
        path, categories = _weights_of(choice)
        if choice.labels is not None:
            named = read_names(choice.labels)
            categories = named if named[0] == _BACKGROUND else (_BACKGROUND, *named)
        self._categories = categories
        self.names = _classes(categories)
        self._module, self.side_px = self._built(choice, path)
        digest = hashlib.blake2b("\n".join(categories).encode(), digest_size=4).hexdigest()
        self.key = f"{choice.model}/{fingerprint(path)}/{digest}"
        self._lock = threading.Lock()
        self.detect(np.zeros((64, 64, 3), np.uint8))  # so that one that can't run is found before the first video

    def detect(self, picture: Pixels) -> tuple[FoundObject, ...]:
        """Find things, see `ObjectDetector`."""
        height, width = picture.shape[:2]
        try:
            with self._lock, torch.inference_mode():
                tensor = torch.from_numpy(np.ascontiguousarray(picture)).to(self._device)
                (found,) = self._module([tensor.permute(2, 0, 1).float() / 255])
                boxes, scores, labels = (found[name].double().cpu().numpy() for name in ("boxes", "scores", "labels"))
        except (
            RuntimeError,
            ValueError,
            KeyError,
            TypeError,
        ) as error:  # memory, shapes: whatever it is, it doesn't run
            raise ModelError(f"The detector {self._name} fails: {error}", remedy="Try another one.") from error
        places = labels.astype(np.intp)
        known = np.array(
            [0 <= one < len(self._categories) and self._categories[one] not in _NO_CLASS for one in places], bool
        )
        sound = known & np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
        boxes, scores, places = boxes[sound], scores[sound], places[sound]
        kept = strongest(boxes, scores, places)
        shares = boxes[kept] / np.array([width, height, width, height], np.float64)
        return found_objects(self._categories, shares, scores[kept], places[kept])

    def _built(self, choice: DetectorChoice, path: Path) -> tuple[Untyped, int]:
        """Return the architecture with its weights, and the longer side of the pictures that it wants."""
        state = read_weights(path)
        count = len(self._categories)
        module: Untyped = _zoo().get_model(self._name, weights=None, weights_backbone=None, num_classes=count)
        if not any(key.endswith(".num_batches_tracked") for key in state):
            _freeze(module, epsilon=0.0 if self._name in _WITHOUT_EPSILON and choice.weights is None else None)
        check_fit(module.state_dict(), state, path, f"{self._name} with {count} classes")
        module.load_state_dict(state, strict=True)
        module.eval().requires_grad_(requires_grad=False)
        side = int(max(_LEAST_PX, min(_LARGEST_PX, module.transform.max_size)))
        return module.to(self._device), side


def check_name(name: str) -> None:
    """Raise ModelError, with the nearest names, unless torchvision has a detector of this name."""
    known = detector_names()
    if name in known:
        return
    close = difflib.get_close_matches(name.casefold(), known, n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise ModelError(
        f"torchvision has no detector {name!r}.{hint}",
        remedy=f"It has {', '.join(known)}; a file of your own ends in .onnx or .xml.",
    )


def detector_names() -> list[str]:
    """Return the names of torchvision's detectors."""
    return list(_zoo().list_models(module=_zoo().detection))


def categories_of(name: str) -> tuple[str, ...]:
    """Return the classes that torchvision's own weights for a detector tell apart; loads no weights."""
    return _classes(tuple(_zoo().get_model_weights(name).DEFAULT.meta["categories"]))


def weights_to_fetch(choice: DetectorChoice) -> tuple[str, Path] | None:
    """Return the address of the weights that a detector would download, and the file that they would become.

    None where it would download nothing. Raises ModelError for a name or a tag that there is not.
    """
    check_name(choice.model)
    weights = _published(choice)
    if weights is None or (path := weights_path(weights.url, _checkpoints())).is_file():
        return None
    return str(weights.url), path


def _classes(categories: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in categories if name not in _NO_CLASS)


def _zoo() -> Untyped:
    """Return torchvision's models; they take a while to import."""
    importlib.import_module("vsortd.vision.open_clip_parts")  # imports torchvision for less
    return importlib.import_module("torchvision.models")


def _weights_of(choice: DetectorChoice) -> tuple[Path, tuple[str, ...]]:
    """Return a weights file, and the classes of torchvision's own weights for this architecture."""
    weights = _published(choice)
    if weights is None:
        default: Untyped = _zoo().get_model_weights(choice.model).DEFAULT
        assert choice.weights is not None
        return existing(Path(choice.weights)), tuple(default.meta["categories"])
    return obtain_detector_weights(choice.model, weights.url, _checkpoints()), tuple(weights.meta["categories"])


def _published(choice: DetectorChoice) -> Untyped | None:
    """Return which weights of torchvision's a choice means, None where it names a file. Raises ModelError."""
    known: Untyped = _zoo().get_model_weights(choice.model)
    if choice.weights is None:
        return known.DEFAULT
    if looks_like_path(choice.weights):
        return None
    tags: Mapping[str, Untyped] = {one.name: one for one in known}
    if choice.weights not in tags:
        raise ModelError(
            f"The detector {choice.model} has no weights {choice.weights!r}.",
            remedy=f"It has {', '.join(tags)}; or name a file: {choice.model}=/path/to/weights.pth.",
        )
    return tags[choice.weights]


def _checkpoints() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _freeze(module: nn.Module, *, epsilon: float | None) -> None:
    """Put in place of batch norms those that torchvision trains its detectors with, which count no batches."""
    from torchvision.ops.misc import FrozenBatchNorm2d

    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            frozen: Untyped = FrozenBatchNorm2d(child.num_features, child.eps if epsilon is None else epsilon)
            setattr(module, name, frozen)
        else:
            _freeze(child, epsilon=epsilon)
