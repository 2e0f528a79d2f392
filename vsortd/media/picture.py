"""From a decoded frame to the model's square input: colours, turning, resizing, cropping.

Worker processes only. Resizing happens in libswscale straight from the decoder's format, so that a large
frame is never held as RGB; its bicubic filter widens when it shrinks (antialiasing) like PIL's, and differs
from it by rounding and by the filter's parameter (0.6 against 0.5).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.media.side_data import display_matrix

Pixels = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]

# Values of ITU-T H.273, as FFmpeg names them.
TRANSFER_PQ, TRANSFER_HLG = 16, 18
_PRIMARIES_BT2020 = 9
_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_RANGE_FULL = 2
# Untagged video: broadcast practice is BT.709 from HD on, BT.601 below.
_HD_WIDTH_PX, _HD_HEIGHT_PX = 1280, 720
# Beyond this ratio the part that a centre crop drops is cut off first; it would cost memory to resize it.
_LONG_RATIO = 4.0
# libswscale refuses filters of more than 256 taps; bicubic takes 4 for each pixel that becomes one.
_MAX_SHRINK = 48
_ROUGH = Interpolation.AREA
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP

# PQ (SMPTE ST 2084) and HLG (ARIB STD-B67) constants; SDR white lies at 203 cd/m² in HDR (ITU-R BT.2408).
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_WHITE_NITS, _PQ_PEAK_NITS, _HLG_PEAK_NITS = 203.0, 10_000.0, 1_000.0
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


@dataclass(frozen=True, slots=True)
class Turn:
    """How a stored picture becomes the shown one: transpose first, then flip."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False
    rotation_deg: int = 0  # clockwise, as the matrix says

    def apply(self, pixels: Pixels) -> Pixels:
        """Return [height, width, 3] pixels as they are shown."""
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        if self.flip_x:
            pixels = pixels[:, ::-1]
        if self.flip_y:
            pixels = pixels[::-1]
        return pixels


def turn_of(frame: av.VideoFrame) -> Turn:
    """Read a frame's display matrix (ISO 14496-12, 8.3.2); oblique angles take the nearest quarter turn."""
    raw = display_matrix(frame)
    if not raw:
        return Turn()
    a, b, _, c, d = struct.unpack("=5i", raw[:20])
    if not (a or b) or not (c or d):
        return Turn()
    mirrored = a * d - b * c < 0
    # x' = a x + c y, y' = b x + d y; the angle of the image of the x axis, or against it when mirrored
    angle = np.degrees(np.arctan2(b, a)) if not mirrored else np.degrees(np.arctan2(-b, -a))
    degrees = round(float(angle)) % 360
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0, 0 if mirrored and a < 0 else degrees)
    return Turn(True, c < 0, b < 0, degrees)


class Pictures:
    """Makes model inputs out of the frames of one video; keeps libswscale's tables between frames.

    `aspect` is the sample aspect ratio (width over height of a pixel).
    """

    def __init__(self, preprocess: Preprocess, aspect: float) -> None:
        self._side = preprocess.side_px
        self._mode = preprocess.resize
        self._filter = Interpolation.BILINEAR if preprocess.interpolation == "bilinear" else Interpolation.BICUBIC
        self._aspect = aspect
        self._scaler = VideoReformatter()
        self._rough = VideoReformatter()

    def make(self, frame: av.VideoFrame) -> Pixels:
        """Return uint8 [side, side, 3] RGB of a frame, turned as shown, resized and cropped."""
        turn = turn_of(frame)
        hdr = frame.color_trc in {TRANSFER_PQ, TRANSFER_HLG}
        frame, aspect = self._without_far_ends(frame)
        width, height = self._scaled_size(frame.width * aspect, float(frame.height))
        wide = self._resize(frame, width, height, "rgb48le" if hdr else "rgb24")
        pixels = _tone_map(wide, frame) if hdr else wide.astype(np.uint8, copy=False)
        return np.ascontiguousarray(self._crop(turn.apply(pixels)))

    def _scaled_size(self, width: float, height: float) -> tuple[int, int]:
        side = self._side
        if self._mode is ResizeMode.SQUASH:
            return side, side
        if self._mode is ResizeMode.SHORTEST:
            scale = side / min(width, height)
            return max(side, int(width * scale + 1e-6)), max(side, int(height * scale + 1e-6))
        scale = side / max(width, height)
        return max(1, min(side, round(width * scale))), max(1, min(side, round(height * scale)))

    def _crop(self, pixels: Pixels) -> Pixels:
        """Cut out the centre (shortest) or pad with black around it (longest)."""
        side = self._side
        height, width = pixels.shape[:2]
        if self._mode is ResizeMode.LONGEST:
            square = np.zeros((side, side, 3), np.uint8)
            top, left = (side - height) // 2, (side - width) // 2
            square[top : top + height, left : left + width] = pixels
            return square
        top, left = round((height - side) / 2), round((width - side) / 2)
        return pixels[top : top + side, left : left + side]

    def _without_far_ends(self, frame: av.VideoFrame) -> tuple[av.VideoFrame, float]:
        """Cut a very long picture to a little more than the square that the centre crop keeps."""
        width, height = frame.width * self._aspect, float(frame.height)
        if self._mode is not ResizeMode.SHORTEST or max(width, height) <= _LONG_RATIO * min(width, height):
            return frame, self._aspect
        format_: Literal["rgb24", "rgb48le"] = "rgb48le" if _bits(frame) > 8 else "rgb24"  # noqa: PLR2004
        size = (frame.width, frame.height)
        whole: npt.NDArray[Any] = self._reformat(frame, size, format_, self._filter, self._rough).to_ndarray()
        keep = 2 * min(width, height)
        if width > height:
            columns = min(frame.width, max(1, round(keep / self._aspect)))
            left = (frame.width - columns) // 2
            whole = whole[:, left : left + columns]
        else:
            rows = min(frame.height, max(1, round(keep)))
            top = (frame.height - rows) // 2
            whole = whole[top : top + rows]
        part = av.VideoFrame.from_ndarray(np.ascontiguousarray(whole), format=format_)
        part.color_trc, part.color_primaries = frame.color_trc, frame.color_primaries
        return part, self._aspect

    def _resize(self, frame: av.VideoFrame, width: int, height: int, format_: str) -> npt.NDArray[np.generic]:
        if frame.width > width * _MAX_SHRINK or frame.height > height * _MAX_SHRINK:
            # a rough step first: more than one of these would only help pictures of millions of rows
            frame = self._reformat(
                frame,
                (min(frame.width, width * _MAX_SHRINK // 4), min(frame.height, height * _MAX_SHRINK // 4)),
                format_,
                _ROUGH,
                self._rough,
            )
        return self._reformat(frame, (width, height), format_, self._filter, self._scaler).to_ndarray()

    @staticmethod
    def _reformat(
        frame: av.VideoFrame,
        size: tuple[int, int],
        format_: str,
        interpolation: Interpolation,
        scaler: VideoReformatter,
    ) -> av.VideoFrame:
        return scaler.reformat(
            frame,
            width=size[0],
            height=size[1],
            format=format_,
            src_colorspace=matrix_of(frame),
            src_color_range=range_of(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=interpolation | _EXACT,
            threads=1,
        )


def _bits(frame: av.VideoFrame) -> int:
    return max((component.bits for component in frame.format.components), default=8)


def matrix_of(frame: av.VideoFrame) -> Colorspace | None:
    """Return the matrix that a frame's colours are coded by, guessed by its size where nothing tells; None for RGB."""
    if frame.format.is_rgb:
        return None
    known = _MATRIX.get(int(frame.colorspace))
    if known is not None:
        return known
    large = frame.width >= _HD_WIDTH_PX or frame.height >= _HD_HEIGHT_PX
    return Colorspace.ITU709 if large else Colorspace.ITU601


def range_of(frame: av.VideoFrame) -> ColorRange:
    """Return the range of a frame's levels: limited unless it says otherwise."""
    full = frame.color_range == _RANGE_FULL or frame.format.is_rgb or frame.format.name.startswith("yuvj")
    return ColorRange.JPEG if full else ColorRange.MPEG


def _tone_map(wide: npt.NDArray[np.generic], frame: av.VideoFrame) -> Pixels:
    """Bring PQ or HLG [height, width, 3] uint16 to sRGB uint8, white stays white, highlights keep a shape."""
    signal = wide.astype(np.float32) / 65535.0
    nits = _pq_to_nits(signal) if frame.color_trc == TRANSFER_PQ else _hlg_to_nits(signal)
    light = nits / _WHITE_NITS
    if frame.color_primaries in {_PRIMARIES_BT2020, 2, 0}:  # HDR without a word on primaries is BT.2020
        light = np.maximum(light @ _BT2020_TO_BT709.T, 0.0)
    # linear up to 0.8 of white, then a soft knee that reaches 1 at infinity
    knee = 0.8
    over = np.maximum(light - knee, 0.0)
    light = np.minimum(light, knee) + (1 - knee) * over / (over + (1 - knee))
    low, high = 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055
    srgb = np.where(light <= 0.0031308, low, high)  # noqa: PLR2004 - where the two meet (IEC 61966-2-1)
    pixels: Pixels = np.clip(np.rint(srgb * 255), 0, 255).astype(np.uint8)
    return pixels


def _pq_to_nits(signal: Light) -> Light:
    power = np.power(signal, 1 / _PQ_M2)
    light = np.power(np.maximum(power - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * power), 1 / _PQ_M1)
    nits: Light = (light * _PQ_PEAK_NITS).astype(np.float32)
    return nits


def _hlg_to_nits(signal: Light) -> Light:
    low = signal * signal / 3
    high = (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12
    scene = np.where(signal <= 0.5, low, high)  # noqa: PLR2004 - where HLG's two halves meet
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593], np.float32)
    # the system gamma of 1.2 for a display of 1,000 cd/m² (ITU-R BT.2100)
    gain = np.power(np.maximum(luminance, 1e-6), 0.2)[..., None]
    nits: Light = (scene * gain * _HLG_PEAK_NITS).astype(np.float32)
    return nits
