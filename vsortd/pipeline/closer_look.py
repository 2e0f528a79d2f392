"""The closer look at a video, where a rule asks for one: taken once, before anything is decided, and kept in the index.

What is small in the picture is looked for in parts of it, objects by a detector. These cost several times what whole
frames do, so nobody looks where no rule asks, or where the conditions of those that do don't hold.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.analysis.objects import DetectedVideo
from vsortd.core.identity import Identity
from vsortd.errors import BrokenError, ChangedError
from vsortd.index.store import Film
from vsortd.judging.closer_look import NOTHING_SEEN, CloserLook, SeenCrops, wanted_objects, wants_crops
from vsortd.media.thumbnails import frames_as_shown, moments_a_second

if TYPE_CHECKING:
    from vsortd.judging.conditions import ConditionFacts
    from vsortd.judging.resident_model import Classifier
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services

_CROPS: Final = "crops"  # the part's name in the index
_CROPS_WAY: Final = "1"  # how they are made; what another way made is made again


def closer_look(services: Services, job: Job, resident: Classifier, facts: ConditionFacts) -> CloserLook:
    """Return what the rules of a classifier need besides whole frames: from the index, else looked at now.

    Raises VideoError, ModelError, StoreError, Cancelled.
    """
    seen = NOTHING_SEEN
    if wants_crops(resident.tree, facts):
        with job.clock.time("crops"):
            seen = replace(seen, crops=_crops(services, job, resident))
    if wanted := wanted_objects(resident.tree, facts):
        assert job.clip is not None
        if services.detector is None:  # the rules came with a reload, and these services are those before it
            raise ChangedError("the config came to ask for objects meanwhile")
        detector = services.detector.get(job.cancel, wanted)
        with job.clock.time("objects"):
            video = DetectedVideo(
                services.media, services.index, detector, job.path, job.identity, job.clip, job.cancel
            )
            seen = replace(seen, objects=video.each_second())
    return seen


def _crops(services: Services, job: Job, resident: Classifier) -> SeenCrops:
    assert job.clip is not None
    most = services.settings.sampling.max_frames
    version = f"{_CROPS_WAY}, {most} frames, {resident.key}"
    kept = services.index.part(job.identity, _CROPS, version)
    found = crops_of_document(kept, resident.encoder.info.dim) if kept is not None else None
    if found is None:
        found = _looked(services, job, resident, most)
        film = Film.of(job.clip, job.identity)
        services.index.keep_parts(job.identity, job.path, film, version, {_CROPS: document_of_crops(found)})
    return found


def _looked(services: Services, job: Job, resident: Classifier, most: int) -> SeenCrops:
    """Decode a frame a second, at most so many, and embed the parts of each."""
    from vsortd.vision.crops import crop_boxes, crops_of, side_for_crops

    assert job.clip is not None
    clip, encoder = job.clip, resident.encoder
    preprocess = encoder.info.preprocess
    side_px = side_for_crops(preprocess, clip.shown_width_px, clip.shown_height_px)
    times_ms, rows = [], []
    boxes: list[tuple[int, int, int, int]] = []
    width = height = 1
    moments = moments_a_second(clip.duration_s, most)
    for time_ms, picture in frames_as_shown(
        services.media, job.path, clip, moments, side_px=side_px, cancel=job.cancel
    ):
        height, width = picture.shape[:2]
        boxes = crop_boxes(width, height)
        times_ms.append(time_ms)
        rows.append(encoder.encode_images(crops_of(picture, boxes, preprocess)))
    if not rows:
        raise BrokenError("no frame could be decoded")
    if Identity.of(job.path) != job.identity:
        raise ChangedError("the file changed or went away while it was looked at")
    shares = tuple((left / width, top / height, right / width, bottom / height) for left, top, right, bottom in boxes)
    # through the precision of the index, so that a second look decides exactly like the first
    vectors = np.stack(rows).astype(np.float16).astype(np.float32)
    return SeenCrops(np.array(times_ms, np.int64), vectors, shares)


def document_of_crops(crops: SeenCrops) -> dict[str, object]:
    """Return seen crops as the index keeps them."""
    return {
        "times_ms": crops.times_ms.tolist(),
        "boxes": [list(box) for box in crops.boxes],
        "vectors": base64.b64encode(crops.vectors.astype("<f2").tobytes()).decode(),
    }


def crops_of_document(document: dict[str, object], dim: int) -> SeenCrops | None:
    """Return what `document_of_crops` made, None where it is not of this form."""
    try:
        times_ms = np.array(document["times_ms"], np.int64)
        boxes = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in document["boxes"])  # type: ignore[attr-defined]
        packed = base64.b64decode(str(document["vectors"]), validate=True)
        vectors = np.frombuffer(packed, "<f2").reshape(len(times_ms), len(boxes), dim).astype(np.float32)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    return SeenCrops(times_ms, vectors, boxes)
