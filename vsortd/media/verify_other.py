"""Comparing an MP4 with the Matroska, AVI, MPEG-TS … that it was made of: what a viewer sees and hears of both.

Worker processes only. As with a MOV (`verify_conversion`) nothing that the tool says about itself is taken on trust.
Such containers say less in their headers, so packets are held against each other as a decoder gets them, sound is
decoded to its end on both sides, and so are the keyframes of the film.
"""

from __future__ import annotations

import hashlib
import time
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, cast

import av
from av.stream import Disposition

from vsortd.errors import LimitError
from vsortd.media.container import OpenVideo, open_video, packets
from vsortd.media.full_decode import decode_all
from vsortd.media.kept_tags import difference_of_tags, difference_of_track_tags
from vsortd.media.movie_reader import chapters_of, read_movie
from vsortd.media.packet_compare import EQUAL_S, CommonShift, packets_of, stream_of
from vsortd.media.payloads import StreamPayloads
from vsortd.media.stream_actions import StreamAction
from vsortd.media.verify_conversion import ComparedPair, is_of_its_own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from av.audio.stream import AudioStream
    from av.stream import Stream
    from av.video.stream import VideoStream

    from vsortd.media.movie_facts import MovieFacts

Report = dict[str, Any]
_Key = tuple[float, bytes]  # when a keyframe is shown, seconds, and a digest of its picture
# What Matroska's writers count for each track; it is not of what is in it.
_STATISTICS = ("bps", "duration", "number_of_frames", "number_of_bytes", "_statistics_", "source_id")
_UNSPECIFIED = (0, 2)  # colours of ITU-T H.273 that say nothing
# What a track's marks may differ in: which is played by itself is compared apart, and cover art is.
_MARKS_APART = Disposition.default | Disposition.attached_pic


def compare_other(
    source: str, result: str, pairs: Sequence[ComparedPair], tags: Mapping[str, str], *, deadline: float
) -> Report:
    """Compare an MP4 with its source in another container; arguments and answer as `compare_conversion` has them.

    Raises VideoError for what can't be read, LimitError when `deadline` passes.
    """
    with open_video(source) as one, open_video(result) as other:
        difference = next(_of_headers(one, other, pairs, tags), "")
    if difference:
        return {"difference": difference}
    shift, digest, counts = CommonShift(), hashlib.sha256(), [0, 0]
    for pair in pairs:
        if pair.action is not StreamAction.COPY:
            continue
        with open_video(source) as one, open_video(result) as other:
            for size, payload in _same_packets(one, other, pair, shift, deadline):
                if isinstance(payload, str):
                    return {"difference": payload}
                digest.update(payload)
                counts = [counts[0] + 1, counts[1] + size]
    for pair in pairs:
        difference = next(_of_decoded(source, result, pair, shift, deadline), "")
        if difference:
            return {"difference": difference}
    return {"difference": "", "packets": counts[0], "bytes": counts[1], "sha256": digest.hexdigest()}


def _of_headers(
    one: OpenVideo, other: OpenVideo, pairs: Sequence[ComparedPair], tags: Mapping[str, str]
) -> Iterator[str]:
    """Yield how the two differ by what their headers say."""
    after = read_movie(other)
    tracks = [stream for stream in other.container.streams if is_of_its_own(stream, after)]
    if len(tracks) != len(pairs):
        yield f"the MP4 would have {len(tracks)} of {len(pairs)} tracks"
        return
    if tuple(chapters_of(one)) != after.chapters:
        yield "the MP4 would have other chapters"
    streams = [(stream_of(one, pair.source), stream_of(other, pair.result)) for pair in pairs]
    yield from _of_marks(streams)
    for pair, (left, right) in zip(pairs, streams, strict=True):
        if not pair.attached_picture:
            yield from _of_track(left, right, after)
    folded = {key.lower(): value for key, value in after.tags.items()}
    yield from filter(None, [difference_of_tags({key.lower(): tags[key] for key in tags}, folded)])


def _of_track(left: Stream, right: Stream, after: MovieFacts) -> Iterator[str]:
    track = after.track(right.index)
    if track is None or track.edits > 1 or track.paced:
        yield f"its {left.type} would have edits of its own"
    wanted = {key.lower(): value for key, value in left.metadata.items()}
    wanted = {key: value for key, value in wanted.items() if not key.startswith(_STATISTICS)}
    found = {key.lower(): value for key, value in right.metadata.items()}
    if "name" in found:  # what MP4 calls a track's title
        found["title"] = found["name"]
    yield from filter(None, [difference_of_track_tags(wanted, found)])
    if left.type == "video" and _colours(left) != _colours(right):
        yield "the MP4 would be shown in other colours"


def _colours(stream: Stream) -> tuple[int, ...]:
    """Return primaries, transfer, matrix and range, 0 where nothing is said; a range that isn't full is the usual."""
    context = cast("VideoStream", stream).codec_context
    named = (context.color_primaries, context.color_trc, context.colorspace)
    plain = tuple(0 if int(value) in _UNSPECIFIED else int(value) for value in named)
    return (*plain, int(int(context.color_range) == 2))  # noqa: PLR2004 - the full range


def _of_marks(streams: Sequence[tuple[Stream, Stream]]) -> Iterator[str]:
    """Yield the marks that tracks would lose or get: forced, for the deaf, a commentary, and which are played."""
    for left, right in streams:
        lost = (left.disposition ^ right.disposition) & ~_MARKS_APART
        if lost:
            yield f"the MP4 would lose a mark of a track ({Disposition(lost).name})"
    for kind in ("video", "audio", "subtitle"):
        played = [
            _played([pair[side] for pair in streams if pair[side].type == kind and not _is_cover(pair[side])])
            for side in (0, 1)
        ]
        if played[0] != played[1]:
            yield f"another {kind} track would be played by itself"


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _played(streams: Sequence[Stream]) -> list[bool]:
    """Tell of tracks of one kind which are played without being asked for: those marked so, else the first."""
    marked = [bool(stream.disposition & Disposition.default) for stream in streams]
    return marked if any(marked) else [number == 0 for number in range(len(marked))]


def _same_packets(
    one: OpenVideo, other: OpenVideo, pair: ComparedPair, shift: CommonShift, deadline: float
) -> Iterator[tuple[int, bytes | str]]:
    """Yield each packet's size and payload while both files have the same, then the first difference in words."""
    left, right = stream_of(one, pair.source), stream_of(other, pair.result)
    wrapped = StreamPayloads(_codec(left), _setup(left), _setup(right))
    what = f"stream {pair.source}"
    if pair.attached_picture:
        if _cover(one, left) != _cover(other, right):
            yield 0, f"{what}: the cover would be another"
        return
    if wrapped.difference:
        yield 0, f"{what}: {wrapped.difference}"
        return
    last = (float("-inf"), 0.0, 0.0)
    for number, (a, b) in enumerate(zip_longest(packets_of(one.container, left), packets_of(other.container, right))):
        if a is None or b is None:
            yield 0, f"{what}: it would have {'fewer' if b is None else 'more'} parts"
            return
        payload = bytes(a)
        difference = next(_of_packets(a, b, left, shift), "")
        if difference or not wrapped.same(payload, bytes(b)):
            yield 0, f"packet {number} of {what} would {difference or 'hold something else'}"
            return
        if time.monotonic() > deadline:
            raise LimitError("comparing the whole video takes too long")
        begin_s = _seconds(a.pts, left)
        last = max(last, (begin_s, _seconds(a.duration, left), _seconds(b.duration, right)))
        yield len(payload), payload
    if left.type == "video" and last[1] and abs(last[1] - last[2]) > EQUAL_S + _tick_s(left):
        yield 0, f"{what}: its last part would be shown for {last[2]:.3f} s"


def _cover(video: OpenVideo, stream: Stream) -> bytes:
    """Return the bytes of cover art, which libav puts before all other packets."""
    return next((bytes(packet) for packet in packets(video.container, stream)), b"")


def _of_packets(a: av.Packet[Any], b: av.Packet[Any], left: Stream, shift: CommonShift) -> Iterator[str]:
    """Yield what a packet would do otherwise. What of the sound is hidden at its ends shows when it is decoded."""
    if a.is_keyframe != b.is_keyframe:
        yield f"{'no longer' if a.is_keyframe else 'suddenly'} be a keyframe"
    if left.type == "video" and a.is_discard != b.is_discard:
        yield f"be {'shown' if a.is_discard else 'hidden'}"
    if a.pts is None or b.pts is None:
        yield "have no time of its own"
        return
    off_s = shift.off_s(float(a.pts * a.time_base), float(b.pts * b.time_base))
    if off_s > EQUAL_S:
        yield f"be shown {off_s * 1000:.1f} ms off"


def _of_decoded(source: str, result: str, pair: ComparedPair, shift: CommonShift, deadline: float) -> Iterator[str]:
    """Yield how sound to its end, or a film's keyframes, differ where both are decoded."""
    with open_video(source) as one, open_video(result) as other:
        left, right = stream_of(one, pair.source), stream_of(other, pair.result)
        kind, slack_s = left.type, EQUAL_S + _tick_s(left)
        if kind == "video" and not pair.attached_picture:
            pictures = zip_longest(_keyframes(one, left, deadline), _keyframes(other, right, deadline))
            yield from _of_keyframes(pictures, shift, slack_s)
    if kind == "audio":
        (before,) = decode_all(source, [pair.source], deadline=deadline)["streams"]
        (after,) = decode_all(result, [pair.result], deadline=deadline)["streams"]
        if pair.action is StreamAction.COPY:
            # bit by bit, as was seen: only its ends may be cut elsewhere, to less than can be told apart
            rate = cast("AudioStream", left).rate
            if _codec(left) != _codec(right) or 0 < abs(before["frames"] - after["frames"]) <= EQUAL_S * rate:
                after |= {"frames": before["frames"], "sha256": before["sha256"]}
        yield from _of_sound(before, after, shift, slack_s)


def _of_keyframes(
    pictures: Iterable[tuple[_Key | None, _Key | None]], shift: CommonShift, slack_s: float
) -> Iterator[str]:
    for number, (before, after) in enumerate(pictures):
        if before is None or after is None or before[1] != after[1]:
            yield f"keyframe {number} of its film would look otherwise"
            return
        if shift.off_s(before[0], after[0]) > slack_s:
            yield f"keyframe {number} of its film would be shown at another time"


def _of_sound(before: Report, after: Report, shift: CommonShift, slack_s: float) -> Iterator[str]:
    if after["errors"] > before["errors"]:
        yield f"its sound would decode with {after['errors']} errors"
    if before["frames"] != after["frames"]:
        yield f"its sound would have {after['frames']} samples, not {before['frames']}"
    elif before["sha256"] != after["sha256"]:
        yield "its sound would not be the same"
    for when in ("first_s", "end_s"):
        if before[when] is None or after[when] is None:
            continue
        off_s = shift.off_s(before[when], after[when])
        if off_s > slack_s:
            yield f"its sound would {'begin' if when == 'first_s' else 'end'} {off_s * 1000:.1f} ms off"


def _keyframes(video: OpenVideo, stream: Stream, deadline: float) -> Iterator[_Key]:
    """Yield the time of each keyframe of a film, seconds, and a digest of its picture."""
    context = cast("VideoStream", stream).codec_context
    context.thread_count, context.skip_frame = 1, "NONKEY"
    for packet in chain(_keys(video, stream), [None]):
        if time.monotonic() > deadline:
            raise LimitError("comparing the whole video takes too long")
        try:
            frames = context.decode(packet)
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                picture = frame.to_ndarray(format="rgb24")
                yield float(frame.pts * frame.time_base), hashlib.sha256(picture.tobytes()).digest()


def _keys(video: OpenVideo, stream: Stream) -> Iterator[av.Packet[Any]]:
    return (packet for packet in packets_of(video.container, stream) if packet.is_keyframe)


def _codec(stream: Stream) -> str:
    context = getattr(stream, "codec_context", None)
    return "" if context is None or context.codec is None else str(context.codec.canonical_name)


def _setup(stream: Stream) -> bytes:
    context = getattr(stream, "codec_context", None)
    return b"" if context is None else context.extradata or b""


def _tick_s(stream: Stream) -> float:
    return float(stream.time_base or 0)


def _seconds(ticks: int | None, stream: Stream) -> float:
    return float((ticks or 0) * (stream.time_base or 0))
