"""The things of one class in a video, each as the picture encoder sees it: for labels that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.core.identity import Identity
from vsortd.errors import ChangedError, UsageError
from vsortd.media.preprocess import ResizeMode
from vsortd.media.thumbnails import frames_as_shown
from vsortd.vision.crops import crops_of
from vsortd.vision.detector import unknown_class

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.analysis.objects import DetectedVideo
    from vsortd.core.video_facts import Clip
    from vsortd.media.preprocess import Preprocess
    from vsortd.vision.crops import PixelBox
    from vsortd.vision.detector import Box, ObjectDetector, SeenObjects
    from vsortd.vision.encoder import Encoder

TARGET_SCORE: Final = 0.3  # how sure the detector has to be of a thing
MOST_BOXES: Final = 16  # of a frame, the surest
_LARGEST_PX: Final = 1280  # longer side of the frames that boxes are cut out of
_GROWN: Final = 0.1  # of a box's width and height, in all: what is at its edges belongs to it
_LEAST_PX: Final = 32  # a side of what is cut out


@dataclass(frozen=True, slots=True, eq=False)
class TargetBoxes:
    """The things of one class in n frames.

    `times_ms` is int64 [n] of all frames that were looked at, `frame_of` [k] which of them each of k boxes is of,
    ascending, `vectors` float32 [k, dim] of unit rows.
    """

    times_ms: npt.NDArray[np.int64]
    frame_of: npt.NDArray[np.intp]
    vectors: npt.NDArray[np.float32]
    duration_s: float


def insist_on_target(detector: ObjectDetector, target: str) -> None:
    """Raise UsageError, with the nearest names, for a class that a detector doesn't know."""
    if (unknown := unknown_class(detector.names, target)) is not None:
        hint, known = unknown
        title = f"--target: the detector {detector.key.partition('/')[0]} knows no {target!r}.{hint}"
        raise UsageError(title, remedy=f"It knows {known}.")


def boxes_of_target(video: DetectedVideo, encoder: Encoder, target: str) -> TargetBoxes:
    """Find the things of a class in a frame a second, and embed each; raises like `DetectedVideo.each_second`."""
    clip = video.clip or video.media.probe(video.path, cancel=video.cancel)
    seen = replace(video, clip=clip).each_second()
    boxes = _boxes(seen, target)
    side_px = max(1, min(_LARGEST_PX, max(clip.shown_width_px, clip.shown_height_px)))
    wanted = sorted(boxes)
    place_of = {time_ms: place for place, time_ms in enumerate(seen.times_ms)}
    frame_of: list[int] = []
    rows = [np.empty((0, encoder.info.dim), np.float32)]
    for time_ms, picture in frames_as_shown(
        video.media, video.path, clip, wanted, side_px=side_px, cancel=video.cancel
    ):
        if time_ms not in boxes:
            continue
        height, width = picture.shape[:2]
        cut = [around(box, width, height, least_px=_least_px(clip, width, height)) for box in boxes[time_ms]]
        frame_of += [place_of[time_ms]] * len(cut)
        rows.append(encoder.encode_images(crops_of(picture, cut, _whole(encoder))))
    if Identity.of(video.path) != video.identity:
        raise ChangedError("the file changed or went away while it was looked at")
    times_ms = np.array(seen.times_ms, np.int64)
    return TargetBoxes(times_ms, np.array(frame_of, np.intp), np.concatenate(rows), clip.duration_s)


def _boxes(seen: SeenObjects, target: str) -> dict[int, list[Box]]:
    """Return the boxes of a class by the time of their frame, ms; the surest of each."""
    found = {}
    for time_ms, frame in zip(seen.times_ms, seen.found, strict=True):
        own = [one.box for one in frame if one.name.casefold() == target.casefold() and one.score >= TARGET_SCORE]
        if own:
            found[time_ms] = own[:MOST_BOXES]  # detectors tell the surest first
    return found


def _least_px(clip: Clip, width: int, height: int) -> int:
    """Return what `_LEAST_PX` of the film are in a picture of this size."""
    return max(1, round(_LEAST_PX * max(width, height) / max(clip.shown_width_px, clip.shown_height_px)))


def around(box: Box, width: int, height: int, *, least_px: int = _LEAST_PX) -> PixelBox:
    """Return what is cut out of a picture for a box: a little more than it, square, as far as the picture reaches.

    `box` is in shares of the picture, what comes back in px. A square of what is there anyway: the encoder would cut
    off the ends of a long box, which may be a head.
    """
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    side = max((right - left) * (1 + _GROWN), (bottom - top) * (1 + _GROWN), least_px)
    across, down = min(width, max(1, round(side))), min(height, max(1, round(side)))
    begin_x = min(max(0, round((left + right - across) / 2)), width - across)
    begin_y = min(max(0, round((top + bottom - down) / 2)), height - down)
    return begin_x, begin_y, begin_x + across, begin_y + down


def _whole(encoder: Encoder) -> Preprocess:
    """Return how the encoder wants pictures, but none of a box cut off where it could not be made square."""
    shape = encoder.info.preprocess
    return shape if shape.resize is ResizeMode.SQUASH else replace(shape, resize=ResizeMode.LONGEST)
