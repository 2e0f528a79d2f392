"""What is drawn over a video, moment by moment, in plain values: both sides of the pipe have it. Import-light."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

RGB = tuple[int, int, int]
Span = tuple[float, float]  # begin and end, s from the video's start

MAX_PLAN_BYTES: Final = 64 << 20  # as JSON: a day of boxes


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """Colours, and the height of letters in pixels of the video as it is shown."""

    box: RGB = (255, 0, 0)
    text: RGB = (255, 255, 0)
    border: RGB = (0, 0, 0)
    font_px: int = 20


@dataclass(frozen=True, slots=True)
class OverlayShot:
    """From when on which lines stand in the corner."""

    begin_s: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverlayBoxes:
    """Boxes that are shown from `begin_s` to `end_s`: each its words, and left, top, right, bottom (0 to 1)."""

    begin_s: float
    end_s: float
    boxes: tuple[tuple[str, tuple[float, float, float, float]], ...]


@dataclass(frozen=True, slots=True)
class OverlayLoudness:
    """Loudness (LUFS) from `begin_s` on, a value each `step_s`, None in silence."""

    begin_s: float
    step_s: float
    lufs: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class OverlayPlan:
    """All of it; shots and boxes are in the order of time. None: not known, and not drawn."""

    style: OverlayStyle = OverlayStyle()
    shots: tuple[OverlayShot, ...] = ()
    boxes: tuple[OverlayBoxes, ...] = ()
    loudness: OverlayLoudness | None = None
    speech: tuple[Span, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> OverlayPlan:
        """Return what `to_json` was made of."""
        style, loud, speech = raw["style"], raw["loudness"], raw["speech"]
        colours: dict[str, Any] = {name: tuple(style[name]) for name in ("box", "text", "border")}
        return cls(
            style=OverlayStyle(**colours, font_px=style["font_px"]),
            shots=tuple(OverlayShot(one["begin_s"], tuple(one["lines"])) for one in raw["shots"]),
            boxes=tuple(
                OverlayBoxes(one["begin_s"], one["end_s"], tuple((text, tuple(box)) for text, box in one["boxes"]))
                for one in raw["boxes"]
            ),
            loudness=None if loud is None else OverlayLoudness(loud["begin_s"], loud["step_s"], tuple(loud["lufs"])),
            speech=None if speech is None else tuple((begin, end) for begin, end in speech),
        )
