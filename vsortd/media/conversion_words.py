"""What is done to a video, said in a few words for the history. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.media.stream_actions import StreamAction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.core.video_facts import Clip, Stream
    from vsortd.media.movie_facts import MovieFacts
    from vsortd.media.stream_actions import KeptStream

_PRORES = {"apco": "proxy", "apcs": "LT", "apcn": "422", "apch": "422 HQ", "ap4h": "4444", "ap4x": "4444 XQ"}
_MOST_NAMES = 6
_CHROMA = (("444", "4:4:4"), ("440", "4:4:0"), ("422", "4:2:2"), ("411", "4:1:1"), ("410", "4:1:0"))
_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "pal8")
_WITH_ALPHA = ("yuva", "rgba", "argb", "bgra", "abgr", "gbrap", "ya8", "ya16", "pal8", "rgba64", "bgra64")
# What is lost with boxes of the film's sample entry when its pictures are encoded anew.
_LOST_WITH = {
    "dvcC": "Dolby Vision lost",
    "dvvC": "Dolby Vision lost",
    "dvwC": "Dolby Vision lost",
    "lhvC": "second view lost",
    "vexu": "second view lost",
    "mdcv": "HDR mastering data lost",
    "clli": "HDR mastering data lost",
}


def film_name(clip: Clip) -> str:
    """Return the name of a film's codec, with ProRes's variant."""
    film = next((stream for stream in clip.streams if stream.index == clip.video_index), None)
    variant = _PRORES.get(film.codec_tag, "") if film is not None and clip.video_codec == "prores" else ""
    return f"{clip.video_codec or 'the film'} {variant}".strip()


def remuxed(kept: Sequence[KeptStream], left: Sequence[str]) -> str:
    """Say what is copied, what becomes ALAC, and what is left out: `h264 + aac`."""
    return "; ".join(["remux: " + " + ".join(_changes(kept)), *_left_out(left)])


def transcoded(clip: Clip, movie: MovieFacts, kept: Sequence[KeptStream], left: Sequence[str], film: KeptStream) -> str:
    """Say what is encoded anew, and what is lost by it: `prores 4444 → h264, alpha lost`."""
    codec = "hevc" if film.action is StreamAction.HEVC10 else "h264"
    losses = dict.fromkeys(_losses(clip, movie, film))
    pictures = ", ".join([f"transcode (asked for): {film_name(clip)} → {codec}", *losses])
    others = " + ".join(_changes([item for item in kept if item is not film]))
    return "; ".join([pictures, *filter(None, [others]), *_left_out(left)])


def left_names(dropped: Sequence[Stream], movie: MovieFacts, short_keys: dict[int, list[str]]) -> list[str]:
    """Name what the result lacks: tracks of no worth to a viewer, empty ones, and values that are no text."""
    names = []
    for stream in dropped:
        if not stream.frames:
            names.append(f"an empty {stream.kind} track")
        else:
            names.append(listed(short_keys.get(stream.index, [])) or f"{stream.codec_tag or stream.kind} track")
    for track in movie.tracks:
        names += [key.rpartition(".")[2] for key, value in track.own_tags.items() if not value]
    return list(dict.fromkeys(names))


def listed(names: Sequence[str]) -> str:
    """Return names with commas, a few of many."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _changes(kept: Sequence[KeptStream]) -> Iterator[str]:
    # the film first: iPhones write the sound before it at times
    for item in sorted(kept, key=lambda one: one.source.kind != "video" or one.source.attached_picture):
        name = item.source.codec or item.source.codec_tag
        if item.source.attached_picture:
            yield "cover"
        elif item.action is StreamAction.ALAC:
            yield "pcm → alac, lossless"
        elif item.action is StreamAction.AAC:
            yield f"{name} → aac"
        else:
            yield name


def _left_out(names: Sequence[str]) -> list[str]:
    return [f"left out: {listed(names)}"] if names else []


def _losses(clip: Clip, movie: MovieFacts, film: KeptStream) -> Iterator[str]:
    """Yield what of a film's pictures is lost when they become 4:2:0 without alpha."""
    if clip.pixel_format.startswith(_WITH_ALPHA):
        yield "alpha lost"
    target_bits = 10 if film.action is StreamAction.HEVC10 else 8
    if clip.bit_depth > target_bits:
        yield f"{clip.bit_depth} bit → {target_bits} bit"
    chroma = next((name for mark, name in _CHROMA if mark in clip.pixel_format), "")
    if clip.pixel_format.startswith(_RGB):
        chroma = "RGB"
    if chroma:
        yield f"{chroma} → 4:2:0"
    track = movie.track(film.source.index)
    if track is not None:
        yield from (_LOST_WITH[kind] for kind in track.boxes if kind in _LOST_WITH)
        if track.hidden:
            yield f"{track.hidden} hidden frames left behind"
