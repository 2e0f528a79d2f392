"""What makes a video stay what it is: what an MP4 would not show alike, or would leave behind. Pure.

Each obstacle is a few words for the history. What only shows in the result itself is found by verifying it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.containers import ISO, PROGRAM_STREAM
from vsortd.core.video_facts import STILL_IMAGE_TIME
from vsortd.media.conversion_words import film_name, listed
from vsortd.media.kept_tags import only_as_keys
from vsortd.media.stream_actions import PCM_LOSSLESS, StreamAction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.core.video_facts import Clip, Stream
    from vsortd.media.movie_facts import MovieFacts, TrackFacts
    from vsortd.media.stream_actions import KeptStream

# The position, motion, exposure of each moment: Android, GoPro, Sony, DJI, and what else ITU-T T.35 carries.
_TELEMETRY = frozenset({"gpmd", "camm", "mett", "metx", "rtmd", "djmd", "it35", "urim"})
_CAPTIONS = frozenset({"c608", "c708", "text", "tx3g", "wvtt", "stpp", "sbtl", "subp"})
# Of no worth to a viewer: how to stream the file, how to present it in MPEG-4 systems, a GoPro's and a DJI's own notes.
IDLE_DATA = frozenset({"fdsc", "rtp ", "rtp", "mp4s", "dbgi"})
# What iPhones note of each moment for their own use while they play or edit; no player shows it.
_IDLE_KEYS = (
    "com.apple.quicktime.detected-",
    "com.apple.quicktime.video-orientation",
    "com.apple.quicktime.live-photo-info",
    "com.apple.quicktime.scene-illuminance",
)
_KINDS = {"audio": "sound", "video": "a picture", "subtitle": "subtitles"}
# What an encoder puts before the first sound and after the last, samples; more was cut away by a person.
_PADDING_SAMPLES, _PCM_SLACK_S = 8192, 0.025


def obstacles(
    clip: Clip, movie: MovieFacts, kept: Sequence[KeptStream], dropped: Sequence[Stream], *, anew: bool
) -> list[str]:
    """Return what speaks against making an MP4, most telling first; `anew`: the pictures are encoded anew."""
    streams = [item.source for item in kept]
    found = [*_of_time(clip, movie, streams, anew=anew)]
    if not anew:
        found += _of_codecs(clip, kept)
    found += _of_tracks(clip, movie, dropped) if movie.demuxer == ISO.demuxer else _of_others(movie, dropped)
    keys = only_as_keys(movie.tags)
    if keys and any(stream.attached_picture for stream in streams):
        found.append(f"cover art beside tags that iTunes has no field for ({listed(keys)})")
    if movie.unread or any(track.unread for track in movie.tracks):
        kinds = sorted({*movie.unread, *(kind for track in movie.tracks for kind in track.unread)})
        found.append(f"user data that MP4 can't hold ({listed(kinds)})")
    return list(dict.fromkeys(found))


def _of_time(clip: Clip, movie: MovieFacts, streams: Sequence[Stream], *, anew: bool) -> Iterator[str]:
    """Yield what an edit list does that would not come out alike."""
    tracks = [track for stream in streams if (track := movie.track(stream.index)) is not None]
    edits = max((track.edits for track in tracks), default=1)
    if edits > 1:
        yield f"{number(edits)} edits"
    if movie.rate != 1.0 or any(track.paced for track in tracks):
        yield "it is played at another speed"
    if any(track.entries > 1 for track in tracks):
        yield "its encoding changes midway"
    trimmed = [track for track in tracks if track.hidden and edits == 1 and not anew]
    for track in trimmed:
        yield f"trimmed ({track.hidden} of {track.samples} frames are hidden)"
    for track in tracks:
        if track.handler == "soun" and not trimmed and edits == 1 and not anew:
            yield from _of_sound(clip, track)
    if any(track.handler == "soun" and not track.enabled for track in tracks):
        yield "a sound track is switched off"


def _of_sound(clip: Clip, track: TrackFacts) -> Iterator[str]:
    stream = next(one for one in clip.streams if one.index == track.index)
    if stream.codec in PCM_LOSSLESS:
        too_much = track.hidden_s > _PCM_SLACK_S
    else:
        too_much = track.hidden_s * track.ticks > _PADDING_SAMPLES
    if too_much:
        yield f"trimmed ({track.hidden_s:.1f} s of its sound are hidden)"


def _of_codecs(clip: Clip, kept: Sequence[KeptStream]) -> Iterator[str]:
    """Yield the film and sound that MP4 can't hold without loss."""
    for item in kept:
        if item.source.index == clip.video_index and item.action is not StreamAction.COPY:
            yield f"{film_name(clip)} does not fit MP4"
        elif item.action is StreamAction.AAC:
            yield f"{item.source.codec} does not fit MP4"


def _of_tracks(clip: Clip, movie: MovieFacts, dropped: Sequence[Stream]) -> Iterator[str]:
    """Yield the tracks that the result would lack, and that are worth something."""
    if clip.has_still_image_time:
        yield "it is half of a Live Photo"
    if any(track.codec_tag == "tmcd" and (track.samples != 1 or not track.timecode.strip()) for track in movie.tracks):
        yield "its timecode is not counted through"
    for stream in dropped:
        if is_idle(stream) or is_still_image_time(stream):
            continue
        tag = stream.codec_tag or stream.codec
        if stream.kind == "audio":
            yield f"sound that MP4 can't hold ({tag or 'unknown'})"
        elif stream.kind == "video":
            yield f"a second picture track that MP4 can't hold ({tag or 'unknown'})"
        elif tag in _CAPTIONS or stream.kind == "subtitle":
            yield f"captions ({tag})"
        elif tag in _TELEMETRY or tag == "mebx":
            yield f"telemetry ({tag if tag != 'mebx' else listed(short_keys(stream))})"
        else:
            yield f"a track that MP4 can't hold ({tag or stream.kind})"


def _of_others(movie: MovieFacts, dropped: Sequence[Stream]) -> Iterator[str]:
    """Yield what another container has that the result would lack, as it was read."""
    yield from movie.obstacles
    for stream in dropped:
        if is_idle(stream) or stream.kind == "attachment":  # told by its name
            continue
        what = stream.codec or stream.codec_tag or "unknown"
        if stream.kind == "data" and movie.demuxer == PROGRAM_STREAM.demuxer:
            yield "menus"
        elif stream.kind == "data":
            yield f"a track that MP4 can't hold ({what})"
        else:
            yield f"{_KINDS.get(stream.kind, stream.kind)} that MP4 can't hold ({what})"


def is_idle(stream: Stream) -> bool:
    """Tell whether a stream may be left out: empty, or of no worth to a viewer."""
    if not stream.frames and not stream.attached_picture:
        return True
    if stream.codec_tag == "mebx":
        return bool(stream.metadata_keys) and all(key.startswith(_IDLE_KEYS) for key in stream.metadata_keys)
    return stream.codec_tag in IDLE_DATA


def is_still_image_time(stream: Stream) -> bool:
    """Tell whether a track says which frame a Live Photo's still is, which is told of the whole file."""
    return STILL_IMAGE_TIME in stream.metadata_keys


def short_keys(stream: Stream) -> list[str]:
    """Return what a metadata track holds, without what all names begin with and what only divides them further."""
    names = [key.removeprefix("com.apple.quicktime.").partition(".")[0] for key in stream.metadata_keys]
    return list(dict.fromkeys(names))


def number(count: int) -> str:
    """Return a count as a word, from ten on in digits."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[count] if count < len(words) else str(count)
