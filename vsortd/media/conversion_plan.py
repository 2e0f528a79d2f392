"""What becomes of a .mov. Pure.

The one rule: a .mov becomes an .mp4 only where a viewer could not tell the two apart and nothing of worth is left
behind; else it is filed as it is, with the reason. Pictures and lossy sound are encoded anew only where the config says
`transcode`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsortd.config.settings import MovPolicy
from vsortd.core.outcomes import ConversionKind
from vsortd.media.conversion_obstacles import obstacles, short_keys
from vsortd.media.conversion_words import left_names, remuxed, transcoded
from vsortd.media.kept_tags import only_as_keys
from vsortd.media.stream_actions import StreamAction, select

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.video_facts import Clip, Stream
    from vsortd.media.movie_facts import MovieFacts, TrackFacts
    from vsortd.media.stream_actions import KeptStream


# What phones write as key/value metadata.
_KEYED = ("com.apple.", "com.android.")


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """What will be done, and one sentence why, "" where nothing is to be said; `streams` is empty for NONE.

    `tags` are those that only the film's track has, which the result gets for the whole movie, `keyed` says that tags
    are to be written as key/value metadata; `needs` are boxes of the film's sample entry that
    the result must have, too, and that not every ffmpeg carries over. `ending` says when the last picture appears and
    when it goes, in ticks of the film's track, which ffmpeg would guess.
    """

    kind: ConversionKind
    reason: str
    streams: tuple[KeptStream, ...] = ()
    dropped: tuple[Stream, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    keyed: bool = False
    needs: tuple[str, ...] = ()
    ending: tuple[int, int] | None = None


def is_convertible(source: Path, policy: MovPolicy) -> bool:
    """Tell whether a conversion is to be thought of at all: of a .mov only, and only if the policy says so."""
    return source.suffix.lower() == ".mov" and policy is not MovPolicy.NEVER


def plan_conversion(clip: Clip, movie: MovieFacts, source: Path, policy: MovPolicy) -> ConversionPlan:
    """Decide what becomes of a video, by what its header says. Pure."""
    if not is_convertible(source, policy):
        return ConversionPlan(ConversionKind.NONE, "")
    anew = policy is MovPolicy.TRANSCODE
    # ffmpeg writes these anew, from the chapters and the timecode that it read
    apart = {*movie.chapter_tracks, *(track.index for track in movie.tracks if track.codec_tag == "tmcd")}
    kept, dropped = select((stream for stream in clip.streams if stream.index not in apart), clip, anew=anew)
    found = obstacles(clip, movie, kept, dropped, anew=anew)
    track = movie.track(clip.video_index)
    if found or track is None:
        return staying(", ".join(found) or "its header does not tell about its film")
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
    return ConversionPlan(kind, reason, tuple(kept), tuple(dropped), tags, keyed, needs, _ending(movie, track))


def _ending(movie: MovieFacts, track: TrackFacts) -> tuple[int, int] | None:
    if movie.fragmented or not track.last_s:
        return None
    end_s = track.start_s + track.shown_s
    return round((end_s - track.last_s) * track.ticks), round(end_s * track.ticks)


def staying(why: str) -> ConversionPlan:
    """Return the plan for a .mov that is filed as it is, and why."""
    return ConversionPlan(ConversionKind.NONE, f"stays .mov: {why}")


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
