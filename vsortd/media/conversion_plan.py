"""What becomes of a .mov, and of a video in another container. Pure.

The one rule: it becomes an .mp4 only where a viewer could not tell the two apart and nothing of worth is left
behind; else it is filed as it is, with the reason. Pictures and lossy sound are encoded anew only where the config says
`transcode`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vsortd.config.settings import MovPolicy, OtherPolicy
from vsortd.core.containers import ENDINGS, ISO, name_of
from vsortd.core.outcomes import ConversionKind
from vsortd.errors import UsageError
from vsortd.media.conversion_obstacles import obstacles, short_keys
from vsortd.media.conversion_words import left_names, remuxed, transcoded
from vsortd.media.kept_tags import only_as_keys
from vsortd.media.stream_actions import StreamAction, select

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.settings import Convert
    from vsortd.core.video_facts import Clip, Stream
    from vsortd.media.movie_facts import MovieFacts, TrackFacts
    from vsortd.media.stream_actions import KeptStream


_MOV_SUFFIXES = frozenset({".mov", ".qt"})
# An .m4v is an MP4 by another name.
_MP4_ENDINGS = frozenset({"mp4", "m4v"})
# What phones write as key/value metadata.
_KEYED = ("com.apple.", "com.android.")


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """What will be done, and one sentence why, "" where nothing is to be said; `streams` is empty for NONE.

    `tags` are those that only the film's track has, which the result gets for the whole movie, `keyed` says that tags
    are to be written as key/value metadata; `needs` are boxes of the film's sample entry that
    the result must have, too, and that not every ffmpeg carries over. `ending` says when the last picture appears and
    when it goes, in ticks of the film's track, which ffmpeg would guess. `demuxer` is that of the source.
    """

    kind: ConversionKind
    reason: str
    streams: tuple[KeptStream, ...] = ()
    dropped: tuple[Stream, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    keyed: bool = False
    needs: tuple[str, ...] = ()
    ending: tuple[int, int] | None = None
    demuxer: str = ISO.demuxer


def policy_for(source: Path, convert: Convert) -> MovPolicy:
    """Return what the config says is to become of a video, by the ending of its name."""
    if source.suffix.lower() in _MOV_SUFFIXES:
        return convert.mov
    return MovPolicy.REMUX if convert.other is OtherPolicy.REMUX else MovPolicy.NEVER


def is_convertible(source: Path, policy: MovPolicy) -> bool:
    """Tell whether a conversion is to be thought of at all: of no MP4, and only if the policy says so."""
    ending = source.suffix.lower().removeprefix(".")
    return ending in ENDINGS and ending not in _MP4_ENDINGS and policy is not MovPolicy.NEVER


def plan_conversion(clip: Clip, movie: MovieFacts, source: Path, policy: MovPolicy) -> ConversionPlan:
    """Decide what becomes of a video, by what its header says. Pure."""
    if not is_convertible(source, policy):
        return ConversionPlan(ConversionKind.NONE, "")
    anew = policy is MovPolicy.TRANSCODE
    # ffmpeg writes these anew, from the chapters and the timecode that it read
    apart = {*movie.chapter_tracks, *(track.index for track in movie.tracks if track.codec_tag == "tmcd")}
    clip = _counted(clip, movie)
    kept, dropped = select((stream for stream in clip.streams if stream.index not in apart), clip, anew=anew)
    found = obstacles(clip, movie, kept, dropped, anew=anew)
    track = movie.track(clip.video_index)
    if found or track is None:
        return staying(source, ", ".join(found) or "its header does not tell about its film")
    film = next(item for item in kept if item.source.index == clip.video_index)
    left = left_names(dropped, movie, {stream.index: short_keys(stream) for stream in dropped})
    tags = {key: value for key, value in track.own_tags.items() if value and key not in movie.tags}
    keyed = bool(only_as_keys({**movie.tags, **tags}))
    if film.action is StreamAction.COPY:
        kind, reason, needs = (
            ConversionKind.REMUX,
            remuxed(kept, left),
            tuple(sorted(track.boxes)),
        )
    else:
        kind, reason, needs = ConversionKind.TRANSCODE, transcoded(clip, movie, kept, left, film), ()
    ending = _ending(movie, track)
    return ConversionPlan(kind, reason, tuple(kept), tuple(dropped), tags, keyed, needs, ending, movie.demuxer)


def _counted(clip: Clip, movie: MovieFacts) -> Clip:
    """Return a clip whose streams have as many samples as reading the whole file counted, which headers don't tell."""
    if movie.demuxer == ISO.demuxer:
        return clip
    counts = {track.index: track.samples for track in movie.tracks}
    streams = (replace(stream, frames=counts.get(stream.index, stream.frames)) for stream in clip.streams)
    return replace(clip, streams=tuple(streams))


def _ending(movie: MovieFacts, track: TrackFacts) -> tuple[int, int] | None:
    if movie.fragmented or not track.last_s:
        return None
    end_s = track.start_s + track.shown_s
    return round((end_s - track.last_s) * track.ticks), round(end_s * track.ticks)


def staying(source: Path, why: str) -> ConversionPlan:
    """Return the plan for a video that is filed as it is, and why."""
    return ConversionPlan(ConversionKind.NONE, f"stays {source.suffix.lower()}: {why}")


def insist_on_movie(source: Path, clip: Clip) -> None:
    """Raise UsageError for a video out of which no scene can be cut: of another container than MP4 and MOV."""
    if clip.container not in {"mp4", "mov"}:
        raise UsageError(
            f"Scenes are cut out of MP4 and MOV; {source} is {name_of(clip.container)}.",
            remedy="Make an MP4 of it first, such as with: ffmpeg -i VIDEO -c copy VIDEO.mp4",
            paths=[source],
        )


def plan_scene(clip: Clip, *, anew: bool) -> ConversionPlan:
    """Plan what a scene that is cut out consists of: pictures, sound and subtitles, copied where they fit MP4. Pure."""
    streams = (stream for stream in clip.streams if stream.kind in {"video", "audio", "subtitle"})
    kept, dropped = select(streams, clip, anew=anew)
    film = next(item for item in kept if item.source.index == clip.video_index)
    keyed = any(key.startswith(_KEYED) for key in clip.tags)
    kind, why = ConversionKind.REMUX, f"{film.source.codec} fits MP4 as it is"
    if film.action is not StreamAction.COPY:
        kind = ConversionKind.TRANSCODE
        why = "asked for" if anew else f"{film.source.codec or 'the video'} does not fit MP4"
    return ConversionPlan(kind, why, tuple(kept), tuple(dropped), keyed=keyed)
