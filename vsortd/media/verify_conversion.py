"""Comparing a converted file with its source: what is shown of each track, packet by packet, or by decoding it.

Worker processes only. Nothing a conversion tool says about itself is taken on trust: both files are read
again here, by another build of libav than the one that wrote the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vsortd.media.container import OpenVideo, open_video
from vsortd.media.full_decode import decode_all
from vsortd.media.kept_tags import difference_of_tags, difference_of_track_tags
from vsortd.media.movie_reader import read_movie
from vsortd.media.packet_compare import EQUAL_S, CommonShift, compare_packets
from vsortd.media.stream_actions import StreamAction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from av.stream import Stream

    from vsortd.media.movie_facts import MovieFacts, TrackFacts

# Sound that is encoded anew comes in frames of its own: up to 2048 samples of 8 kHz at the end.
_LOSSY_SOUND_S = 0.26
_ASPECT_PART = 0.02

_SOUND = frozenset({StreamAction.ALAC, StreamAction.AAC})

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """A stream of the source, its place in the result, and what was done to it."""

    source: int
    result: int
    action: StreamAction
    attached_picture: bool = False


def compare_conversion(
    source: str, result: str, pairs: Sequence[ComparedPair], tags: Mapping[str, str], *, deadline: float
) -> Report:
    """Compare a converted file with its source; `tags` are those that it should have, `deadline` a time.monotonic().

    Returns {"difference"}: "" or the first one in words; and of what was copied, where all agree, {"packets", "bytes",
    "sha256"}. Raises VideoError for what can't be read.
    """
    with open_video(source) as one, open_video(result) as other:
        difference = next(_of_headers(one, other, pairs, tags), "")
        fragmented = one.layout.fragmented
    if difference:
        return {"difference": difference}
    copied = [
        (pair.source, pair.result) for pair in pairs if pair.action is StreamAction.COPY and not pair.attached_picture
    ]
    shift = CommonShift()
    report = compare_packets(source, result, copied, shift, ends=fragmented)
    anew = [pair for pair in pairs if pair.action is not StreamAction.COPY and not report["difference"]]
    # pictures first: sound that is encoded anew is held against them
    for pair in sorted(anew, key=lambda one: one.action in _SOUND):
        difference = next(_of_decoded(source, result, pair, shift, deadline), "")
        if difference:
            return {"difference": difference}
    return report


def _of_headers(
    one: OpenVideo, other: OpenVideo, pairs: Sequence[ComparedPair], tags: Mapping[str, str]
) -> Iterator[str]:
    """Yield how the two differ by what their headers say."""
    before, after = read_movie(one), read_movie(other)
    tracks = [stream for stream in other.container.streams if is_of_its_own(stream, after)]
    if len(tracks) != len(pairs):
        yield f"the MP4 would have {len(tracks)} of {len(pairs)} tracks"
    if before.chapters != after.chapters:
        yield "the MP4 would have other chapters"
    if _timecodes(before) != _timecodes(after):
        yield "the MP4 would have another timecode"
    for pair in pairs:
        left, right = before.track(pair.source), after.track(pair.result)
        if left is None or right is None:  # cover art, which is no track
            continue
        yield from _of_tracks(left, right, pair)
        streams = one.container.streams[pair.source], other.container.streams[pair.result]
        if not before.fragmented and pair.action in {StreamAction.COPY, StreamAction.ALAC}:
            yield from _of_lengths(*streams)
        yield from filter(None, [difference_of_track_tags(streams[0].metadata, streams[1].metadata)])
    yield from filter(None, [difference_of_tags(tags, after.tags)])


def _of_lengths(one: Stream, other: Stream) -> Iterator[str]:
    """Yield how the lengths differ that players based on libav tell; they look at more than the edit list."""
    lengths_s = [float((stream.duration or 0) * (stream.time_base or 0)) for stream in (one, other)]
    if abs(lengths_s[0] - lengths_s[1]) > EQUAL_S:
        yield f"its {one.type} would last {lengths_s[1]:.3f} s, not {lengths_s[0]:.3f} s"


def is_of_its_own(stream: Stream, movie: MovieFacts) -> bool:
    """Tell whether a stream is none that ffmpeg writes of itself, for chapters and timecode."""
    track = movie.track(stream.index)
    return stream.index not in movie.chapter_tracks and (track is None or track.codec_tag != "tmcd")


def _timecodes(movie: MovieFacts) -> set[str]:
    return {track.timecode for track in movie.tracks if track.codec_tag == "tmcd"}


def _of_tracks(left: TrackFacts, right: TrackFacts, pair: ComparedPair) -> Iterator[str]:
    """Yield how a track would be shown otherwise than its source."""
    what = {"vide": "film", "soun": "sound"}.get(left.handler, f"track {left.codec_tag}")
    slack_s = _LOSSY_SOUND_S if pair.action is StreamAction.AAC else EQUAL_S
    if left.shown_s >= 0 and abs(left.shown_s - right.shown_s) > slack_s:
        yield f"its {what} would last {right.shown_s:.3f} s, not {left.shown_s:.3f} s"
    if right.edits > 1 or right.paced:
        yield f"its {what} would have edits of its own"
    if left.enabled != right.enabled:
        yield f"its {what} would be switched {'on' if right.enabled else 'off'}"
    if left.matrix != right.matrix:
        yield f"its {what} would be turned otherwise"
    if pair.action is StreamAction.COPY:
        if left.aspect and abs(left.aspect - right.aspect) > _ASPECT_PART * left.aspect:
            yield f"its {what} would be shown in another shape"
        lost = [kind for kind, value in left.boxes.items() if right.boxes.get(kind) != value]
        if lost:
            yield f"the MP4 would lose {', '.join(sorted(lost))}"


def _of_decoded(source: str, result: str, pair: ComparedPair, shift: CommonShift, deadline: float) -> Iterator[str]:
    """Yield how a stream that was encoded anew differs, by decoding both."""
    (before,) = decode_all(source, [pair.source], deadline=deadline)["streams"]
    (after,) = decode_all(result, [pair.result], deadline=deadline)["streams"]
    what = "sound" if pair.action in _SOUND else "film"
    if after["errors"]:
        yield f"its {what} would decode with {after['errors']} errors"
    if pair.action is StreamAction.ALAC and (before["frames"], before["sha256"]) != (after["frames"], after["sha256"]):
        yield "its sound would not be the same"
    if what == "film" and before["frames"] != after["frames"]:
        yield f"its film would show {after['frames']} of {before['frames']} frames"
    if before["first_s"] is None or after["first_s"] is None:
        return
    slack_s = _LOSSY_SOUND_S if pair.action is StreamAction.AAC else EQUAL_S
    # of pictures when the last appears; of sound where the last sample ends, however the samples are packed
    for when in ("first_s", "end_s" if what == "sound" else "last_s"):
        off_s = shift.off_s(before[when], after[when])
        if off_s > slack_s:
            yield f"its {what} would {'begin' if when == 'first_s' else 'end'} {off_s * 1000:.1f} ms off"
