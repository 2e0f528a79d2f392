"""Parts of a video as editing programs take them: CMX 3600 (EDL), FCPXML 1.9, and LosslessCut's CSV. Pure.

An edit list lays the parts one after the other: shots as the video is, found spans as a reel of what was found. Times
are those of the video; frames begin where they are nearest to.

Sources: CMX 3600 as editors read it (one event a part, `* FROM CLIP NAME`, `FCM`); Apple's DTD of FCPXML 1.9 (an asset
names its file in a media-rep, times are rational seconds on the borders of frames); LosslessCut's documentation (one
segment a line: begin and end in seconds, then a label; no heading).
"""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from vsortd.core.timecode import Timecode, editing_rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from vsortd.core.technical_facts import SoundStreamFacts, TechnicalFacts

ENDINGS: Final = (".edl", ".fcpxml", ".csv")
_REEL: Final = "AX"  # CMX 3600's name of a source without a reel
_TITLE_LETTERS: Final = 70  # as many as a line of CMX 3600 may have
_USUAL_FPS: Final = 25.0  # a single frame has no rate, and any will do


@dataclass(frozen=True, slots=True)
class EditPart:
    """A part of a video, seconds from its beginning with `begin_s` ≤ `end_s`, and what it is called, maybe ""."""

    begin_s: float
    end_s: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class EditSource:
    """The video that the parts are of: its absolute path, how its frames are counted, and what an editor asks of it."""

    path: Path
    timecode: Timecode
    duration_s: float
    width_px: int
    height_px: int
    sound: SoundStreamFacts | None

    @classmethod
    def of(cls, path: Path, facts: TechnicalFacts) -> EditSource:
        """Return what a file says of itself; its own timecode counts."""
        film = facts.film_stream
        rate = editing_rate((film.fps if film is not None else None) or _USUAL_FPS)
        tags = {key.lower(): value for key, value in (*facts.tags.items(), *facts.film_tags.items())}
        width_px, height_px = (film.shown_width_px, film.shown_height_px) if film is not None else (0, 0)
        duration_s, sounds = facts.duration_s or 0.0, facts.sounds
        sound = next((one for one in sounds if one.default), sounds[0] if sounds else None)
        return cls(path, Timecode.told_by(tags.get("timecode"), rate), duration_s, width_px or 0, height_px or 0, sound)


def edit_text(ending: str, parts: Sequence[EditPart], source: EditSource) -> str:
    """Return the parts in the format of a file with one of `ENDINGS`, in the order in which they come."""
    if ending == ".edl":
        return edl(parts, source)
    return fcpxml(parts, source) if ending == ".fcpxml" else losslesscut_csv(parts)


def losslesscut_csv(parts: Iterable[EditPart]) -> str:
    """Return the parts as LosslessCut imports and exports its segments."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows((f"{one.begin_s:.3f}", f"{one.end_s:.3f}", _one_line(one.label)) for one in parts)
    return text.getvalue()


def edl(parts: Iterable[EditPart], source: EditSource) -> str:
    """Return the parts as a CMX 3600 list, one event a part, for an editor that has the file at hand.

    Source timecodes begin with the file's own, those of the list with 0; frames are dropped from the labels where the
    file's own timecode does so.
    """
    name, own = _one_line(source.path.name), source.timecode
    record = Timecode(own.rate, own.drop)
    lines = [f"TITLE: {name[:_TITLE_LETTERS]}", f"FCM: {'' if own.drop else 'NON-'}DROP FRAME", ""]
    for number, (part, begin, length, at) in enumerate(_in_frames(parts, own), 1):
        spans = (own.label(begin), own.label(begin + length), record.label(at), record.label(at + length))
        lines += [f"{number:03d}  {_REEL:<8} V     C        {' '.join(spans)}", f"* FROM CLIP NAME: {name}"]
        if part.label:
            lines.append(f"* COMMENT: {_one_line(part.label)}")
    return "\n".join(lines) + "\n"


def fcpxml(parts: Iterable[EditPart], source: EditSource) -> str:
    """Return the parts as a project of FCPXML 1.9: a clip a part on the spine, all of one asset."""
    rows, own = list(_in_frames(parts, source.timecode)), source.timecode
    name, counting = _one_line(source.path.name), "DF" if own.drop else "NDF"
    whole = max(own.frame_at(source.duration_s), *(begin + length for _, begin, length, _ in rows), 1)
    root = ET.Element("fcpxml", version="1.9")
    resources = ET.SubElement(root, "resources")
    size = {"width": str(source.width_px), "height": str(source.height_px)} if source.width_px else {}
    ET.SubElement(resources, "format", {"id": "r1", "frameDuration": _rational(1, own.rate), **size})
    begins = {"start": _rational(own.start, own.rate), "duration": _rational(whole, own.rate)}
    told = {"id": "r2", "name": name, **begins, "hasVideo": "1", "format": "r1", **_heard(source)}
    asset = ET.SubElement(resources, "asset", told)
    ET.SubElement(asset, "media-rep", kind="original-media", src=source.path.as_uri())
    event = ET.SubElement(ET.SubElement(root, "library"), "event", name=name)
    total = _rational(sum(length for _, _, length, _ in rows), own.rate)
    project = ET.SubElement(event, "project", name=name)
    sequence = ET.SubElement(project, "sequence", format="r1", duration=total, tcStart="0s", tcFormat=counting)
    spine = ET.SubElement(sequence, "spine")
    for part, begin, length, at in rows:
        times = {"offset": at, "start": own.start + begin, "duration": length}
        spans = {key: _rational(frames, own.rate) for key, frames in times.items()}
        label = _one_line(part.label) or name
        ET.SubElement(spine, "asset-clip", {"ref": "r2", "name": label, **spans, "tcFormat": counting})
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{body}\n'


def _heard(source: EditSource) -> dict[str, str]:
    if source.sound is None:
        return {}
    told = {"audioChannels": source.sound.channels, "audioRate": source.sound.rate_hz}
    return {"hasAudio": "1", "audioSources": "1", **{key: str(value) for key, value in told.items() if value}}


def _in_frames(parts: Iterable[EditPart], own: Timecode) -> Iterator[tuple[EditPart, int, int, int]]:
    """Yield each part with its first frame, how many it has (one at least), and how many lie before it in the list."""
    at = 0
    for part in parts:
        begin = own.frame_at(part.begin_s)
        length = max(1, own.frame_at(part.end_s) - begin)
        yield part, begin, length, at
        at += length


def _rational(frames: int, rate: Fraction) -> str:
    """Return so many frames as a time: a whole number of frame durations, such as `1001/30000s`."""
    if not frames:
        return "0s"
    numerator = frames * rate.denominator
    return f"{numerator // rate.numerator}s" if numerator % rate.numerator == 0 else f"{numerator}/{rate.numerator}s"


def _one_line(text: str) -> str:
    """Return a text that stays on its line; spaces of any width are kept, for Apple's file names have narrow ones."""
    return "".join(one if one.isprintable() or unicodedata.category(one) == "Zs" else "?" for one in text)
