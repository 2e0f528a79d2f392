"""Cutting one scene out of a video into an MP4 of its own: copied packet by packet where MP4 can hold the codec.

A copy has to begin at a keyframe. Is one within half a second of the wished beginning, the scene begins there; else
the pictures between the keyframe and the beginning are in the file, too, and an edit list (ISO 14496-12, 8.6.6) hides
them. ffmpeg writes that list by itself for packets before its time zero. Seeking is left to ffmpeg, too: which
keyframe it finds for a moment depends on edit lists and reordering, so the same `-ss` lists the packets and copies
them, and `-itsoffset` moves time zero to where the scene begins.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.outcomes import ConversionKind
from vsortd.core.system.file_rights import carry_over_between
from vsortd.core.system.os_errors import explained
from vsortd.errors import BrokenError, ChangedError, FilingError, IncompleteError, UsageError
from vsortd.media.command import conversion_command, needed_encoders, real_creation_time
from vsortd.media.conversion_plan import ConversionPlan, insist_on_movie, plan_scene
from vsortd.media.ffmpeg import ffmpeg_version, find_ffmpeg, run_ffmpeg
from vsortd.media.new_file import new_file

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable

    from vsortd.core.video_facts import Clip
    from vsortd.media.pool import MediaPool

# A scene may begin this much beside the wished moment; half a second more is less trouble than an edit list.
NEAR_KEYFRAME_S = 0.5
# Listed beyond the end, so that the last group of reordered pictures is seen whole.
_LOOK_AHEAD_S = 1.0
# Times are handed to ffmpeg in microseconds; two pictures never lie as close.
_EQUAL_S = 1e-4
# What a result may differ in length from what was asked of ffmpeg: about a frame.
_LENGTH_PART, _LENGTH_S = 0.01, 0.1
# MP3 hands bits on from frame to frame: the first ones of a copy may lack theirs. Nobody hears 0.1 s.
_SOUND_ERRORS = 4
# Encoding anew pads odd sizes by one pixel; up to two are seen through a sample aspect ratio.
_PADDED_PX = 2
# As slow as a busy disk, or a busy core.
_STALL_S, _BYTES_PER_S, _DECODE_LIMIT_FACTOR = 120.0, 4e6, 20.0
# Shifted by `-ss`, which is rounded to the time base, they would be up to half a tick off.
_OWN_TIMES = ("-copyts", "-start_at_zero")
# A line of a listing has about 60 bytes: an hour of ten streams at 100 packets a second.
_LISTING_BYTES = 256 << 20
_FULL_BYTES = 1 << 20  # less room than this explains a result that is not whole, should ffmpeg not have told
_DISCARDED = 0x4  # AV_PKT_FLAG_DISCARD: cut away by the source's own edit list
_FIRST_YEAR = 1990  # before it, the clock was never set
_DATE_TAGS = ("creation_time", "com.apple.quicktime.creationdate", "date")


class CutKind(StrEnum):
    """How the pictures came into the result."""

    COPY = "copy"
    TRANSCODE = "transcode"


@dataclass(frozen=True, slots=True)
class Cut:
    """A scene that was cut out: what of the source it shows (seconds), and how it was made, in plain words."""

    kind: CutKind
    begin_s: float
    end_s: float
    size_bytes: int
    note: str


@dataclass(frozen=True, slots=True)
class _Packet:
    """One encoded picture; times are seconds from the source's beginning."""

    dts_s: float
    pts_s: float
    duration_s: float
    content: tuple[int, str]  # size in bytes, Adler-32
    hidden: bool


@dataclass(frozen=True, slots=True)
class _Span:
    """What to ask of ffmpeg: the moment to look for, where the result begins, how long it is, what goes into it."""

    seek_s: float
    begin_s: float
    read_s: float
    packets: tuple[_Packet, ...]

    @property
    def shown(self) -> tuple[_Packet, ...]:
        return tuple(one for one in self.packets if one.pts_s >= self.begin_s - _EQUAL_S and not one.hidden)

    @property
    def end_s(self) -> float:
        return max(one.pts_s + one.duration_s for one in self.shown)

    @property
    def extra_s(self) -> float:
        """Return how much the edit list hides, seconds."""
        return max(0.0, self.begin_s - min(one.pts_s for one in self.packets))


def cut(  # noqa: PLR0917 - from where, to where, which part
    source: Path,
    target: Path,
    clip: Clip,
    begin_s: float,
    end_s: float,
    media: MediaPool,
    *,
    cancel: threading.Event | None = None,
) -> Cut:
    """Write what `source` shows from `begin_s` to `end_s` (seconds from its beginning) to the new MP4 `target`.

    `clip` are the source's facts. Times beyond the film are moved to its edges. The result is made under a hidden name
    beside the target, checked (packets equal, decodable to the end, as long as it should be) and then named; the
    source is only read. Raises UsageError (empty scene, target exists or its folder doesn't), VideoError, FilingError,
    ToolError without a usable ffmpeg, Cancelled; then there is no target.
    """
    insist_on_movie(source, clip)
    source, target = source.absolute(), target.absolute()
    begin_s, end_s = _within(clip, begin_s, end_s)
    with new_file(target) as temporary:
        made = _Cutter(source, temporary, clip, media, cancel).make(begin_s, end_s)
        with explained("Could not write", target):
            carry_over_between(source.resolve(), temporary, times=False)
    return made


def _within(clip: Clip, begin_s: float, end_s: float) -> tuple[float, float]:
    length_s = max(clip.duration_s, clip.container_duration_s)
    begin, end = max(0.0, begin_s), min(length_s, end_s)
    if end <= begin or math.isnan(begin_s) or math.isnan(end_s):
        raise UsageError(
            f"There is no scene from {begin_s:g} s to {end_s:g} s.",
            remedy=f"The video lasts {length_s:.2f} s; name two moments in it, the earlier one first.",
        )
    return round(begin, 6), end  # as precise as it is handed to ffmpeg


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Makes one result from one source, and checks it."""

    source: Path
    result: Path
    clip: Clip
    media: MediaPool
    cancel: threading.Event | None

    def make(self, begin_s: float, end_s: float) -> Cut:
        """Copy, or encode anew where MP4 can't hold the codec or the copy does not come out right."""
        packets = self._packets_from(begin_s, end_s)
        plan = self._plan(anew=False)
        why = plan.reason
        if plan.kind is ConversionKind.REMUX:
            span = copied_span(packets, begin_s, end_s)
            try:
                return self._made(CutKind.COPY, plan, span, _copy_note(span, begin_s, plan))
            except (BrokenError, IncompleteError) as error:
                self.result.unlink(missing_ok=True)
                plan = self._plan(anew=True)
                why = f"a copy did not come out right ({error.reason})"
        return self._made(CutKind.TRANSCODE, plan, encoded_span(packets, begin_s, end_s), f"Encoded anew: {why}.")

    def _plan(self, *, anew: bool) -> ConversionPlan:
        """Plan what the scene consists of; of pictures only the film is kept, no cover art."""
        streams = tuple(one for one in self.clip.streams if one.kind != "video" or one.index == self.clip.video_index)
        return plan_scene(replace(self.clip, streams=streams), anew=anew)

    def _packets_from(self, begin_s: float, end_s: float) -> list[_Packet]:
        """List the film's packets from the keyframe that ffmpeg finds for `begin_s`, to a little after the end."""
        window = ["-ss", f"{begin_s:.6f}", "-t", f"{end_s - begin_s + _LOOK_AHEAD_S:.6f}"]
        packets = self._listed(self.source, self.clip.video_index, window)
        if not packets or not any(packets[0].pts_s <= one.pts_s < end_s and not one.hidden for one in packets):
            raise UsageError(
                f"The video shows no picture from {begin_s:.3f} s to {end_s:.3f} s.", remedy="Choose a longer scene."
            )
        return packets

    def _listed(self, path: Path, index: int, options: Iterable[str]) -> list[_Packet]:
        """Read a stream's packets without decoding them; their times are the file's own, not shifted by `-ss`."""
        ffmpeg = find_ffmpeg()
        with tempfile.TemporaryDirectory(prefix="vsortd-cut-") as folder:
            listing = Path(folder) / "packets"
            strict = ["-f", "mov", "-protocol_whitelist", "file", "-enable_drefs", "0", "-use_absolute_path", "0"]
            given = [*strict, *options, "-i", f"file:{path}"]
            wanted = ["-map", f"0:{index}", "-c", "copy", "-f", "framecrc", f"file:{listing}"]
            command = [str(ffmpeg), "-hide_banner", "-nostdin", "-y", "-v", "error", *_OWN_TIMES, *given, *wanted]
            run_ffmpeg(
                command,
                source=path,
                target=listing,
                must_confine=self.media.must_confine,
                stall_s=self._limit_s(),
                max_file_bytes=_LISTING_BYTES,
                cancel=self.cancel,
            )
            return packets_of(listing.read_text("ascii", "replace"))

    def _made(self, kind: CutKind, plan: ConversionPlan, span: _Span, note: str) -> Cut:
        ffmpeg = find_ffmpeg(needed_encoders(plan))
        clip = replace(self.clip, tags=_later(self.clip.tags, span.begin_s))
        command = conversion_command(ffmpeg, ffmpeg_version(ffmpeg), self.source, self.result, plan=plan, clip=clip)
        size_bytes = self._size_bytes()
        most = size_bytes + size_bytes // 4 + (64 << 20) if kind is CutKind.COPY else 0
        command = _of_span(command, clip, span)
        try:
            run_ffmpeg(
                command,
                source=self.source,
                target=self.result,
                must_confine=self.media.must_confine,
                stall_s=self._limit_s(),
                max_file_bytes=most,
                cancel=self.cancel,
            )
        except FilingError as error:
            raise self._full() from error
        try:
            self._verify(kind, plan, span)
        except (BrokenError, IncompleteError) as error:
            if shutil.disk_usage(self.result.parent).free < _FULL_BYTES:
                raise self._full() from error
            raise
        return Cut(kind, round(span.begin_s, 6), round(span.end_s, 6), self.result.stat().st_size, note)

    def _verify(self, kind: CutKind, plan: ConversionPlan, span: _Span) -> None:
        """Raise BrokenError or IncompleteError if the result is not the span, whole and shown like the source."""
        facts = self.media.probe(self.result, cancel=self.cancel)
        _check_facts(self.clip, facts)
        limit_s = self._limit_s() + (span.end_s - span.begin_s + span.extra_s) * _DECODE_LIMIT_FACTOR
        sounds = [one.index for one in facts.streams if one.kind == "audio"]
        for index in (facts.video_index, *sounds):
            (report,) = self.media.decode(self.result, [index], timeout_s=limit_s, cancel=self.cancel)
            if report.errors > (_SOUND_ERRORS if index in sounds else 0):
                raise BrokenError(f"the cut scene's stream {index} decodes with {report.errors} errors")
            if index == facts.video_index:
                _check_length(report.frames, facts.duration_s, span)
        planned = [item.source.index for item in plan.streams if item.source.kind == "audio"]
        if len(sounds) < len(planned) and len(sounds) < sum(self._speaks(index, span) for index in planned):
            raise BrokenError("the cut scene lost its sound")
        if kind is CutKind.COPY:
            copied = self._listed(self.result, facts.video_index, ["-ignore_editlist", "1"])
            if [one.content for one in copied] != [one.content for one in span.packets]:
                raise BrokenError("the cut scene's packets are not the source's")

    def _speaks(self, index: int, span: _Span) -> bool:
        """Tell whether a stream has anything within the span; sound may end before the pictures do."""
        window = ["-ss", f"{span.begin_s:.6f}", "-t", f"{span.read_s:.6f}"]
        return any(one.pts_s >= span.begin_s for one in self._listed(self.source, index, window))

    def _full(self) -> FilingError:
        folder = self.result.parent
        return FilingError(
            f"The scene could not be written: the disk of {folder} is full, over its quota or read-only.",
            remedy="Free some space there, or name a file on another disk.",
            paths=[folder],
        )

    def _limit_s(self) -> float:
        return _STALL_S + self._size_bytes() / _BYTES_PER_S

    def _size_bytes(self) -> int:
        try:
            return self.source.stat().st_size
        except OSError as error:
            raise ChangedError(f"the file is gone ({error.strerror})") from error


def packets_of(listing: str) -> list[_Packet]:
    """Read ffmpeg's framecrc format (libavformat/framecrcenc.c): a time base, then a line a packet.

    Raises BrokenError where it is something else.
    """
    base_s, packets = 0.0, []
    try:
        for line in listing.splitlines():
            if line.startswith("#tb 0:"):
                numerator, _, denominator = line.removeprefix("#tb 0:").partition("/")
                base_s = int(numerator) / int(denominator)
            elif line and not line.startswith("#"):
                _, dts, pts, duration, size, checksum, *more = (part.strip() for part in line.split(","))
                flags = next((int(part.removeprefix("F="), 0) for part in more if part.startswith("F=")), 0)
                packets.append(
                    _Packet(
                        int(dts) * base_s,
                        int(pts) * base_s,
                        int(duration) * base_s,
                        (int(size), checksum),
                        bool(flags & _DISCARDED),
                    )
                )
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise BrokenError("the video's packets can't be listed") from error
    return packets


def copied_span(packets: list[_Packet], begin_s: float, end_s: float) -> _Span:
    """Choose what is copied: from the keyframe that comes first in `packets`, in decoding order. Pure.

    It ends with the first group of pictures after `end_s` that nothing shown earlier is missing from: pictures are
    stored in another order than they are shown in, and one left out in between would make the last moment jump.
    """
    key_s = packets[0].pts_s
    # a keyframe after the moment: none before it leads there (an open group of pictures, a film that begins later)
    start_s = key_s if key_s >= begin_s - NEAR_KEYFRAME_S else _picture_at(packets, begin_s)
    stop = next((place for place, one in enumerate(packets) if one.dts_s >= end_s - _EQUAL_S), len(packets))
    stop = max(stop, 1)
    latest_s = max(one.pts_s for one in packets[:stop])
    while stop < len(packets) and latest_s > min(one.pts_s for one in packets[stop:]):
        latest_s = max(latest_s, packets[stop].pts_s)
        stop += 1
    after_s = packets[stop].dts_s if stop < len(packets) else end_s + _LOOK_AHEAD_S
    # between two packets, so that no rounding moves one over the edge
    return _Span(begin_s, start_s, (packets[stop - 1].dts_s + after_s) / 2 - start_s, tuple(packets[:stop]))


def encoded_span(packets: list[_Packet], begin_s: float, end_s: float) -> _Span:
    """Choose what is encoded anew: exactly the pictures from the one shown at `begin_s` to the end. Pure."""
    start_s = max(_picture_at(packets, begin_s), packets[0].pts_s)
    inside = tuple(one for one in packets if start_s - _EQUAL_S <= one.pts_s < end_s - _EQUAL_S)
    return _Span(begin_s, start_s, end_s - start_s, inside)


def _picture_at(packets: list[_Packet], moment_s: float) -> float:
    """Return when the picture appears that is shown at a moment; the moment itself before the first one."""
    return max((one.pts_s for one in packets if one.pts_s <= moment_s + _EQUAL_S), default=moment_s)


def _of_span(command: list[str], clip: Clip, span: _Span) -> list[str]:
    """Let a conversion's command line take a span only: seek in the source, no chapters, later dates."""
    at = command.index("-i")
    # rounded up: a hair below zero, and the edit list would hide the first picture
    offset_s = math.ceil((span.seek_s - span.begin_s) * 1e6 - 1e-3) / 1e6
    window = ["-itsoffset", f"{offset_s:.6f}", "-ss", f"{span.seek_s:.6f}", "-t", f"{span.read_s:.6f}"]
    dates = [f"{key}={clip.tags[key]}" for key in _DATE_TAGS if key in clip.tags]
    metadata = [word for date in dates for word in ("-metadata", date)]
    if created := real_creation_time(clip):
        metadata += ["-metadata:s", f"creation_time={created}"]  # the tracks' own
    chapters = command.index("-map_chapters") + 1
    whole = [*command[:chapters], "-1", *command[chapters + 1 :]]
    return [*whole[:at], *window, *whole[at:-1], *metadata, whole[-1]]


def _later(tags: dict[str, str], seconds_s: float) -> dict[str, str]:
    """Return tags whose dates with a time of day are later by whole seconds, which is what MP4 can hold."""
    moved = dict(tags)
    for key in _DATE_TAGS:
        text = tags.get(key, "")
        try:
            moment = datetime.fromisoformat(text) + timedelta(seconds=math.floor(seconds_s))
        except (ValueError, OverflowError):
            continue
        if moment.tzinfo is not None and moment.year >= _FIRST_YEAR:
            spec = "microseconds" if "." in text else "seconds"
            moved[key] = moment.isoformat(timespec=spec).replace("+00:00", "Z")
    return moved


def _copy_note(span: _Span, begin_s: float, plan: ConversionPlan) -> str:
    note = f"Copied, not encoded anew ({plan.reason})."
    early_s = begin_s - span.begin_s
    if span.extra_s > NEAR_KEYFRAME_S:
        return f"{note} A player that ignores MP4 edit lists shows {span.extra_s:.2f} s more at the beginning."
    if abs(early_s) * 100 < 1:
        return note
    return f"{note} It begins at a keyframe, {abs(early_s):.2f} s {'early' if early_s > 0 else 'late'}."


def _check_facts(clip: Clip, facts: Clip) -> None:
    """Raise BrokenError if the result is not shown like the source."""
    slack = _PADDED_PX if (facts.width_px, facts.height_px) != (clip.width_px, clip.height_px) else 0
    sizes = ((clip.shown_width_px, facts.shown_width_px), (clip.shown_height_px, facts.shown_height_px))
    same_size = all(abs(before - after) <= slack for before, after in sizes)
    if not same_size or (clip.rotation_deg, clip.hdr) != (facts.rotation_deg, facts.hdr):
        raise BrokenError("the cut scene is not shown like the video (size, rotation or HDR)")


def _check_length(frames: int, length_s: float, span: _Span) -> None:
    wanted = span.shown
    if abs(frames - len(wanted)) > (1 if len(wanted) > 1 else 0):
        raise BrokenError(f"the cut scene shows {frames} of {len(wanted)} pictures")
    wanted_s = span.end_s - min(one.pts_s for one in wanted)
    if abs(length_s - wanted_s) > max(_LENGTH_S, _LENGTH_PART * wanted_s):
        raise BrokenError(f"the cut scene lasts {length_s:.3f} s, not {wanted_s:.3f} s")
